// SPDX-License-Identifier: Apache-2.0
// whereis: a row for each file, a column for each pillar.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/copies.h"
#include "client/commands/list_run.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kFileColumnsMax = 40;

class WhereisCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "whereis",
            .summary = "which pillars hold which files",
            .description =
                "A row for each file, a column for each pillar: ✓ ok, ✗ DIFFERS or "
                "DAMAGED, — MISSING, ? silent (it did not answer).",
            .examples = {"whereis report.pdf notes/today.txt"}};
  }

  Shape shape() override {
    return {.flags = {}, .arguments = ArgumentsRow{"ID", "file id", &ids_, 1}};
  }

  ExitCode Run(Session& session) override {
    const auto files = ParseFileIds(session, ids_);
    if (!files) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    for (const base::FileId& file_id : *files) {
      file_columns_ = std::min(std::max(file_columns_, ColumnsOf(file_id.text())), kFileColumnsMax);
    }
    for (const base::FileId& file_id : *files) {
      if (session.interrupted() != 0) break;
      const std::optional<Copies> copies = AskForCopies(session, *client, file_id);
      if (!copies) continue;
      Tell(session, file_id, *copies);
      ReportCopies(session, file_id, *copies);
    }
    return session.report().PartlyFound();
  }

 private:
  void Tell(Session& session, const base::FileId& file_id, const Copies& copies) {
    std::string heads;
    std::string cells;
    JsonRecord places = JsonRecord::Inner();
    for (const auto& [pillar, state] : copies.agreement.copies) {
      const std::string cell = absl::StrCat(MarkOf(state), " ", WordOf(state));
      const size_t columns = std::max<size_t>(ColumnsOf(pillar.text()), 9);
      absl::StrAppend(&heads, "  ", Fit(pillar.text(), columns));
      absl::StrAppend(&cells, "  ", Paint(session, state, cell),
                      std::string(columns - std::min(columns, ColumnsOf(cell)), ' '));
      places.Set(pillar.text(), ResultWord(state));
    }
    absl::StripTrailingAsciiWhitespace(&heads);
    absl::StripTrailingAsciiWhitespace(&cells);
    JsonRecord record = session.report().Record("item");
    record.Set("file_id", file_id.text());
    record.Set("result", copies.agreement.all_same() ? "ok"
                         : copies.found()            ? "mismatch"
                                                     : "missing");
    record.Set("pillars", places);
    std::string text;
    if (heads != heads_) {  // the columns changed: a pillar came or went
      heads_ = heads;
      text = absl::StrCat(
          session.console().PaintOut(Ink::kBold, absl::StrCat(Fit("file", file_columns_), heads)),
          "\n");
    }
    absl::StrAppend(&text, Fit(Shown(file_id.text()), file_columns_), cells, "\n");
    session.report().Item(record, text);
  }

  static std::string Paint(Session& session, CopyState state, const std::string& cell) {
    const Ink ink = state == CopyState::kSame     ? Ink::kGreen
                    : state == CopyState::kSilent ? Ink::kYellow
                                                  : Ink::kRed;
    return session.console().PaintOut(ink, cell);
  }

  std::vector<std::string> ids_;
  size_t file_columns_ = 4;
  std::string heads_;
};

}  // namespace

std::unique_ptr<Command> MakeWhereisCommand() { return std::make_unique<WhereisCommand>(); }

}  // namespace bitrepo::commands
