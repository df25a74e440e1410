// SPDX-License-Identifier: Apache-2.0
// Asks coordinator and pillars about conversations.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "client/commands/conversation_fate.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// What the coordinator saw, the newest first: those lately, or the one with its timeline (at most
// one then; it may be none). Nothing, and reported, when it does not say.
std::optional<std::vector<wire::ObservedConversation>> AskCoordinator(
    Session& session, client::BlockingClient& client,
    const std::optional<base::ConversationId>& id);

// What each pillar of the collection has on record, also those that are silent. Nothing, and
// reported, when they cannot be asked at all.
std::optional<std::map<std::string, PillarFate>> AskPillars(Session& session,
                                                            client::BlockingClient& client,
                                                            const base::ConversationId& id);

// The one that `text` means: its whole id, or enough first characters of it or of the short form
// that lists show. Among `known`, which is asked for only where it is needed. Nothing, and
// reported, when it means none or several.
std::optional<base::ConversationId> FindConversation(
    Session& session, const std::string& text,
    const std::function<std::vector<base::ConversationId>()>& known);

}  // namespace bitrepo::commands
