// SPDX-License-Identifier: Apache-2.0
// The help of the program and of its commands, made from what they declare.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "client/commands/command.h"

namespace bitrepo::commands {

std::string ProgramHelp(const std::vector<std::unique_ptr<Command>>& commands);
std::string CommandHelp(Command& command, size_t columns);

// A script for "bash", "zsh" or "fish". Requires: one of these.
std::string CompletionScript(absl::string_view shell,
                             const std::vector<std::unique_ptr<Command>>& commands);

}  // namespace bitrepo::commands
