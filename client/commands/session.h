// SPDX-License-Identifier: Apache-2.0
// One run of one command: its flags and settings, its connection to the repository, and what it
// reports.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/rate_table.h"
#include "bus/watch_stream.h"
#include "client/blocking_client.h"
#include "client/client_settings.h"
#include "client/commands/command.h"
#include "client/commands/console.h"
#include "client/commands/progress_board.h"
#include "client/commands/report.h"
#include "client/token_client.h"

namespace bitrepo::commands {

// How long a coordinator may take to answer before the command says that there is none.
inline constexpr absl::Duration kConnectPatience = absl::Seconds(4);

// What the program brings: the real classes, or a test's.
struct ProgramParts {
  std::string version;
  client::SettingsPlaces places;
  int in = 0;
  int out = 1;
  int err = 2;
  std::shared_ptr<base::Random> random;  // thread-safe
  // A client's machinery that dials `coordinator`; `on_signal` is called on its loop with SIGINT,
  // SIGTERM and SIGUSR1. kInvalidArgument for an address that is none.
  std::function<absl::StatusOr<client::ClientMachinery>(const std::string& coordinator,
                                                        std::function<void(int)> on_signal)>
      make_machinery;
  // The machinery of what needs no bus.
  std::function<absl::StatusOr<client::TokenMachinery>(std::function<void(int)> on_signal)>
      make_token_machinery;
  std::function<absl::StatusOr<std::unique_ptr<bus::WatchSubscriber>>(runtime::EventLoop& loop,
                                                                      const std::string& endpoint)>
      make_watch;
  // Where the daemons' programs lie.
  std::string program_directory;
};

// Threads:  the command's own; `interrupted` is thread-safe.
// Lifetime: the parts and the console outlive it.
class Session {
 public:
  Session(GlobalFlags flags, const ProgramParts& parts, Console& console, Report& report);
  ~Session();

  const GlobalFlags& flags() const { return flags_; }
  const ProgramParts& parts() const { return parts_; }
  Console& console() { return console_; }
  Report& report() { return report_; }
  ProgressBoard& progress() { return progress_; }

  // Nothing, and reported, when they are wrong.
  const client::ClientSettings* Settings();
  // A client whose coordinator has answered; nothing, and reported, when there is none.
  client::BlockingClient* Connect();
  // What a token alone is enough for: no settings are read, no coordinator is dialled. Nothing, and
  // reported, when it cannot be made.
  client::TokenClient* ConnectByToken();
  // Requires: Connect gave a client.
  const base::CollectionId& collection() const { return *collection_; }
  const wire::Welcome& welcome() const { return welcome_; }

  // 0, or the signal that asked the command to end; SIGALRM stands for --timeout.
  int interrupted() const { return interrupted_; }
  // Called once, on the client's loop, when the command is asked to end. Requires: before Connect.
  void OnInterrupt(std::function<void()> then) { on_interrupt_ = std::move(then); }
  // Waits; false as soon as the command was asked to end. Requires: Connect gave a client.
  bool Rest(absl::Duration time);
  // How fast bytes may come, beside the settings, and may go. Requires: before Connect.
  void LimitReceiving(base::RateTable table) { receiving_ = std::move(table); }
  void LimitSending(base::RateTable table) { sending_ = std::move(table); }
  // The conversation that the command goes on with, in place of beginning one. Requires: before the
  // command runs.
  void TakeUp(client::TakenUp taken_up) { taken_up_ = std::move(taken_up); }
  const std::optional<client::TakenUp>& taken_up() const { return taken_up_; }
  // "bitrepo get" with the global flags that choose the repository, for commands to go on with.
  std::string Again(absl::string_view rest) const;

 private:
  absl::Status Prepare();
  absl::Status PrepareByToken();
  absl::StatusOr<absl::Duration> TimeLimit() const;
  std::string NameOfThisRun(const std::string& name) const;
  void OnSignal(int signal);
  void End(int signal, const std::string& reason);

  const GlobalFlags flags_;
  const ProgramParts& parts_;
  Console& console_;
  Report& report_;
  ProgressBoard progress_;
  std::optional<client::ClientSettings> settings_;
  std::optional<base::CollectionId> collection_;
  wire::Welcome welcome_;
  std::atomic<int> interrupted_{0};
  std::function<void()> on_interrupt_;
  std::optional<client::TakenUp> taken_up_;
  base::RateTable receiving_;
  base::RateTable sending_;
  base::Mutex rest_mutex_;
  base::Condition rest_changed_;
  uint64_t rests_over_ ABSL_GUARDED_BY(rest_mutex_) = 0;
  // The client, for its own loop: a signal may come there before its start has returned.
  std::atomic<client::BlockingClient*> started_{nullptr};
  std::unique_ptr<client::BlockingClient> client_;
  // Likewise.
  std::atomic<client::TokenClient*> holder_started_{nullptr};
  std::unique_ptr<client::TokenClient> holder_;
};

// The exit code of a command that was interrupted by `signal`.
ExitCode CodeOfSignal(int signal);

// A whole run of the program: words to exit code. Nothing else of the process is touched.
int RunProgram(const std::vector<std::string>& words, const ProgramParts& parts);

}  // namespace bitrepo::commands
