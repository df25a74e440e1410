// SPDX-License-Identifier: Apache-2.0
#include "client/commands/conversation_ask.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

using State = protocol::ContributorResult::State;

void Refuse(Session& session, const absl::Status& why) {
  if (session.interrupted() != 0) return;
  session.report().Error({.code = ExitCodeFor(why), .message = std::string(why.message())});
}

}  // namespace

std::optional<std::vector<wire::ObservedConversation>> AskCoordinator(
    Session& session, client::BlockingClient& client,
    const std::optional<base::ConversationId>& id) {
  std::vector<wire::ObservedConversation> seen;
  client::GetConversationSpec spec{.conversation = id};
  spec.on_page = [&seen](const base::ComponentId&, const wire::GetConversationFinal& page,
                         absl::AnyInvocable<void()> more) {
    seen.insert(seen.end(), page.observed().begin(), page.observed().end());
    more();
  };
  const auto result = client.GetConversation(std::move(spec));
  if (!result.ok()) {
    Refuse(session, result.status());
    return std::nullopt;
  }
  if (result->outcome.verdict == protocol::Verdict::kSuccess ||
      (id && result->outcome.code == wire::FILE_NOT_FOUND_FAILURE)) {
    return seen;
  }
  if (session.interrupted() == 0) {
    ReportOutcome(session.report(),
                  {.what = "say what it saw",
                   .conversation = result->conversation,
                   .again = session.Again("conv list")},
                  result->outcome);
  }
  return std::nullopt;
}

std::optional<std::map<std::string, PillarFate>> AskPillars(Session& session,
                                                            client::BlockingClient& client,
                                                            const base::ConversationId& id) {
  absl::btree_map<base::ComponentId, wire::GetConversationFinal> records;
  client::GetConversationSpec spec{.collection = session.collection(), .conversation = id};
  spec.on_page = [&records](const base::ComponentId& pillar, const wire::GetConversationFinal& page,
                            absl::AnyInvocable<void()> more) {
    records[pillar].MergeFrom(page);
    more();
  };
  const auto result = client.GetConversation(std::move(spec));
  if (!result.ok() || session.interrupted() != 0) {
    if (!result.ok()) Refuse(session, result.status());
    return std::nullopt;
  }
  std::map<std::string, PillarFate> fates;
  for (const auto& [pillar, contributor] : result->outcome.contributors) {
    PillarFate& fate = fates[pillar.text()];
    if (const auto told = records.find(pillar); told != records.end()) {
      fate = FateOf(told->second);
    } else if (contributor.code == wire::FILE_NOT_FOUND_FAILURE) {
      fate.fate = Fate::kNothing;
    } else {
      fate.code = contributor.code;
      fate.text = contributor.away ? "away" : contributor.text;
    }
  }
  return fates;
}

std::optional<base::ConversationId> FindConversation(
    Session& session, const std::string& text,
    const std::function<std::vector<base::ConversationId>()>& known) {
  if (const auto whole = base::ConversationId::Parse(text); whole.ok()) return *whole;
  std::vector<base::ConversationId> meant;
  for (const base::ConversationId& id : known()) {
    if ((absl::StartsWith(id.ToString(), text) || absl::StartsWith(ShortId(id), text)) &&
        std::find(meant.begin(), meant.end(), id) == meant.end()) {
      meant.push_back(id);
    }
  }
  if (meant.size() == 1) return meant.front();
  if (meant.empty()) {
    session.report().Error(
        {.code = ExitCode::kNotFound,
         .message = absl::StrCat("no conversation that is remembered begins with ", Shown(text)),
         .hint = session.Again("conv list")});
    return std::nullopt;
  }
  session.report().Error(
      {.code = ExitCode::kUsage,
       .message = absl::StrCat(
           Shown(text), " may be any of ",
           absl::StrJoin(meant, ", ",
                         [](std::string* out, const auto& id) { out->append(id.ToString()); }),
           ": give more characters")});
  return std::nullopt;
}

}  // namespace bitrepo::commands
