// SPDX-License-Identifier: Apache-2.0
// One maker for each command; each stands in the file of its name.
#pragma once

#include <memory>

#include "client/commands/command.h"

namespace bitrepo::commands {

std::unique_ptr<Command> MakeLocalCommand();
std::unique_ptr<Command> MakePutCommand();
std::unique_ptr<Command> MakeFetchCommand();
std::unique_ptr<Command> MakePushCommand();
std::unique_ptr<Command> MakeTokenCommand();
std::unique_ptr<Command> MakeReplaceCommand();
std::unique_ptr<Command> MakeDeleteCommand();
std::unique_ptr<Command> MakeUndeleteCommand();
std::unique_ptr<Command> MakeGetCommand();
std::unique_ptr<Command> MakeCatCommand();
std::unique_ptr<Command> MakeChecksumsCommand();
std::unique_ptr<Command> MakeFileIdsCommand();
std::unique_ptr<Command> MakeFileInfosCommand();
std::unique_ptr<Command> MakeStatCommand();
std::unique_ptr<Command> MakeWhereisCommand();
std::unique_ptr<Command> MakeStatusCommand();
std::unique_ptr<Command> MakePillarsCommand();
std::unique_ptr<Command> MakeAuditCommand();
std::unique_ptr<Command> MakeAlarmsCommand();
std::unique_ptr<Command> MakeConvCommand();
std::unique_ptr<Command> MakeRateCommand();
std::unique_ptr<Command> MakeDoctorCommand();
std::unique_ptr<Command> MakeWatchCommand();
std::unique_ptr<Command> MakeReplayCommand();
std::unique_ptr<Command> MakeTopCommand();
std::unique_ptr<Command> MakeVersionCommand();
std::unique_ptr<Command> MakeCompletionCommand();
std::unique_ptr<Command> MakeHelpCommand();

}  // namespace bitrepo::commands
