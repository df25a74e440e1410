// SPDX-License-Identifier: Apache-2.0
// Words of a command line into a command with its flags filled in; the only part that knows the
// parser library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/command.h"

namespace bitrepo::commands {

// `command` is nullptr when there is none, and help or version is asked for. kInvalidArgument says
// which word is wrong, with the name that was perhaps meant, and how to get help.
absl::StatusOr<Command*> ParseCommandLine(const std::vector<std::string>& words,
                                          GlobalFlags& globals,
                                          const std::vector<std::unique_ptr<Command>>& commands);

// The one of `names` that is nearest to `word`, when it is near; else empty.
std::string Nearest(absl::string_view word, const std::vector<std::string>& names);

}  // namespace bitrepo::commands
