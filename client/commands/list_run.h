// SPDX-License-Identifier: Apache-2.0
// Runs one list with its rows handled on a worker, so that a slow reader of the output holds the
// pillars, not the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/commands/session.h"

namespace bitrepo::commands {

// How much of a list a command tells.
struct ListBounds {
  std::string after;   // rows up to and with this id are left out
  uint64_t limit = 0;  // rows; 0: all
};

// What a list came to.
struct ListEnd {
  absl::StatusOr<client::ListResult> result;
  uint64_t rows = 0;
  bool cut = false;     // at the limit: there is more
  std::string last_id;  // of the rows handled
};

// `ask(handler)` makes the blocking call; `on_row` is called for each row, one at a time, never at
// once with another, and has ended when this returns.
template <typename Item>
ListEnd RunList(
    Session& session, client::BlockingClient& client, const ListBounds& bounds,
    const std::function<absl::StatusOr<client::ListResult>(client::RowHandler<Item>)>& ask,
    const std::function<void(const client::ListRow<Item>&)>& on_row) {
  ListEnd end{absl::UnknownError(""), 0, false, ""};
  const runtime::StrandId strand = client.workers().NewStrand();
  const auto handle = [&](const std::vector<client::ListRow<Item>>& rows) {
    for (const client::ListRow<Item>& row : rows) {
      if (end.cut || row.file_id <= bounds.after) continue;
      if (bounds.limit > 0 && end.rows == bounds.limit) {
        end.cut = true;
        client.Post([](client::Client& all) { all.CancelAll("the limit is reached"); });
        return;
      }
      ++end.rows;
      end.last_id = row.file_id;
      on_row(row);
    }
    session.console().Flush();
    if (session.console().output_error() != 0) client.Cancel("nobody reads the output any more");
  };
  end.result = ask([&](std::vector<client::ListRow<Item>> rows, absl::AnyInvocable<void()> more) {
    // A full lane cannot be: this list has one task in it at a time.
    client.workers()
        .Submit(runtime::Lane::kWrite, strand,
                [&handle, rows = std::move(rows), more = std::move(more)]() mutable {
                  handle(rows);
                  more();
                })
        .IgnoreError();
  });
  return end;
}

// The command that goes on, where a limit or a signal cut the list: `words` after the last row.
void TellMore(Session& session, absl::string_view words, const ListEnd& end);

// The selection that a command's words mean. Exactly one of them is given.
wire::FileSelection SelectOne(const base::FileId& file_id);
wire::FileSelection SelectPrefix(const std::string& prefix);

// Whose word on presence a row holds: those that list the file, and those that lack it.
template <typename Item>
std::vector<base::ComponentId> AnsweredOf(const client::ListRow<Item>& row) {
  std::vector<base::ComponentId> answered = row.lacking;
  for (const auto& [pillar, item] : row.pillars) answered.push_back(pillar);
  return answered;
}

// Reports that no pillar has the file.
void ReportNotFound(Session& session, const std::string& file_id);

// The pillars that took part in a list, as far as one that said that it has no such file took part
// too.
struct ListPillars {
  std::vector<base::ComponentId> answered;  // whose word on presence counts
  std::vector<base::ComponentId> silent;
};
ListPillars PillarsOf(const protocol::Outcome& outcome);
// Of the one file asked for: somebody answered, and all who did have no such file.
bool NobodyHasIt(const protocol::Outcome& outcome);

// Reports the pillars that failed, unless all they said is that there is no such file.
void ReportList(Session& session, absl::string_view what, const client::ListResult& result,
                const std::string& file_id, const std::string& again);

// "ID" arguments; nothing, and reported, when one is no file id.
std::optional<std::vector<base::FileId>> ParseFileIds(Session& session,
                                                      const std::vector<std::string>& words);
// A count given as a flag; nothing, and reported, when it is none.
std::optional<uint64_t> ParseCount(Session& session, absl::string_view flag,
                                   const std::string& text);

}  // namespace bitrepo::commands
