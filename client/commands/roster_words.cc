// SPDX-License-Identifier: Apache-2.0
#include "client/commands/roster_words.h"

namespace bitrepo::commands {

std::optional<wire::RosterReply> AskForRoster(Session& session, client::BlockingClient& client) {
  const auto result = client.GetRoster({});
  if (!result.ok()) {
    if (session.interrupted() == 0) {
      session.report().Error({.code = ExitCodeFor(result.status()),
                              .message = std::string(result.status().message())});
    }
    return std::nullopt;
  }
  if (result->outcome.verdict != protocol::Verdict::kSuccess) {
    ReportOutcome(session.report(),
                  {.what = "say who is on the bus",
                   .conversation = result->conversation,
                   .again = session.Again("pillars")},
                  result->outcome);
    return std::nullopt;
  }
  return result->roster;
}

absl::string_view StateWord(const wire::RosterMember& member) {
  if (!member.present()) return "away";
  switch (member.load().state()) {
    case wire::LOAD_READ_ONLY:
      return "read-only";
    case wire::LOAD_FAILING:
      return "failing";
    default:
      return "ready";
  }
}

}  // namespace bitrepo::commands
