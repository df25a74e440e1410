// SPDX-License-Identifier: Apache-2.0
#include "client/commands/copies.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/commands/list_run.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

std::optional<Copies> AskForCopies(Session& session, client::BlockingClient& client,
                                   const base::FileId& file_id) {
  Copies copies;
  const ListEnd end = RunList<wire::FileInfo>(
      session, client, {},
      [&](client::RowHandler<wire::FileInfo> handler) {
        return client.GetFileIds(
            {.scope = {.collection = session.collection(), .files = SelectOne(file_id)},
             .on_rows = std::move(handler)});
      },
      [&copies](const client::FileIdRow& row) { copies.infos = row.pillars; });
  if (!end.result.ok()) {
    if (session.interrupted() == 0) {
      session.report().Error({.code = ExitCodeFor(end.result.status()),
                              .message = std::string(end.result.status().message())});
    }
    return std::nullopt;
  }
  ReportList(session, "answer for", *end.result, file_id.text(), session.Again("pillars"));
  const ListPillars pillars = PillarsOf(end.result->outcome);
  if (pillars.answered.empty()) return std::nullopt;
  absl::btree_map<base::ComponentId, PillarWord> words;
  for (const auto& [pillar, info] : copies.infos) {
    words[pillar].digest = absl::BytesToHexString(info->digest().value());
  }
  copies.agreement = Compare(words, pillars.answered, pillars.silent);
  for (const auto& [pillar, contributor] : end.result->outcome.contributors) {
    if (contributor.code == wire::DATA_LOSS) {
      copies.agreement.copies[pillar] = CopyState::kDamaged;
    }
  }
  return copies;
}

void ReportCopies(Session& session, const base::FileId& file_id, const Copies& copies) {
  if (!copies.found()) {
    session.report().Count("not-found");
    session.report().Error({.code = ExitCode::kNotFound,
                            .message = absl::StrCat("no pillar has ", Shown(file_id.text())),
                            .file_id = file_id.text(),
                            .hint = session.Again("file-ids")});
    return;
  }
  session.report().Count(copies.agreement.all_same() ? "agreed" : "disagreed");
  if (copies.agreement.all_same()) return;
  std::string text;
  for (const auto& [pillar, state] : copies.agreement.copies) {
    if (state == CopyState::kSame || state == CopyState::kSilent) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", pillar.text(), " ", WordOf(state));
  }
  session.report().Error({.code = ExitCode::kIntegrity,
                          .message = absl::StrCat("the copies of ", Shown(file_id.text()),
                                                  " are not all the same: ", text),
                          .file_id = file_id.text()});
}

}  // namespace bitrepo::commands
