// SPDX-License-Identifier: Apache-2.0
// bitrepo: the command line; chooses the real loop, links and workers, and runs the command.
#include <google/protobuf/stubs/logging.h>
#include <pwd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/random.h"
#include "base/runtime/direct_file.h"
#include "base/runtime/features.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "base/status.h"
#include "base/zeromq/context.h"
#include "base/zeromq/endpoint.h"
#include "bus/zmq_spoke_link.h"
#include "bus/zmq_watch.h"
#include "channel/zmq_channel_link.h"
#include "client/commands/session.h"

namespace bitrepo {
namespace {

constexpr int kBusSockets = 32;
constexpr runtime::ThreadWorkerPool::LaneThreads kLaneThreads{.read = 2, .write = 2, .hash = 2};

std::string UserName() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? "" : entry->pw_name;
}

std::string ProgramDirectory() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : program.parent_path().string();
}

std::optional<std::string> Environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// The real parts of a client; made when a command first needs them.
class Machine {
 public:
  explicit Machine(std::shared_ptr<base::Random> random) : random_(std::move(random)) {}

  absl::StatusOr<client::ClientMachinery> Make(const std::string& coordinator,
                                               std::function<void(int)> on_signal) {
    BITREPO_RETURN_IF_ERROR(zeromq::CheckDialEndpoint(coordinator));
    client::ClientMachinery machinery;
    BITREPO_RETURN_IF_ERROR(Begin(machinery, std::move(on_signal)));
    machinery.channel_loop = std::make_unique<runtime::SystemEventLoop>();
    machinery.spoke_link =
        std::make_unique<bus::ZmqSpokeLink>(*machinery.loop, BusContext(), coordinator, *random_);
    machinery.channel_link = std::make_unique<channel::ZmqChannelLink>(*machinery.channel_loop, "");
    return machinery;
  }

  absl::StatusOr<client::TokenMachinery> MakeForTokens(std::function<void(int)> on_signal) {
    client::TokenMachinery machinery;
    BITREPO_RETURN_IF_ERROR(Begin(machinery, std::move(on_signal)));
    machinery.link = std::make_unique<channel::ZmqChannelLink>(*machinery.loop, "");
    return machinery;
  }

  absl::StatusOr<std::unique_ptr<bus::WatchSubscriber>> MakeWatch(runtime::EventLoop& loop,
                                                                  const std::string& endpoint) {
    return std::unique_ptr<bus::WatchSubscriber>(
        std::make_unique<bus::ZmqWatchSubscriber>(loop, BusContext(), endpoint, *random_));
  }

 private:
  // What every machinery stands on.
  template <typename Machinery>
  absl::Status Begin(Machinery& machinery, std::function<void(int)> on_signal) {
    BITREPO_RETURN_IF_ERROR(runtime::RaiseDescriptorLimit().status());
    machinery.random = random_;
    machinery.loop = std::make_unique<runtime::SystemEventLoop>();
    // Before any other thread starts, so that all have the signals blocked.
    BITREPO_ASSIGN_OR_RETURN(
        std::unique_ptr<runtime::Signals> signals,
        runtime::Signals::Watch(*machinery.loop, {SIGINT, SIGTERM, SIGUSR1}, std::move(on_signal)));
    machinery.attached = std::shared_ptr<runtime::Signals>(std::move(signals));
    machinery.workers = std::make_unique<runtime::ThreadWorkerPool>(kLaneThreads);
    return absl::OkStatus();
  }

  zeromq::Context& BusContext() {
    if (!context_) context_.emplace(/*io_threads=*/1, kBusSockets);
    return *context_;
  }

  const std::shared_ptr<base::Random> random_;
  std::optional<zeromq::Context> context_;
};

int Main(int argc, char** argv) {
  runtime::TuneProcess();
  google::protobuf::SetLogHandler(nullptr);  // what cannot be read, its reader tells
  std::signal(SIGPIPE, SIG_IGN);             // a reader that has gone is told by the write
  const auto random = std::make_shared<base::SystemRandom>();
  // What is wrong with it the run of the program tells.
  const auto features = runtime::FeaturesOr({}, Environment(runtime::kFeaturesVariable));
  if (features.ok() && !features->direct_writes) runtime::DirectFile::TurnOff();
  Machine machine(random);
  commands::ProgramParts parts;
  parts.version = BITREPO_VERSION;
  parts.random = random;
  parts.places.environment = &Environment;
  std::error_code error;
  parts.places.working_directory = std::filesystem::current_path(error).string();
  parts.places.user_name = UserName();
  parts.program_directory = ProgramDirectory();
  parts.make_machinery = [&machine](const std::string& coordinator,
                                    std::function<void(int)> on_signal) {
    return machine.Make(coordinator, std::move(on_signal));
  };
  parts.make_token_machinery = [&machine](std::function<void(int)> on_signal) {
    return machine.MakeForTokens(std::move(on_signal));
  };
  parts.make_watch = [&machine](runtime::EventLoop& loop, const std::string& endpoint) {
    return machine.MakeWatch(loop, endpoint);
  };
  return commands::RunProgram(std::vector<std::string>(argv + 1, argv + argc), parts);
}

}  // namespace
}  // namespace bitrepo

int main(int argc, char** argv) { return bitrepo::Main(argc, argv); }
