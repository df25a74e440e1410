// SPDX-License-Identifier: Apache-2.0
// --token-only: asks pillars for tokens in place of moving bytes, prints them, and leaves the
// transmission to whoever has them.
#pragma once

#include <string>

#include "client/commands/session.h"
#include "client/operation.h"

namespace bitrepo::commands {

// Each prints "PILLAR TOKEN" for every pillar that gives one (with --json an item), and reports who
// did not. The pillars go on with the conversation, whoever listens. `again`: the command that asks
// anew.

// One pillar gives a token for the bytes of the spec, whose sink is not used.
void OfferGet(Session& session, client::BlockingClient& client, client::GetFileSpec get,
              std::string again);
// Every pillar that does not hold the file gives a token for it. With a `path` its size and SHA-256
// are named, and what is pushed must have them; the spec's source is not used.
void OfferPut(Session& session, client::BlockingClient& client, client::PutFileSpec put,
              const std::string& path, std::string again);

}  // namespace bitrepo::commands
