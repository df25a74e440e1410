// SPDX-License-Identifier: Apache-2.0
// Lines as the GNU checksum tools write and read them; pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::commands {

// "HEX  NAME\n"; a name with a newline, carriage return or backslash is escaped, and its line
// begins with a backslash (coreutils, "md5sum invocation").
std::string SumLine(absl::string_view hex, absl::string_view name);

struct NamedSum {
  std::string hex;   // lower case
  std::string name;  // unescaped
};

// All lines of a list; comments (#) and empty lines are skipped. kInvalidArgument names the first
// bad line.
absl::StatusOr<std::vector<NamedSum>> ParseSumLines(absl::string_view text);

}  // namespace bitrepo::commands
