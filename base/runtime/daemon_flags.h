// SPDX-License-Identifier: Apache-2.0
// The few flags that every daemon takes, and what --help and --version print.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/log.h"

namespace bitrepo::runtime {

// How a daemon ends; the same numbers as the exit codes of the command line.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // flags or settings are wrong: nothing was done

// A flag of one program, beside those that every daemon takes.
struct DaemonFlag {
  std::string name;   // "--rebuild"
  std::string value;  // what --help calls its value; empty: it takes none
  std::string help;   // one line
};

struct DaemonProgram {
  std::string name;             // "bitrepo-pillar"
  std::string version;          // "0.1.0"
  std::string summary;          // one line: what it does
  std::string exit_codes = "";  // beyond 0, 1 and 2, for --help: ", 7 the store is in use"
  std::vector<DaemonFlag> more_flags = {};
};

struct DaemonFlags {
  std::string config;  // path of the settings file
  bool check_config = false;
  base::LogFormat log_format = base::LogFormat::kText;
  std::map<std::string, std::string> more;  // of more_flags those given, with their values
  std::string print;  // --help or --version: write it to standard output and end with kExitDone
};

// Flags: --config FILE, --check-config, --log-format text|json, --help, --version, and those of the
// program; also as --flag=value. kInvalidArgument says what is wrong and how to get help; --config
// is required unless `print` is set.
absl::StatusOr<DaemonFlags> ParseDaemonFlags(int argc, const char* const* argv,
                                             const DaemonProgram& program);

}  // namespace bitrepo::runtime
