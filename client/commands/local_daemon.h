// SPDX-License-Identifier: Apache-2.0
// Starts, finds and stops one daemon of a local repository.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/commands/local_layout.h"

namespace bitrepo::commands {

inline constexpr absl::Duration kDaemonStartPatience = absl::Seconds(15);
inline constexpr absl::Duration kDaemonStopPatience = absl::Seconds(20);

// Its process, when it runs: the pid of the pid file, proved by the program and the settings it was
// started with.
std::optional<pid_t> FindDaemon(const LocalDaemon& daemon);

// Starts it detached, its log appended to, and writes its pid file. Requires: no threads yet.
absl::StatusOr<pid_t> StartDaemon(const LocalDaemon& daemon, const std::string& program_directory);

// The value of `key` in its runtime file, as soon as this process has written it. kUnavailable with
// the end of its log when it ended before, kDeadlineExceeded when it took too long.
absl::StatusOr<std::string> WaitForDaemon(const LocalDaemon& daemon, pid_t pid,
                                          absl::string_view key);

// Asks it to end and waits. kDeadlineExceeded when it still runs. Fine when it does not run.
absl::Status StopDaemon(const LocalDaemon& daemon);

}  // namespace bitrepo::commands
