// SPDX-License-Identifier: Apache-2.0
// What has become of the transmission that a token is for, as its issuer tells over the data
// channel.
#pragma once

#include "client/commands/session.h"
#include "client/commands/token_input.h"

namespace bitrepo::commands {

// Tells it as one item; a transmission that has ended badly is reported with its code.
void TellTransmission(Session& session, const HeldToken& token);

}  // namespace bitrepo::commands
