// SPDX-License-Identifier: Apache-2.0
// Goes on with a conversation that another process left to the pillars, or withdraws it.
#pragma once

#include <string>

#include "base/ids.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// Runs the command that left it, on that conversation: its report and exit code are as if it had
// not been left. `wait`: no longer than this; empty: to its end. What has ended is forgotten.
ExitCode WaitFor(Session& session, const base::ConversationId& id, const std::string& wait);

// Cancels what the pillars still owe, and tells what each had done by then.
ExitCode Withdraw(Session& session, const base::ConversationId& id);

}  // namespace bitrepo::commands
