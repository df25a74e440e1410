// SPDX-License-Identifier: Apache-2.0
#include "client/commands/session.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kSessionSuffixBytes = 4;
constexpr int kSignalExitBase = 128;
constexpr char kInterrupted[] = "interrupted";
constexpr char kTimeIsOver[] = "the time of --timeout is over";
constexpr char kNobody[] = "nobody";  // a user without a name

std::string Hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    absl::StrAppend(&text, absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2));
  }
  return text;
}

}  // namespace

Session::Session(GlobalFlags flags, const ProgramParts& parts, Console& console, Report& report)
    : flags_(std::move(flags)),
      parts_(parts),
      console_(console),
      report_(report),
      progress_(report, !flags_.no_progress && !flags_.quiet) {}

Session::~Session() = default;

const client::ClientSettings* Session::Settings() {
  if (settings_) return &*settings_;
  auto read = client::ReadSettings(
      {flags_.config, flags_.coordinator, flags_.collection, flags_.identify_timeout},
      parts_.places);
  if (!read.ok()) {
    report_.Error({.code = ExitCode::kUsage, .message = std::string(read.status().message())});
    return nullptr;
  }
  settings_ = *std::move(read);
  report_.SetCollection(settings_->collection);
  collection_ = *base::CollectionId::Parse(settings_->collection);
  return &*settings_;
}

absl::Status Session::Prepare() {
  const client::ClientSettings& settings = *settings_;
  BITREPO_ASSIGN_OR_RETURN(const absl::Duration timeout, TimeLimit());
  BITREPO_ASSIGN_OR_RETURN(
      client::ClientMachinery machinery,
      parts_.make_machinery(settings.coordinator, [this](int signal) { OnSignal(signal); }));
  client::ClientOptions options;
  options.repository_id = settings.repository;
  options.principal = settings.name;
  options.session = NameOfThisRun(settings.name);
  options.program_version = parts_.version;
  options.patience = settings.PatienceOf();
  options.rates = settings.rates;
  if (!receiving_.empty()) {
    options.rates.push_back({wire::RATE_NODE, "", receiving_, false});  // in place of one before it
  }
  options.pace = sending_;
  BITREPO_ASSIGN_OR_RETURN(client_,
                           client::BlockingClient::Start(std::move(options), std::move(machinery)));
  started_ = client_.get();
  if (interrupted_ != 0) client_->Cancel(kInterrupted);  // the signal came while it started
  if (timeout != absl::InfiniteDuration()) {
    client_->Post([this, timeout](client::Client&) {
      client_->loop().RunAfter(timeout, [this] { End(SIGALRM, kTimeIsOver); });
    });
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Duration> Session::TimeLimit() const {
  if (flags_.timeout.empty()) return absl::InfiniteDuration();
  return runtime::ParseDuration(flags_.timeout);
}

std::string Session::NameOfThisRun(const std::string& name) const {
  return absl::StrCat(name, ".", Hex(parts_.random->Bytes(kSessionSuffixBytes)));
}

absl::Status Session::PrepareByToken() {
  BITREPO_ASSIGN_OR_RETURN(const absl::Duration timeout, TimeLimit());
  BITREPO_ASSIGN_OR_RETURN(client::TokenMachinery machinery,
                           parts_.make_token_machinery([this](int signal) { OnSignal(signal); }));
  const std::string& user = parts_.places.user_name;
  BITREPO_ASSIGN_OR_RETURN(holder_,
                           client::TokenClient::Start(NameOfThisRun(user.empty() ? kNobody : user),
                                                      std::move(machinery)));
  holder_started_ = holder_.get();
  if (interrupted_ != 0) holder_->Cancel(kInterrupted);  // the signal came while it started
  if (timeout != absl::InfiniteDuration()) {
    holder_->loop().Post([this, timeout] {
      holder_->loop().RunAfter(timeout, [this] { End(SIGALRM, kTimeIsOver); });
    });
  }
  return absl::OkStatus();
}

client::TokenClient* Session::ConnectByToken() {
  if (absl::Status ready = PrepareByToken(); !ready.ok()) {
    report_.Error({.code = ExitCode::kLocal, .message = std::string(ready.message())});
    return nullptr;
  }
  return holder_.get();
}

client::BlockingClient* Session::Connect() {
  if (client_ != nullptr) return client_.get();
  if (Settings() == nullptr) return nullptr;
  if (settings_->coordinator.empty()) {
    report_.Error({.code = ExitCode::kUsage,
                   .message = "no coordinator is named: neither --coordinator, nor "
                              "BITREPO_COORDINATOR, nor a settings file says where it is",
                   .hint = "bitrepo local up"});
    return nullptr;
  }
  console_.Detail(absl::StrCat(
      "settings from ",
      settings_->files.empty() ? "no file" : absl::StrJoin(settings_->files, ", "),
      "; coordinator ", settings_->coordinator, ", collection ", settings_->collection));
  if (absl::Status ready = Prepare(); !ready.ok()) {
    report_.Error({.code = absl::IsInvalidArgument(ready) ? ExitCode::kUsage : ExitCode::kLocal,
                   .message = absl::StrCat(settings_->coordinator, ": ", ready.message())});
    client_.reset();
    return nullptr;
  }
  auto welcome = client_->WaitUntilUp(kConnectPatience);
  if (!welcome.ok()) {
    if (interrupted_ == 0) {
      report_.Error(
          {.code = ExitCode::kUnreachable,
           .message = absl::StrCat("no coordinator at ", settings_->coordinator, ": ",
                                   welcome.status().message(), " within ",
                                   absl::FormatDuration(kConnectPatience)),
           .retryable = true,
           .hint = "bitrepo local status, or look whether bitrepo-coordinator runs there"});
    }
    return nullptr;
  }
  welcome_ = *std::move(welcome);
  return client_.get();
}

void Session::OnSignal(int signal) {
  if (signal == SIGUSR1) {
    progress_.PrintState();
    return;
  }
  if (interrupted_ != 0) _exit(kSignalExitBase + signal);  // the second one means it
  End(signal, kInterrupted);
}

void Session::End(int signal, const std::string& reason) {
  int none = 0;
  if (!interrupted_.compare_exchange_strong(none, signal)) return;
  console_.Note(absl::StrCat("bitrepo: ", reason, "; ending what is under way"));
  {
    base::MutexLock lock(rest_mutex_);
    rest_changed_.NotifyAll();
  }
  if (on_interrupt_) on_interrupt_();
  if (client::BlockingClient* client = started_) client->Cancel(reason);
  if (client::TokenClient* holder = holder_started_) holder->Cancel(reason);
}

bool Session::Rest(absl::Duration time) {
  uint64_t this_one = 0;
  {
    base::MutexLock lock(rest_mutex_);
    this_one = rests_over_ + 1;
  }
  client_->Post([this, time](client::Client&) {
    client_->loop().RunAfter(time, [this] {
      base::MutexLock lock(rest_mutex_);
      ++rests_over_;
      rest_changed_.NotifyAll();
    });
  });
  base::MutexLock lock(rest_mutex_);
  while (rests_over_ < this_one && interrupted_ == 0) rest_changed_.Wait(rest_mutex_);
  return interrupted_ == 0;
}

std::string Session::Again(absl::string_view rest) const {
  std::string again = "bitrepo";
  if (!flags_.config.empty()) absl::StrAppend(&again, " --config ", ShellWord(flags_.config));
  if (!flags_.coordinator.empty()) {
    absl::StrAppend(&again, " --coordinator ", ShellWord(flags_.coordinator));
  }
  if (!flags_.collection.empty()) absl::StrAppend(&again, " -c ", ShellWord(flags_.collection));
  return absl::StrCat(again, " ", rest);
}

}  // namespace bitrepo::commands
