// SPDX-License-Identifier: Apache-2.0
// One command of the program: its name, what it takes, and what it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/commands/exit_code.h"
#include "client/commands/grammar.h"

namespace bitrepo::commands {

class Session;

struct CommandFacts {
  std::string name;
  std::vector<std::string> aliases = {};
  std::string summary;           // one line, lower case
  std::string description = {};  // what a person must know besides the flags
  std::vector<std::string> examples = {};
};

// Made afresh for each run. Loop-confined.
class Command {
 public:
  virtual ~Command() = default;
  virtual CommandFacts facts() const = 0;
  // Its flags and arguments, with targets in this object.
  virtual Shape shape() = 0;
  // Requires: the targets were filled in. Reports through the session; the code joins its tally.
  virtual ExitCode Run(Session& session) = 0;
};

// All of them, in the order of the help.
std::vector<std::unique_ptr<Command>> AllCommands();

// The command of this name or alias among `commands`; nothing when there is none.
Command* FindCommand(const std::vector<std::unique_ptr<Command>>& commands, absl::string_view name);

}  // namespace bitrepo::commands
