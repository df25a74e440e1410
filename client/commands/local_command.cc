// SPDX-License-Identifier: Apache-2.0
// local: a whole repository on this machine: a coordinator and some pillars, started, looked at,
// stopped.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/ids.h"
#include "base/runtime/scoped_fd.h"
#include "base/status.h"
#include "base/utf8.h"
#include "client/commands/all_commands.h"
#include "client/commands/local_daemon.h"
#include "client/commands/roster_words.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kRosterPatience = absl::Seconds(20);
constexpr absl::Duration kRosterEvery = absl::Milliseconds(50);
constexpr size_t kNameColumns = 14;
constexpr size_t kKindColumns = 10;

class LocalCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "local",
        .summary = "a repository on this machine: up, status, down",
        .description =
            "up starts a coordinator and pillars on free loopback ports, with all they keep "
            "under DIR, waits until they are ready and prints the line that makes them the "
            "repository of this shell. Inside DIR, and when DIR is the default "
            "(~/.local/share/bitrepo), no settings are needed. A pillar that has died is started "
            "again by another up. Logs are in DIR/log.",
        .examples = {"local up", "local up --dir /srv/bits --pillars 4",
                     "local up --checksum 1 --nearline 1 --time-scale 0.01",
                     "local up --collection photos --collection sounds",
                     "local up --pillar /disk1/bits --pillar /disk2/bits", "local down"}};
  }

  Shape shape() override {
    return {.flags = {{"--dir", "DIR", "where all of it is kept", &dir_},
                      {"--pillars", "N", "how many pillars (3)", &pillars_},
                      {"--pillar", "DIR", "a pillar that keeps its files in DIR; may be repeated",
                       &stores_},
                      {"--checksum", "N", "so many pillars that keep digests only: checksum1 ...",
                       &checksum_},
                      {"--nearline", "N", "so many pillars on simulated slow media: nearline1 ...",
                       &nearline_},
                      {"--time-scale", "X", "their times times X; 0: no delay (1)", &time_scale_},
                      {"--collection", "NAME", "a collection (default); may be repeated",
                       &collections_}},
            .arguments = ArgumentsRow{
                "ACTION", "up, status or down", &actions_, 1, 1, {"up", "status", "down"}}};
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    if (!FindDirectory()) return ExitCode::kDone;  // told already
    if (actions_.front() == "up") {
      Up();
    } else if (actions_.front() == "down") {
      Down();
    } else {
      TellStatus();
    }
    return ExitCode::kDone;
  }

 private:
  bool Fail(ExitCode code, const std::string& message, const std::string& hint = "") {
    session_->report().Error({.code = code, .message = message, .hint = hint});
    return false;
  }
  bool Fail(const absl::Status& why) { return Fail(ExitCode::kLocal, std::string(why.message())); }

  static bool FitsSettings(const std::string& path) {
    return base::Printable(path, path.size() * 4 + 4) == path;
  }

  bool FindDirectory() {
    std::string directory =
        dir_.empty() ? client::DefaultLocalDirectory(session_->parts().places) : dir_;
    if (directory.empty()) return Fail(ExitCode::kUsage, "there is no home directory: give --dir");
    directory_ = fs::absolute(directory).lexically_normal().string();
    while (directory_.size() > 1 && directory_.back() == '/') directory_.pop_back();
    if (!FitsSettings(directory_)) {
      return Fail(ExitCode::kUsage, absl::StrCat("choose another --dir: ", Shown(directory_)));
    }
    return true;
  }

  std::string Named(absl::string_view action) const {
    return absl::StrCat("bitrepo local ", action,
                        dir_.empty() ? "" : absl::StrCat(" --dir ", ShellWord(dir_)));
  }

  // A number of pillars that was given, or `otherwise`.
  bool ReadCount(absl::string_view flag, const std::string& text, int least, int& count) {
    if (text.empty()) return true;
    if (absl::SimpleAtoi(text, &count) && count >= least && count <= kLocalPillarsMax) return true;
    return Fail(ExitCode::kUsage,
                absl::StrCat(flag, " is a number from ", least, " to ", kLocalPillarsMax));
  }

  bool ReadStores(LocalShape& shape) {
    for (const std::string& store : stores_) {
      shape.stores.push_back(fs::absolute(store).lexically_normal().string());
      if (!FitsSettings(shape.stores.back())) {
        return Fail(ExitCode::kUsage, absl::StrCat("choose another --pillar: ", Shown(store)));
      }
      if (std::count(shape.stores.begin(), shape.stores.end(), shape.stores.back()) > 1) {
        return Fail(ExitCode::kUsage, absl::StrCat("two pillars cannot share ", Shown(store)));
      }
    }
    return true;
  }

  bool ReadCollections(LocalShape& shape) {
    if (collections_.size() > kLocalCollectionsMax) {
      return Fail(ExitCode::kUsage,
                  absl::StrCat("--collection: at most ", kLocalCollectionsMax, " of them"));
    }
    for (const std::string& name : collections_) {
      if (const auto id = base::CollectionId::Parse(name); !id.ok()) {
        return Fail(ExitCode::kUsage, absl::StrCat("--collection ", Shown(name), ": ",
                                                   std::string(id.status().message())));
      }
      if (std::count(collections_.begin(), collections_.end(), name) > 1) {
        return Fail(ExitCode::kUsage, absl::StrCat("--collection ", name, " is given twice"));
      }
    }
    if (!collections_.empty()) shape.collections = collections_;
    return true;
  }

  std::optional<LocalShape> Asked() {
    if (!pillars_.empty() && !stores_.empty()) {
      Fail(ExitCode::kUsage, "give --pillars or --pillar, not both");
      return std::nullopt;
    }
    LocalShape shape;
    if (!ReadCount("--pillars", pillars_, 1, shape.pillars) ||
        !ReadCount("--checksum", checksum_, 0, shape.checksum_pillars) ||
        !ReadCount("--nearline", nearline_, 0, shape.nearline_pillars) || !ReadStores(shape) ||
        !ReadCollections(shape)) {
      return std::nullopt;
    }
    if (!time_scale_.empty() && (!absl::SimpleAtod(time_scale_, &shape.time_scale) ||
                                 !(shape.time_scale >= 0) || shape.time_scale > kTimeScaleMax)) {
      Fail(ExitCode::kUsage, absl::StrCat("--time-scale is a number from 0 to ", kTimeScaleMax));
      return std::nullopt;
    }
    return shape;
  }

  // What was asked for by a flag is as it was made.
  bool Agrees(const LocalShape& asked, const LocalShape& there) const {
    return (pillars_.empty() || asked.pillars == there.pillars) &&
           (stores_.empty() || asked.stores == there.stores) &&
           (checksum_.empty() || asked.checksum_pillars == there.checksum_pillars) &&
           (nearline_.empty() || asked.nearline_pillars == there.nearline_pillars) &&
           (collections_.empty() || asked.collections == there.collections);
  }

  // The layout there is, or the one asked for.
  std::optional<LocalLayout> Layout() {
    std::optional<LocalShape> asked = Asked();
    if (!asked) return std::nullopt;
    auto there = LocalLayout::Read(directory_);
    if (absl::IsNotFound(there.status())) {
      asked->repository = absl::StrCat(
          kLocalRepository, "-",
          absl::Hex(session_->parts().random->Below(uint64_t{1} << 32), absl::kZeroPad8));
      return LocalLayout(directory_, *std::move(asked));
    }
    if (!there.ok()) {
      Fail(there.status());
      return std::nullopt;
    }
    if (!Agrees(*asked, there->shape())) {
      Fail(ExitCode::kRefused,
           absl::StrCat(directory_, " was made with ", CountedOf(there->pillars().size(), "pillar"),
                        " and ", CountedOf(there->shape().collections.size(), "collection"),
                        "; choose another --dir, or leave pillars and collections out"));
      return std::nullopt;
    }
    LocalShape shape = there->shape();
    if (!time_scale_.empty()) shape.time_scale = asked->time_scale;
    return LocalLayout(directory_, std::move(shape));
  }

  // Two of these at once would start everything twice.
  std::optional<runtime::ScopedFd> Lock() {
    const std::string path = absl::StrCat(directory_, "/run/lock");
    runtime::ScopedFd lock(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    if (!lock.valid()) {
      Fail(base::ErrnoStatus(errno, path));
      return std::nullopt;
    }
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      Fail(ExitCode::kRefused, absl::StrCat("another bitrepo local is at work in ", directory_));
      return std::nullopt;
    }
    return lock;
  }

  void Up() {
    const std::optional<LocalLayout> layout = Layout();
    if (!layout) return;
    size_t running = 0;
    bool pillars_run = false;
    for (const LocalDaemon& daemon : layout->daemons()) {
      const bool runs = FindDaemon(daemon).has_value();
      running += runs ? 1 : 0;
      pillars_run = pillars_run || (runs && !daemon.store.empty());
    }
    if (running == layout->daemons().size()) {
      Fail(ExitCode::kRefused, absl::StrCat("the repository in ", directory_, " is up already"),
           Named("status"));
      return;
    }
    std::error_code error;
    fs::create_directories(absl::StrCat(directory_, "/run"), error);
    const std::optional<runtime::ScopedFd> lock = Lock();
    if (!lock) return;
    // With pillars that run, the coordinator comes back to where they look for it.
    if (running == 0 || (!pillars_run && !FindDaemon(layout->coordinator()))) {
      if (absl::Status made = layout->WriteBeforeStart(); !made.ok()) {
        Fail(made);
        return;
      }
    }
    if (StartAll(*layout) && WaitForRoster(*layout)) TellUp(*layout);
  }

  bool StartAll(const LocalLayout& layout) {
    const auto bus = StartOne(layout.coordinator(), "bus");
    if (!bus) return false;
    if (absl::Status written = layout.WriteAfterStart(*bus); !written.ok()) return Fail(written);
    std::vector<std::pair<const LocalDaemon*, pid_t>> started;
    for (const LocalDaemon& pillar : layout.pillars()) {
      if (FindDaemon(pillar)) continue;
      const auto pid = StartDaemon(pillar, session_->parts().program_directory);
      if (!pid.ok()) return Fail(pid.status());
      started.emplace_back(&pillar, *pid);
    }
    for (const auto& [pillar, pid] : started) {
      if (const auto ready = WaitForDaemon(*pillar, pid, "data"); !ready.ok()) {
        return Fail(ready.status());
      }
    }
    return true;
  }

  // The address it tells, of one that is started now or runs already.
  std::optional<std::string> StartOne(const LocalDaemon& daemon, absl::string_view key) {
    std::optional<pid_t> pid = FindDaemon(daemon);
    if (!pid) {
      const auto started = StartDaemon(daemon, session_->parts().program_directory);
      if (!started.ok()) {
        Fail(started.status());
        return std::nullopt;
      }
      pid = *started;
    }
    const auto told = WaitForDaemon(daemon, *pid, key);
    if (!told.ok()) {
      Fail(told.status());
      return std::nullopt;
    }
    return *told;
  }

  bool WaitForRoster(const LocalLayout& layout) {
    GlobalFlags flags = session_->flags();
    flags.config = layout.client_config();
    Session inner(flags, session_->parts(), session_->console(), session_->report());
    client::BlockingClient* client = inner.Connect();
    if (client == nullptr) return false;
    const absl::Time until = absl::Now() + kRosterPatience;
    for (;;) {
      const std::optional<wire::RosterReply> roster = AskForRoster(inner, *client);
      if (!roster) return false;
      const auto present = static_cast<size_t>(std::count_if(
          roster->members().begin(), roster->members().end(), [](const wire::RosterMember& member) {
            return member.kind() == wire::PILLAR && member.present();
          }));
      if (present >= layout.pillars().size()) return true;
      if (absl::Now() >= until) {
        return Fail(ExitCode::kUnreachable,
                    absl::StrCat("only ", present, " of ", layout.pillars().size(),
                                 " pillars came to the bus; look into ", directory_, "/log"),
                    Named("status"));
      }
      absl::SleepFor(kRosterEvery);
    }
  }

  void TellUp(const LocalLayout& layout) {
    const std::string config = layout.client_config();
    session_->console().Note(
        absl::StrCat("a coordinator and ", CountedOf(layout.pillars().size(), "pillar"),
                     " are up, in ", directory_, "; to end them: ", Named("down")));
    JsonRecord record = session_->report().Record("item");
    record.Set("result", "up").Set("directory", directory_).Set("config", config);
    record.Set("pillars", static_cast<uint64_t>(layout.pillars().size()));
    session_->report().Item(record,
                            absl::StrCat("export BITREPO_CONFIG=", ShellWord(config), "\n"));
  }

  std::optional<LocalLayout> ThereOrTold() {
    auto layout = LocalLayout::Read(directory_);
    if (layout.ok()) return *std::move(layout);
    if (absl::IsNotFound(layout.status())) {
      Fail(ExitCode::kNotFound, absl::StrCat("there is no local repository in ", directory_),
           Named("up"));
    } else {
      Fail(layout.status());
    }
    return std::nullopt;
  }

  void TellStatus() {
    const std::optional<LocalLayout> layout = ThereOrTold();
    if (!layout) return;
    size_t running = 0;
    for (const LocalDaemon& daemon : layout->daemons()) {
      const std::optional<pid_t> pid = FindDaemon(daemon);
      running += pid ? 1 : 0;
      JsonRecord record = session_->report().Record("item");
      record.Set("component", daemon.name).Set("result", pid ? "running" : "down");
      if (!daemon.kind.empty()) record.Set("kind", daemon.kind);
      if (pid) record.Set("pid", static_cast<uint64_t>(*pid));
      record.Set("log", daemon.log);
      session_->report().Item(
          record, absl::StrCat(Fit(daemon.name, kNameColumns), Fit(daemon.kind, kKindColumns),
                               pid ? absl::StrCat("running, process ", *pid) : "down", "\n"));
    }
    if (running == layout->daemons().size()) return;
    if (running > 0) session_->report().Add(ExitCode::kPartial);
    session_->report().Add(ExitCode::kUnreachable);
    session_->console().Note(absl::StrCat(running, " of ", layout->daemons().size(),
                                          " run; to start the others: ", Named("up")));
  }

  void Down() {
    const std::optional<LocalLayout> layout = ThereOrTold();
    if (!layout) return;
    const std::optional<runtime::ScopedFd> lock = Lock();
    if (!lock) return;
    std::vector<LocalDaemon> daemons = layout->daemons();
    std::reverse(daemons.begin(), daemons.end());  // pillars first: they say good-bye
    for (const LocalDaemon& daemon : daemons) {
      const std::optional<pid_t> pid = FindDaemon(daemon);
      if (absl::Status stopped = StopDaemon(daemon); !stopped.ok()) {
        Fail(ExitCode::kFailed, std::string(stopped.message()),
             pid ? absl::StrCat("kill -9 ", *pid) : "");
        continue;
      }
      JsonRecord record = session_->report().Record("item");
      record.Set("component", daemon.name).Set("result", pid ? "stopped" : "was-down");
      session_->report().Count(pid ? "stopped" : "was-down");
      session_->report().Emit(record);
    }
    session_->console().Note(
        absl::StrCat(CountedOf(session_->report().CountOf("stopped"), "daemon"), " of ", directory_,
                     " stopped"));
  }

  Session* session_ = nullptr;
  std::vector<std::string> actions_;
  std::string dir_;
  std::string pillars_;
  std::vector<std::string> stores_;
  std::string checksum_;
  std::string nearline_;
  std::string time_scale_;
  std::vector<std::string> collections_;
  std::string directory_;
};

}  // namespace

std::unique_ptr<Command> MakeLocalCommand() { return std::make_unique<LocalCommand>(); }

}  // namespace bitrepo::commands
