// SPDX-License-Identifier: Apache-2.0
// The few flags that every daemon takes, and what --help and --version print.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/log.h"

namespace bitrepo::runtime {

// How a daemon ends; the same numbers as the exit codes of the command line.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // flags or settings are wrong: nothing was done

struct DaemonProgram {
  std::string name;             // "bitrepo-pillar"
  std::string version;          // "0.1.0"
  std::string summary;          // one line: what it does
  std::string exit_codes = "";  // beyond 0, 1 and 2, for --help: ", 7 the store is in use"
};

struct DaemonFlags {
  std::string config;  // path of the settings file
  bool check_config = false;
  base::LogFormat log_format = base::LogFormat::kText;
  std::string print;  // --help or --version: write it to standard output and end with kExitDone
};

// Flags: --config FILE, --check-config, --log-format text|json, --help, --version; also as
// --flag=value. kInvalidArgument says what is wrong and how to get help; --config is required
// unless `print` is set.
absl::StatusOr<DaemonFlags> ParseDaemonFlags(int argc, const char* const* argv,
                                             const DaemonProgram& program);

}  // namespace bitrepo::runtime
