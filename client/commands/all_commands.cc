// SPDX-License-Identifier: Apache-2.0
#include "client/commands/all_commands.h"

#include <algorithm>

namespace bitrepo::commands {

std::vector<std::unique_ptr<Command>> AllCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeLocalCommand());
  commands.push_back(MakePutCommand());
  commands.push_back(MakeGetCommand());
  commands.push_back(MakeCatCommand());
  commands.push_back(MakeFetchCommand());
  commands.push_back(MakePushCommand());
  commands.push_back(MakeTokenCommand());
  commands.push_back(MakeReplaceCommand());
  commands.push_back(MakeDeleteCommand());
  commands.push_back(MakeUndeleteCommand());
  commands.push_back(MakeChecksumsCommand());
  commands.push_back(MakeFileIdsCommand());
  commands.push_back(MakeFileInfosCommand());
  commands.push_back(MakeStatCommand());
  commands.push_back(MakeWhereisCommand());
  commands.push_back(MakeStatusCommand());
  commands.push_back(MakePillarsCommand());
  commands.push_back(MakeWatchCommand());
  commands.push_back(MakeReplayCommand());
  commands.push_back(MakeTopCommand());
  commands.push_back(MakeConvCommand());
  commands.push_back(MakeAlarmsCommand());
  commands.push_back(MakeAuditCommand());
  commands.push_back(MakeRateCommand());
  commands.push_back(MakeDoctorCommand());
  commands.push_back(MakeVersionCommand());
  commands.push_back(MakeCompletionCommand());
  commands.push_back(MakeHelpCommand());
  return commands;
}

Command* FindCommand(const std::vector<std::unique_ptr<Command>>& commands,
                     absl::string_view name) {
  for (const std::unique_ptr<Command>& command : commands) {
    const CommandFacts facts = command->facts();
    if (facts.name == name ||
        std::find(facts.aliases.begin(), facts.aliases.end(), name) != facts.aliases.end()) {
      return command.get();
    }
  }
  return nullptr;
}

}  // namespace bitrepo::commands
