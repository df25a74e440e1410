// SPDX-License-Identifier: Apache-2.0
#include "client/commands/list_run.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

using State = protocol::ContributorResult::State;

void TellMore(Session& session, absl::string_view words, const ListEnd& end) {
  const bool interrupted = session.interrupted() != 0;
  if (!end.cut && !interrupted) return;
  const std::string more =
      session.Again(end.last_id.empty() ? std::string(words)
                                        : absl::StrCat(words, FlagWords("--cursor", end.last_id)));
  session.report().SetResume(more);
  session.console().Note(absl::StrCat(interrupted ? "to go on: " : "there are more: ", more));
}

wire::FileSelection SelectOne(const base::FileId& file_id) {
  wire::FileSelection selection;
  selection.set_file_id(file_id.text());
  return selection;
}

wire::FileSelection SelectPrefix(const std::string& prefix) {
  wire::FileSelection selection;
  if (prefix.empty()) {
    selection.mutable_all();
  } else {
    selection.set_prefix(prefix);
  }
  return selection;
}

ListPillars PillarsOf(const protocol::Outcome& outcome) {
  ListPillars pillars;
  for (const auto& [pillar, contributor] : outcome.contributors) {
    const bool answered = contributor.state == State::kDone ||
                          contributor.code == wire::FILE_NOT_FOUND_FAILURE ||
                          contributor.code == wire::DATA_LOSS;
    (answered ? pillars.answered : pillars.silent).push_back(pillar);
  }
  return pillars;
}

bool NobodyHasIt(const protocol::Outcome& outcome) {
  const std::vector<base::ComponentId> answered = PillarsOf(outcome).answered;
  return !answered.empty() &&
         std::all_of(answered.begin(), answered.end(), [&](const base::ComponentId& pillar) {
           return outcome.contributors.at(pillar).code == wire::FILE_NOT_FOUND_FAILURE;
         });
}

void ReportList(Session& session, absl::string_view what, const client::ListResult& result,
                const std::string& file_id, const std::string& again) {
  const Attempted attempted = {
      .what = what, .file_id = file_id, .conversation = result.conversation, .again = again};
  protocol::Outcome failed = result.outcome;
  if (failed.verdict == protocol::Verdict::kCancelled) return;  // by us: a limit, a signal
  for (auto& [pillar, contributor] : failed.contributors) {
    // That a pillar lacks the file is a result, told with the others.
    if (contributor.code == wire::FILE_NOT_FOUND_FAILURE) contributor.state = State::kDone;
  }
  for (const auto& [pillar, contributor] : failed.contributors) {
    if (contributor.state != State::kDone) {
      ReportOutcome(session.report(), attempted, failed);
      return;
    }
  }
  if (failed.contributors.empty()) {
    ReportOutcome(session.report(), attempted, failed);
  }
}

void ReportNotFound(Session& session, const std::string& file_id) {
  session.report().Count("not-found");
  session.report().Error({.code = ExitCode::kNotFound,
                          .message = absl::StrCat("no pillar has ", Shown(file_id)),
                          .file_id = file_id,
                          .hint = session.Again("file-ids")});
}

std::optional<std::vector<base::FileId>> ParseFileIds(Session& session,
                                                      const std::vector<std::string>& words) {
  std::vector<base::FileId> ids;
  bool well = true;
  for (const std::string& word : words) {
    const auto id = base::FileId::Parse(word);
    if (id.ok()) {
      ids.push_back(*id);
    } else {
      session.report().Error(
          {.code = ExitCode::kUsage, .message = std::string(id.status().message())});
      well = false;
    }
  }
  if (!well) return std::nullopt;
  return ids;
}

std::optional<uint64_t> ParseCount(Session& session, absl::string_view flag,
                                   const std::string& text) {
  uint64_t count = 0;
  if (text.empty()) return 0;
  if (absl::SimpleAtoi(text, &count) && count > 0) return count;
  session.report().Error(
      {.code = ExitCode::kUsage, .message = absl::StrCat(flag, " is a number, at least 1")});
  return std::nullopt;
}

}  // namespace bitrepo::commands
