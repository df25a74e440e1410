// SPDX-License-Identifier: Apache-2.0
#include "client/commands/pillar_choice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/commands/roster_words.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

std::vector<FlagRow> PillarChoice::Flags() {
  return {{"--pillar", "NAME", "at this pillar; may be repeated", &names_},
          {"--all-pillars", "", "at every pillar of the collection", &all_}};
}

absl::StatusOr<std::vector<base::ComponentId>> ParsePillars(const std::vector<std::string>& names) {
  std::vector<base::ComponentId> pillars;
  for (const std::string& name : names) {
    const auto pillar = base::ComponentId::Parse(name);
    if (!pillar.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--pillar: ", pillar.status().message()));
    }
    if (std::find(pillars.begin(), pillars.end(), *pillar) == pillars.end()) {
      pillars.push_back(*pillar);
    }
  }
  return pillars;
}

absl::StatusOr<std::vector<base::ComponentId>> PillarChoice::Chosen() const {
  if (all_ && !names_.empty()) {
    return absl::InvalidArgumentError("--pillar and --all-pillars do not go together");
  }
  if (!all_ && names_.empty()) {
    return absl::InvalidArgumentError(
        "where? name each pillar with --pillar NAME, or say --all-pillars");
  }
  return ParsePillars(names_);
}

std::string PillarChoice::Names() const { return absl::StrCat(" ", absl::StrJoin(names_, ", ")); }

std::string PillarChoice::Words() const {
  std::string words = all_ ? " --all-pillars" : "";
  for (const std::string& name : names_) absl::StrAppend(&words, FlagWords("--pillar", name));
  return words;
}

std::optional<std::vector<base::ComponentId>> AskForPillars(Session& session,
                                                            client::BlockingClient& client) {
  const std::optional<wire::RosterReply> roster = AskForRoster(session, client);
  if (!roster) return std::nullopt;
  std::vector<base::ComponentId> pillars;
  for (const wire::RosterMember& member : roster->members()) {
    const auto& serves = member.collections();
    const auto id = base::ComponentId::Parse(member.component_id());
    if (member.kind() == wire::PILLAR && id.ok() &&
        std::find(serves.begin(), serves.end(), session.collection().text()) != serves.end()) {
      pillars.push_back(*id);
    }
  }
  std::sort(pillars.begin(), pillars.end());
  return pillars;
}

}  // namespace bitrepo::commands
