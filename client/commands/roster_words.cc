// SPDX-License-Identifier: Apache-2.0
#include "client/commands/roster_words.h"

#include "base/runtime/settings.h"

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

absl::string_view KindWord(const wire::RosterMember& member) {
  switch (member.pillar_kind()) {
    case wire::FULL_PILLAR:
      return "full";
    case wire::CHECKSUM_PILLAR:
      return "checksum";
    case wire::NEARLINE_PILLAR:
      return "nearline";
    default:
      return "-";
  }
}

std::string FreeText(const wire::RosterMember& member) {
  return member.load().free_bytes() == 0 ? "-" : runtime::FormatBytes(member.load().free_bytes());
}

}  // namespace bitrepo::commands
