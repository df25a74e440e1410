// SPDX-License-Identifier: Apache-2.0
// file-ids: what the collection keeps, in order of id, merged over its pillars.
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/agreement.h"
#include "client/commands/all_commands.h"
#include "client/commands/list_flags.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kSizeColumns = 12;
constexpr size_t kCopiesColumns = 5;

using Row = client::FileIdRow;

class FileIdsCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "file-ids",
            .aliases = {"getFileIDs"},
            .summary = "what the collection keeps, in order of id",
            .description =
                "Without ID: of all files. A file that some pillar lacks, or holds differently, "
                "is told on standard error and makes exit code 6.",
            .examples = {"file-ids --long", "file-ids --prefix photos/ --limit 100",
                         "file-ids --since 7d", "file-ids --ids-from wanted.txt"}};
  }

  Shape shape() override {
    Shape shape{.flags = {{"-l,--long", "", "size, date and copies too", &long_}},
                .arguments = std::nullopt};
    list_.AddTo(shape, "stored");
    return shape;
  }

  ExitCode Run(Session& session) override {
    if (!list_.Prepare(session)) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr || (list_.names_files() && list_.named() == 0)) return ExitCode::kDone;
    const ListEnd end = RunList<wire::FileInfo>(
        session, *client, list_.bounds(),
        [&](client::RowHandler<wire::FileInfo> handler) {
          return client->GetFileIds({.scope = list_.Scope(session.collection()),
                                     .stored = list_.window(),
                                     .on_rows = std::move(handler)});
        },
        [&](const Row& row) { Tell(session, row); });
    if (!list_.names_files()) TellMore(session, Words(), end);
    if (!end.result.ok()) {
      if (session.interrupted() == 0 && session.console().output_error() == 0) {
        session.report().Error({.code = ExitCodeFor(end.result.status()),
                                .message = std::string(end.result.status().message())});
      }
      return ExitCode::kDone;
    }
    const std::string one = list_.one() ? list_.one()->text() : "";
    ReportList(session, "list its files", *end.result, one, session.Again("pillars"));
    if (list_.one() && NobodyHasIt(end.result->outcome)) ReportNotFound(session, one);
    if (uneven_ > 0) {
      session.report().Error(
          {.code = ExitCode::kIntegrity,
           .message = absl::StrCat(CountedOf(uneven_, "file"),
                                   " not the same on every pillar, "
                                   "the first is ",
                                   Shown(first_uneven_)),
           .file_id = first_uneven_,
           .hint = session.Again(absl::StrCat("whereis", ArgumentWords({first_uneven_})))});
    }
    if (end.cut) session.report().Add(ExitCode::kLimit);
    return session.report().PartlyFound();
  }

 private:
  // The command without its cursor.
  std::string Words() const {
    std::string words = "file-ids";
    if (long_) absl::StrAppend(&words, " --long");
    return words + list_.Words();
  }

  void Tell(Session& session, const Row& row) {
    if (row.pillars.empty()) {
      ReportNotFound(session, row.file_id);
      return;
    }
    absl::btree_map<base::ComponentId, PillarWord> words;
    for (const auto& [pillar, info] : row.pillars) {
      PillarWord& word = words[pillar];
      word.trouble = info->trouble().text();
      if (!info->has_trouble()) word.digest = absl::BytesToHexString(info->digest().value());
    }
    const Agreement agreement = Compare(words, AnsweredOf(row), {});
    if (!agreement.all_same() && uneven_++ == 0) first_uneven_ = row.file_id;
    const wire::FileInfo& info = *row.pillars.begin()->second;
    const size_t copies = agreement.CountOf(CopyState::kSame);
    session.report().Count(agreement.all_same() ? "even" : "uneven", info.size_bytes());
    JsonRecord record = session.report().Record("item");
    record.Set("file_id", row.file_id).Set("result", agreement.all_same() ? "ok" : "mismatch");
    record.Set("size_bytes", static_cast<uint64_t>(info.size_bytes()));
    record.Set("algorithm", "sha256").Set("digest", agreement.digest);
    record.SetTime("stored_at", absl::FromUnixMicros(info.stored_at_us()));
    record.Set("copies", static_cast<uint64_t>(copies));
    record.Set("pillars", static_cast<uint64_t>(agreement.copies.size()));
    std::string text = absl::StrCat(Shown(row.file_id), "\n");
    if (long_) {
      const std::string size = Counted(info.size_bytes());
      text = absl::StrCat(std::string(kSizeColumns - std::min(kSizeColumns, size.size()), ' '),
                          size, "  ", Timestamp(absl::FromUnixMicros(info.stored_at_us())), "  ",
                          Fit(absl::StrCat(copies, "/", agreement.copies.size()), kCopiesColumns),
                          " ", text);
    }
    session.report().Item(record, text);
  }

  ListFlags list_;
  bool long_ = false;
  uint64_t uneven_ = 0;
  std::string first_uneven_;
};

}  // namespace

std::unique_ptr<Command> MakeFileIdsCommand() { return std::make_unique<FileIdsCommand>(); }

}  // namespace bitrepo::commands
