// SPDX-License-Identifier: Apache-2.0
// The coordinator's roster, asked for and put into words.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// Nothing, and reported, when the coordinator does not say.
std::optional<wire::RosterReply> AskForRoster(Session& session, client::BlockingClient& client);

// "ready", "read-only", "failing", "away".
absl::string_view StateWord(const wire::RosterMember& member);
// "full", "checksum", "nearline"; "-" for one that has not been there, or says nothing.
absl::string_view KindWord(const wire::RosterMember& member);
// "118.2 GiB"; "-" before it is known.
std::string FreeText(const wire::RosterMember& member);

}  // namespace bitrepo::commands
