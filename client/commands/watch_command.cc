// SPDX-License-Identifier: Apache-2.0
// watch: the messages of the bus as they pass, without being in anybody's way.
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/list_run.h"
#include "client/commands/watch_lines.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kWaitingMax =
    10000;  // copies heard and not yet written; later ones are lost, and counted

struct Heard {
  bus::WatchCopy copy;
  absl::Time at;
};

// Takes copies on the loop and gives them to the command's thread. Thread-safe.
class Mailbox final : public bus::WatchSubscriber::Handler {
 public:
  void OnWatchConnected() override { Note("watching"); }
  void OnWatchDisconnected() override { Note("the watch stream broke off; waiting for it"); }
  void OnWatchCopy(const bus::WatchCopy& copy) override {
    base::MutexLock lock(mutex_);
    lost_ += copy.missed;
    if (heard_.size() >= kWaitingMax) {
      ++lost_;
      return;
    }
    heard_.push_back({copy, absl::Now()});
    changed_.NotifyAll();
  }
  void Note(std::string text) {
    base::MutexLock lock(mutex_);
    notes_.push_back(std::move(text));
    changed_.NotifyAll();
  }
  void Close() {
    base::MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
  }
  // False when it is closed and nothing is left.
  bool Take(std::deque<Heard>& heard, std::vector<std::string>& notes) {
    base::MutexLock lock(mutex_);
    while (heard_.empty() && notes_.empty() && !closed_) changed_.Wait(mutex_);
    heard.swap(heard_);
    notes.swap(notes_);
    return !closed_ || !heard.empty() || !notes.empty();
  }
  uint64_t lost() {
    base::MutexLock lock(mutex_);
    return lost_;
  }

 private:
  base::Mutex mutex_;
  base::Condition changed_;
  std::deque<Heard> heard_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mutex_);
  uint64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

class WatchCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "watch",
            .summary = "show the messages of the bus as they pass",
            .description =
                "Time, conversation, sender -> destination, type, key figure. The stream is "
                "lossy by design, so that watching never slows the bus; what was missed "
                "is counted. On a terminal each line is cut to its width; elsewhere it is whole.",
            .examples = {"watch", "watch --for 10s --json", "watch --count 20"}};
  }

  Shape shape() override {
    return {.flags = {{"--for", "DURATION", "end after this time", &for_},
                      {"--count", "N", "end after so many messages", &count_}},
            .arguments = std::nullopt};
  }

  ExitCode Run(Session& session) override {
    const auto count = ParseCount(session, "--count", count_);
    const auto duration = runtime::ParseDuration(for_.empty() ? "1s" : for_);
    if (!duration.ok()) {
      session.report().Error({.code = ExitCode::kUsage,
                              .message = absl::StrCat("--for: ", duration.status().message())});
    }
    if (!count || !duration.ok()) return ExitCode::kDone;  // told already
    const auto mailbox = std::make_shared<Mailbox>();
    session.OnInterrupt([mailbox] { mailbox->Close(); });
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    if (session.welcome().watch_endpoint().empty()) {
      session.report().Error(
          {.code = ExitCode::kRefused,
           .message = "this coordinator has no watch stream: its settings name no watch_listen"});
      return ExitCode::kDone;
    }
    std::unique_ptr<bus::WatchSubscriber> subscriber;
    client->Post([&](client::Client&) {
      auto made = session.parts().make_watch(client->loop(), session.welcome().watch_endpoint());
      if (made.ok()) subscriber = *std::move(made);
      const absl::Status started =
          subscriber == nullptr ? made.status() : subscriber->Start(*mailbox);
      if (!started.ok()) {
        mailbox->Note(std::string(started.message()));
        mailbox->Close();
      }
      if (!for_.empty()) client->loop().RunAfter(*duration, [mailbox] { mailbox->Close(); });
    });
    Show(session, *mailbox, *count);
    End(*client, subscriber);
    session.console().Note(absl::StrCat("watched ", CountedOf(shown_, "message"), ", missed ",
                                        Counted(mailbox->lost())));
    // A watch without an end that is interrupted has done all that was asked.
    return ExitCode::kDone;
  }

 private:
  void Show(Session& session, Mailbox& mailbox, uint64_t count) {
    std::deque<Heard> heard;
    std::vector<std::string> notes;
    while (mailbox.Take(heard, notes)) {
      for (const std::string& note : notes) session.console().Detail(note);
      for (const Heard& one : heard) {
        if (count > 0 && shown_ == count) return;
        ++shown_;
        session.report().Count("message");
        JsonRecord record = session.report().Record("item");
        FillWatchRecord(one.copy, record);
        session.report().Item(record, WatchLine(one.copy, one.at, session.console().out_columns()));
      }
      heard.clear();
      notes.clear();
      session.console().Flush();
      if (session.console().output_error() != 0 || (count > 0 && shown_ == count)) return;
    }
  }

  // The subscriber dies on its loop, and its mailbox after it.
  static void End(client::BlockingClient& client,
                  std::unique_ptr<bus::WatchSubscriber>& subscriber) {
    base::Mutex mutex;
    base::Condition changed;
    bool ended = false;
    client.Post([&](client::Client&) {
      subscriber.reset();
      base::MutexLock lock(mutex);
      ended = true;
      changed.NotifyAll();
    });
    base::MutexLock lock(mutex);
    while (!ended) changed.Wait(mutex);
  }

  std::string for_;
  std::string count_;
  uint64_t shown_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeWatchCommand() { return std::make_unique<WatchCommand>(); }

}  // namespace bitrepo::commands
