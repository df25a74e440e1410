// SPDX-License-Identifier: Apache-2.0
// file-infos: all that the pillars have on record of files, those in quarantine too.
#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/agreement.h"
#include "client/commands/all_commands.h"
#include "client/commands/list_flags.h"
#include "client/commands/words.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kSizeColumns = 12;
constexpr size_t kCopiesColumns = 5;
constexpr size_t kPillarColumns = 14;

using Row = client::FileInfoRow;
using PillarWords = absl::btree_map<base::ComponentId, PillarWord>;

std::string Size(uint64_t bytes) {
  const std::string size = Counted(bytes);
  return std::string(kSizeColumns - std::min(kSizeColumns, size.size()), ' ') + size;
}

std::string At(int64_t micros) { return Timestamp(absl::FromUnixMicros(micros)); }

class FileInfosCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "file-infos",
            .aliases = {"getFileInfos"},
            .summary = "all that the pillars have on record of files",
            .description =
                "Without ID: of all files. A file that some pillar lacks, or holds differently, "
                "makes exit code 6. --removed lists what lies in quarantine instead, each "
                "generation at each pillar.",
            .examples = {"file-infos --long a.txt", "file-infos --since 7d --algorithm sha512",
                         "file-infos --removed"}};
  }

  Shape shape() override {
    Shape shape{
        .flags = {{"-l,--long", "", "a line for each pillar: dates, generation, digests", &long_},
                  {"--algorithm", "NAME",
                   "this digest too, where need be read now; may be repeated", &algorithms_},
                  {"--removed", "", "what lies in quarantine", &removed_}},
        .arguments = std::nullopt};
    list_.AddTo(shape, "stored");
    return shape;
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    if (!Prepare()) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr || (list_.names_files() && list_.named() == 0)) return ExitCode::kDone;
    const ListEnd end = RunList<wire::FileInfoItem>(
        session, *client, list_.bounds(),
        [&](client::RowHandler<wire::FileInfoItem> handler) {
          client::GetFileInfosSpec spec{.scope = list_.Scope(session.collection()),
                                        .stored = list_.window(),
                                        .removed = removed_,
                                        .on_rows = std::move(handler)};
          if (spec_.algorithms_size() > 0) spec.checksums = spec_;
          return client->GetFileInfos(std::move(spec));
        },
        [&](const Row& row) { Tell(row); });
    if (!list_.names_files()) TellMore(session, Words(), end);
    if (!end.result.ok()) {
      if (session.interrupted() == 0 && session.console().output_error() == 0) {
        Refuse(ExitCodeFor(end.result.status()), end.result.status().message());
      }
      return ExitCode::kDone;
    }
    const std::string one = list_.one() ? list_.one()->text() : "";
    ReportList(session, "list its files", *end.result, one, session.Again("pillars"));
    if (list_.one() && NobodyHasIt(end.result->outcome)) ReportNotFound(session, one);
    if (end.cut) session.report().Add(ExitCode::kLimit);
    return session.report().PartlyFound();
  }

 private:
  bool Refuse(ExitCode code, absl::string_view why) {
    session_->report().Error({.code = code, .message = std::string(why)});
    return false;
  }

  bool Prepare() {
    for (const std::string& word : algorithms_) {
      const auto algorithm = client::ParseAlgorithmWord(word);
      if (!algorithm.ok()) return Refuse(ExitCode::kUsage, algorithm.status().message());
      if (client::NeedsSalt(*algorithm)) {
        return Refuse(ExitCode::kUsage, "an hmac needs a salt: use checksums --salt for it");
      }
      if (std::count(algorithms_.begin(), algorithms_.end(), word) > 1) {
        return Refuse(ExitCode::kUsage, absl::StrCat("--algorithm ", word, " is given twice"));
      }
      spec_.add_algorithms(*algorithm);
    }
    if (!list_.Prepare(*session_)) return false;
    if (removed_ && list_.names_files() && !list_.one()) {
      return Refuse(ExitCode::kUsage, "--removed lists one ID, a --prefix or all");
    }
    if (removed_ && !algorithms_.empty()) {
      return Refuse(ExitCode::kUsage,
                    "what was removed is not read: --removed without --algorithm");
    }
    return true;
  }

  // The command without its cursor.
  std::string Words() const {
    std::string words = "file-infos";
    if (long_) absl::StrAppend(&words, " --long");
    if (removed_) absl::StrAppend(&words, " --removed");
    for (const std::string& word : algorithms_) absl::StrAppend(&words, " --algorithm ", word);
    return words + list_.Words();
  }

  void Tell(const Row& row) {
    if (removed_) {
      for (const auto& [pillar, item] : row.pillars) TellRemoved(pillar, *item);
      return;
    }
    if (row.pillars.empty()) {
      ReportNotFound(*session_, row.file_id);
      return;
    }
    PillarWords words;
    for (const auto& [pillar, item] : row.pillars) {
      PillarWord& word = words[pillar];
      word.trouble = item->file().trouble().text();
      if (!item->file().has_trouble()) {
        word.digest = absl::BytesToHexString(item->file().digest().value());
      }
    }
    const Agreement agreement = Compare(words, AnsweredOf(row), {});
    session_->report().Count(agreement.all_same() ? "even" : "uneven",
                             row.pillars.begin()->second->file().size_bytes());
    if (session_->flags().json) {
      TellJson(row, agreement);
    } else if (long_) {
      TellLong(row, agreement);
    } else {
      TellShort(row, agreement);
    }
    if (!agreement.all_same()) TellUneven(row, agreement);
  }

  void TellShort(const Row& row, const Agreement& agreement) {
    const wire::FileInfo& info = row.pillars.begin()->second->file();
    session_->console().Result(absl::StrCat(
        Size(info.size_bytes()), "  ", At(info.stored_at_us()), "  ",
        Fit(absl::StrCat(agreement.CountOf(CopyState::kSame), "/", agreement.copies.size()),
            kCopiesColumns),
        " ", Shown(row.file_id), "\n"));
  }

  void TellLong(const Row& row, const Agreement& agreement) {
    for (const auto& [pillar, state] : agreement.copies) {
      std::string line = absl::StrCat(Fit(pillar.text(), kPillarColumns), " ", WordOf(state));
      if (const auto found = row.pillars.find(pillar); found != row.pillars.end()) {
        const wire::FileInfoItem& item = *found->second;
        absl::StrAppend(&line, "  ", Size(item.file().size_bytes()), "  stored ",
                        At(item.file().stored_at_us()), "  verified ", At(item.calculated_at_us()),
                        "  ", GenerationOf(item.file()),
                        "  sha256:", absl::BytesToHexString(item.file().digest().value()));
        for (const wire::Digest& digest : item.digests()) {
          absl::StrAppend(&line, "  ", client::AlgorithmWord(digest.algorithm()), ":",
                          absl::BytesToHexString(digest.value()));
        }
      }
      session_->console().Result(absl::StrCat(line, "  ", Shown(row.file_id), "\n"));
    }
  }

  static std::string GenerationOf(const wire::FileInfo& info) {
    const auto generation = base::GenerationId::FromBytes(info.generation_id());
    return generation.ok() ? generation->ToString() : "";
  }

  // What a record says of a copy, but for its digests.
  static void Describe(const wire::FileInfoItem& item, JsonRecord& record) {
    record.Set("size_bytes", static_cast<uint64_t>(item.file().size_bytes()));
    record.SetTime("stored_at", absl::FromUnixMicros(item.file().stored_at_us()));
    if (const std::string generation = GenerationOf(item.file()); !generation.empty()) {
      record.Set("generation", generation);
    }
    if (item.calculated_at_us() > 0) {
      record.SetTime("calculated_at", absl::FromUnixMicros(item.calculated_at_us()));
    }
    if (item.removed_at_us() > 0) {
      record.SetTime("removed_at", absl::FromUnixMicros(item.removed_at_us()));
    }
  }

  // One record for each copy and digest; that on record where no other was asked for.
  void TellJson(const Row& row, const Agreement& agreement) {
    for (const auto& [pillar, state] : agreement.copies) {
      const auto found = row.pillars.find(pillar);
      const auto emit = [&](const wire::Digest* digest) {
        JsonRecord record = session_->report().Record("item");
        record.Set("file_id", row.file_id).Set("pillar", pillar.text());
        record.Set("result", ResultWord(state));
        if (found != row.pillars.end()) Describe(*found->second, record);
        if (digest != nullptr) {
          record.Set("algorithm", std::string(client::AlgorithmWord(digest->algorithm())));
          record.Set("digest", absl::BytesToHexString(digest->value()));
        }
        session_->report().Emit(record);
      };
      if (found == row.pillars.end()) {
        emit(nullptr);
      } else if (found->second->digests().empty()) {
        emit(&found->second->file().digest());
      } else {
        for (const wire::Digest& digest : found->second->digests()) emit(&digest);
      }
    }
  }

  void TellRemoved(const base::ComponentId& pillar, const wire::FileInfoItem& item) {
    session_->report().Count("removed", item.file().size_bytes());
    JsonRecord record = session_->report().Record("item");
    record.Set("file_id", item.file().file_id()).Set("pillar", pillar.text());
    record.Set("result", "removed");
    Describe(item, record);
    record.Set("algorithm", "sha256");
    record.Set("digest", absl::BytesToHexString(item.file().digest().value()));
    session_->report().Item(
        record,
        absl::StrCat(Fit(pillar.text(), kPillarColumns), " ", Size(item.file().size_bytes()),
                     "  removed ", At(item.removed_at_us()), "  ", GenerationOf(item.file()), "  ",
                     Shown(item.file().file_id()), "\n"));
  }

  void TellUneven(const Row& row, const Agreement& agreement) {
    std::string text;
    for (const auto& [pillar, state] : agreement.copies) {
      if (state == CopyState::kSame) continue;
      absl::StrAppend(&text, text.empty() ? "" : ", ", pillar.text(), " ", WordOf(state));
    }
    session_->report().Error(
        {.code = ExitCode::kIntegrity,
         .message =
             absl::StrCat("the copies of ", Shown(row.file_id), " are not all the same: ", text),
         .file_id = row.file_id,
         .hint = session_->Again(absl::StrCat("whereis", ArgumentWords({row.file_id})))});
  }

  Session* session_ = nullptr;
  ListFlags list_;
  std::vector<std::string> algorithms_;
  wire::ChecksumSpec spec_;
  bool long_ = false;
  bool removed_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeFileInfosCommand() { return std::make_unique<FileInfosCommand>(); }

}  // namespace bitrepo::commands
