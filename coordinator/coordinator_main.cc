// SPDX-License-Identifier: Apache-2.0
// bitrepo-coordinator: reads its settings, opens its sockets, and runs until it is told to stop.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/runtime/daemon_flags.h"
#include "base/runtime/runtime_file.h"
#include "base/runtime/settings.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_event_loop.h"
#include "base/status.h"
#include "base/zeromq/connection_ledger.h"
#include "base/zeromq/context.h"
#include "base/zeromq/endpoint.h"
#include "bus/zmq_hub_link.h"
#include "bus/zmq_watch.h"
#include "coordinator/coordinator.h"
#include "coordinator/coordinator_options.h"

namespace bitrepo {
namespace {

constexpr int kSockets = 16;  // two, with their monitors, and room

int Complain(const absl::Status& status, int exit_code) {
  std::fputs(absl::StrCat("bitrepo-coordinator: ", std::string(status.message()), "\n").c_str(),
             stderr);
  return exit_code;
}

absl::StatusOr<coordinator::CoordinatorOptions> ReadOptions(const std::string& path) {
  BITREPO_ASSIGN_OR_RETURN(runtime::Settings settings, runtime::Settings::Load(path));
  BITREPO_ASSIGN_OR_RETURN(
      coordinator::CoordinatorOptions options,
      coordinator::ReadCoordinatorOptions(settings, &zeromq::CheckBindEndpoint));
  options.program_version = BITREPO_VERSION;
  return options;
}

absl::Status Run(const coordinator::CoordinatorOptions& options) {
  BITREPO_ASSIGN_OR_RETURN(const uint64_t descriptors, runtime::RaiseDescriptorLimit());
  runtime::SystemEventLoop loop;
  BITREPO_ASSIGN_OR_RETURN(
      const std::unique_ptr<runtime::Signals> signals,
      runtime::Signals::Watch(loop, {SIGTERM, SIGINT}, [&loop](int /*signal*/) { loop.Stop(); }));
  base::SystemRandom random;
  zeromq::Context context(/*io_threads=*/1, kSockets);
  zeromq::ConnectionLedger::Limits limits;
  limits.connections = std::min(options.connections_max, zeromq::ConnectionsFor(descriptors));

  std::unique_ptr<bus::ZmqWatchPublisher> watch;
  if (!options.watch_listen.empty()) {
    BITREPO_ASSIGN_OR_RETURN(watch,
                             bus::ZmqWatchPublisher::Listen(loop, context, options.watch_listen));
  }
  auto link = std::make_unique<bus::ZmqHubLink>(loop, context, options.listen, limits);
  coordinator::Coordinator coordinator(options, loop, *link, watch.get(), random);
  BITREPO_RETURN_IF_ERROR(coordinator.Start());
  const std::string watch_endpoint = watch == nullptr ? "" : watch->endpoint();
  if (!options.runtime_file.empty()) {
    BITREPO_RETURN_IF_ERROR(runtime::WriteRuntimeFile(
        options.runtime_file, {{"bus", link->endpoint()}, {"watch", watch_endpoint}}));
  }
  base::LogLine(base::LogLevel::kInfo, "ready")
      .With("bus", link->endpoint())
      .With("watch", watch_endpoint)
      .With("repository", options.repository_id)
      .With("version", options.program_version);
  runtime::NotifyServiceManager("READY=1");
  loop.Run();
  runtime::NotifyServiceManager("STOPPING=1");
  base::LogLine(base::LogLevel::kInfo, "stopped");
  coordinator.Stop();
  if (!options.runtime_file.empty()) {
    runtime::RemoveRuntimeFile(options.runtime_file);
  }
  return absl::OkStatus();
}

int Main(int argc, const char* const* argv) {
  runtime::TuneProcess();
  google::protobuf::SetLogHandler(nullptr);  // what cannot be read, its reader tells
  const auto flags = runtime::ParseDaemonFlags(
      argc, argv, {"bitrepo-coordinator", BITREPO_VERSION, "carries the bus of a bit repository"});
  if (!flags.ok()) {
    return Complain(flags.status(), runtime::kExitUsage);
  }
  if (!flags->print.empty()) {
    std::fputs(flags->print.c_str(), stdout);
    return runtime::kExitDone;
  }
  const auto options = ReadOptions(flags->config);
  if (!options.ok()) {
    std::fputs(absl::StrCat(std::string(options.status().message()), "\n").c_str(), stderr);
    return runtime::kExitUsage;
  }
  if (flags->check_config) {
    std::fputs(absl::StrCat(flags->config, ": no problems\n").c_str(), stdout);
    return runtime::kExitDone;
  }
  base::ConfigureLog(base::LogLevel::kInfo, flags->log_format);
  if (const absl::Status status = Run(*options); !status.ok()) {
    return Complain(status, runtime::kExitFailed);
  }
  return runtime::kExitDone;
}

}  // namespace
}  // namespace bitrepo

int main(int argc, char** argv) { return bitrepo::Main(argc, argv); }
