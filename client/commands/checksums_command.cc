// SPDX-License-Identifier: Apache-2.0
// checksums: digests of files at every pillar, compared; and lists of digests checked against them.
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/commands/agreement.h"
#include "client/commands/all_commands.h"
#include "client/commands/byte_span.h"
#include "client/commands/list_run.h"
#include "client/commands/put_plan.h"
#include "client/commands/read_input.h"
#include "client/commands/sum_line.h"
#include "client/commands/words.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kSaltBytes = 32;
constexpr size_t kPillarColumns = 14;

using Row = client::ChecksumRow;

class ChecksumsCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "checksums",
        .aliases = {"getChecksums"},
        .summary = "digests of files at every pillar, compared",
        .description =
            "Without ID: of all files. The sha256sum format has one line for each file on which "
            "all pillars agree and feeds sha256sum -c as it is; what they do not agree on, or "
            "what one of them lacks, is told on standard error and makes exit code 6.",
        .examples = {"checksums", "checksums --format sha256sum | (cd DIR && sha256sum -c --quiet)",
                     "checksums --check SHA256SUMS", "checksums a.txt --algorithm sha512 --fresh"}};
  }

  Shape shape() override {
    return {
        .flags = {{"--algorithm", "NAME", "md5 sha1 sha256 sha384 sha512 or hmac-... of each",
                   &algorithm_},
                  {"--salt", "HEX", "key of an hmac, or random", &salt_},
                  {"--fresh", "", "read the bytes now; else a recorded digest may answer", &fresh_},
                  {"--format", "WORD", "table or sha256sum", &format_, {"table", "sha256sum"}},
                  {"--prefix", "TEXT", "only ids that begin so", &prefix_, {}, true},
                  {"--range", "OFF:LEN", "of these bytes of one file", &range_},
                  {"--pillar", "NAME", "only this pillar; may be repeated", &pillars_},
                  {"--ids-from", "FILE",
                   "more ids, one a line or ended by NUL; - is standard input", &ids_from_},
                  {"--check", "FILE", "check the list in FILE, as sha256sum -c does", &check_},
                  {"--limit", "N", "at most so many files", &limit_},
                  {"--cursor", "ID", "go on after this id", &cursor_, {}, true}},
        .arguments = ArgumentsRow{"ID", "file id", &ids_}};
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    if (!Prepare()) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    client_ = client;
    if (ids_.empty() && ids_from_.empty()) {
      ListAll();
    } else {
      for (const base::FileId& file_id : files_) {
        if (session.interrupted() == 0) ListOne(file_id);
      }
    }
    if (!check_.empty() && session.interrupted() == 0) TellUnseen();
    return session.report().PartlyFound();
  }

 private:
  bool Refuse(ExitCode code, const std::string& why) {
    session_->report().Error({.code = code, .message = why});
    return false;
  }

  bool Prepare() {
    if (!ids_from_.empty() && !ReadIds()) return false;
    if (!check_.empty() && !ReadCheckList()) return false;
    const auto algorithm = client::ParseAlgorithmWord(algorithm_.empty() ? "sha256" : algorithm_);
    if (!algorithm.ok()) return Refuse(ExitCode::kUsage, std::string(algorithm.status().message()));
    spec_.add_algorithms(*algorithm);
    spec_.set_fresh(fresh_);
    if (client::NeedsSalt(*algorithm) == salt_.empty()) {
      return Refuse(ExitCode::kUsage, "--salt goes with the hmac algorithms, and they with it");
    }
    if (!salt_.empty()) {
      const std::string salt = salt_ == "random" ? session_->parts().random->Bytes(kSaltBytes)
                                                 : absl::HexStringToBytes(salt_);
      if (salt.empty() ||
          (salt_ != "random" && absl::BytesToHexString(salt) != absl::AsciiStrToLower(salt_))) {
        return Refuse(ExitCode::kUsage, "--salt is hexadecimal, or random");
      }
      spec_.set_salt(salt);
      session_->console().Note(absl::StrCat("salt ", absl::BytesToHexString(salt)));
    }
    const auto files = ParseFileIds(*session_, ids_);
    const auto limit = ParseCount(*session_, "--limit", limit_);
    if (!files || !limit) return false;
    files_ = *files;
    bounds_ = {cursor_, *limit};
    for (const std::string& name : pillars_) {
      const auto pillar = base::ComponentId::Parse(name);
      if (!pillar.ok()) return Refuse(ExitCode::kUsage, std::string(pillar.status().message()));
      asked_.push_back(*pillar);
    }
    if (!range_.empty()) {
      const auto span = ParseByteSpan(range_);
      if (!span.ok()) return Refuse(ExitCode::kUsage, std::string(span.status().message()));
      if (files_.size() != 1)
        return Refuse(ExitCode::kUsage, "--range is of one file: name one id");
      span_ = *span;
    }
    return true;
  }

  bool ReadIds() {
    const auto text = ReadInput(ids_from_, session_->parts().in);
    if (!text.ok()) return Refuse(ExitCode::kLocal, std::string(text.status().message()));
    for (std::string& id : SplitPathList(*text)) ids_.push_back(std::move(id));
    return true;
  }

  // The list also says which algorithm, by the length of its digests.
  bool ReadCheckList() {
    const auto text = ReadInput(check_, session_->parts().in);
    if (!text.ok()) return Refuse(ExitCode::kLocal, std::string(text.status().message()));
    const auto sums = ParseSumLines(*text);
    if (!sums.ok()) {
      return Refuse(ExitCode::kUsage, absl::StrCat(check_, ": ", sums.status().message()));
    }
    for (const NamedSum& sum : *sums) {
      if (!expected_.emplace(sum.name, sum.hex).second) {
        return Refuse(ExitCode::kUsage,
                      absl::StrCat(check_, ": ", Shown(sum.name), " stands twice"));
      }
    }
    if (!algorithm_.empty() || sums->empty()) return true;
    for (const base::Algorithm algorithm :
         {base::Algorithm::kMd5, base::Algorithm::kSha1, base::Algorithm::kSha256,
          base::Algorithm::kSha384, base::Algorithm::kSha512}) {
      if (base::DigestBytes(algorithm) * 2 == sums->front().hex.size()) {
        algorithm_ = std::string(base::AlgorithmName(algorithm));
      }
    }
    return true;
  }

  client::GetChecksumsSpec Spec(wire::FileSelection files) {
    client::GetChecksumsSpec spec{
        .scope = {.collection = session_->collection(), .files = std::move(files)},
        .checksums = spec_};
    spec.scope.pillars = asked_;
    if (span_) {
      spec.offset = span_->offset;
      spec.length = span_->length;
    }
    return spec;
  }

  ListEnd Ask(wire::FileSelection files, const std::function<void(const Row&)>& on_row) {
    return RunList<wire::ChecksumItem>(
        *session_, *client_, bounds_,
        [&](client::RowHandler<wire::ChecksumItem> handler) {
          client::GetChecksumsSpec spec = Spec(std::move(files));
          spec.on_rows = std::move(handler);
          return client_->GetChecksums(std::move(spec));
        },
        on_row);
  }

  void ListAll() {
    const ListEnd end = Ask(SelectPrefix(prefix_), [this](const Row& row) {
      std::vector<base::ComponentId> answered = row.lacking;
      for (const auto& [pillar, item] : row.pillars) answered.push_back(pillar);
      Tell(row, answered, {});
    });
    if (Ended(end, "") && end.cut) session_->report().Add(ExitCode::kLimit);
    TellMore(*session_, Words(), end);
  }

  // The command without its cursor.
  std::string Words() const {
    std::string words = "checksums";
    const auto add = [&words](absl::string_view flag, const std::string& value) {
      if (!value.empty()) absl::StrAppend(&words, FlagWords(flag, value));
    };
    add("--algorithm", algorithm_);
    add("--salt", absl::BytesToHexString(spec_.salt()));
    if (fresh_) absl::StrAppend(&words, " --fresh");
    add("--format", format_ == "table" ? "" : format_);
    add("--prefix", prefix_);
    for (const std::string& pillar : pillars_) add("--pillar", pillar);
    add("--check", check_);
    add("--limit", limit_);
    return words;
  }

  void ListOne(const base::FileId& file_id) {
    Row found;
    found.file_id = file_id.text();
    const ListEnd end = Ask(SelectOne(file_id), [&found](const Row& row) { found = row; });
    if (!Ended(end, file_id.text())) return;
    const ListPillars pillars = PillarsOf(end.result->outcome);
    if (found.pillars.empty()) {
      if (pillars.answered.empty()) return;  // told: nobody answered
      session_->report().Count("not-found");
      session_->report().Error({.code = ExitCode::kNotFound,
                                .message = absl::StrCat("no pillar has ", Shown(file_id.text())),
                                .file_id = file_id.text(),
                                .hint = session_->Again("file-ids")});
      return;
    }
    Tell(found, pillars.answered, pillars.silent);
  }

  bool Ended(const ListEnd& end, const std::string& file_id) {
    if (!end.result.ok()) {
      if (session_->interrupted() == 0 && session_->console().output_error() == 0) {
        Refuse(ExitCodeFor(end.result.status()), std::string(end.result.status().message()));
      }
      return false;
    }
    ReportList(*session_, "answer for", *end.result, file_id, session_->Again("pillars"));
    return true;
  }

  void Tell(const Row& row, const std::vector<base::ComponentId>& answered,
            const std::vector<base::ComponentId>& silent) {
    absl::btree_map<base::ComponentId, PillarWord> words;
    for (const auto& [pillar, item] : row.pillars) {
      PillarWord& word = words[pillar];
      if (item.digests_size() > 0) {
        word.digest = absl::BytesToHexString(item.digests(0).value());
      } else {
        word.trouble = item.trouble().text();
      }
    }
    const Agreement agreement = Compare(words, answered, silent);
    if (!check_.empty()) {
      CheckOne(row, agreement);
    } else if (session_->flags().json) {
      TellJson(row, agreement);
    } else if (format_ == "sha256sum") {
      if (agreement.all_same()) session_->console().Result(SumLine(agreement.digest, row.file_id));
    } else {
      TellTable(row, agreement, words);
    }
    session_->report().Count(agreement.all_same() ? "agreed" : "disagreed");
    if (!agreement.all_same()) TellDisagreement(row, agreement, words);
  }

  void TellTable(const Row& row, const Agreement& agreement,
                 const absl::btree_map<base::ComponentId, PillarWord>& words) {
    Console& console = session_->console();
    if (agreement.all_same()) {
      console.Result(absl::StrCat(agreement.digest, "  ", agreement.CountOf(CopyState::kSame), "/",
                                  agreement.copies.size(), "  ", Shown(row.file_id), "\n"));
      return;
    }
    for (const auto& [pillar, state] : agreement.copies) {
      const auto word = words.find(pillar);
      const std::string digest = word == words.end() ? "" : word->second.digest;
      console.Result(absl::StrCat(Fit(digest, std::max(digest.size(), agreement.digest.size())),
                                  "  ", Fit(pillar.text(), kPillarColumns), " ", WordOf(state),
                                  "  ", Shown(row.file_id), "\n"));
    }
  }

  void TellJson(const Row& row, const Agreement& agreement) {
    for (const auto& [pillar, state] : agreement.copies) {
      JsonRecord record = session_->report().Record("item");
      record.Set("file_id", row.file_id).Set("pillar", pillar.text());
      record.Set("result", ResultWord(state));
      record.Set("algorithm", std::string(client::AlgorithmWord(spec_.algorithms(0))));
      if (const auto item = row.pillars.find(pillar); item != row.pillars.end()) {
        if (item->second.digests_size() > 0) {
          record.Set("digest", absl::BytesToHexString(item->second.digests(0).value()));
        }
        record.Set("size_bytes", static_cast<uint64_t>(item->second.size_bytes()));
        record.SetTime("calculated_at", absl::FromUnixMicros(item->second.calculated_at_us()));
      }
      session_->report().Emit(record);
    }
  }

  void TellDisagreement(const Row& row, const Agreement& agreement,
                        const absl::btree_map<base::ComponentId, PillarWord>& words) {
    std::string text;
    for (const auto& [pillar, state] : agreement.copies) {
      if (state == CopyState::kSame || state == CopyState::kSilent) continue;
      const auto word = words.find(pillar);
      absl::StrAppend(&text, text.empty() ? "" : "; ", pillar.text(), " ", WordOf(state));
      if (word != words.end() && !word->second.trouble.empty()) {
        absl::StrAppend(&text, " (", Shown(word->second.trouble), ")");
      }
    }
    session_->report().Error(
        {.code = ExitCode::kIntegrity,
         .message = absl::StrCat("the pillars do not agree on ", Shown(row.file_id), ": ", text),
         .file_id = row.file_id,
         .hint = session_->Again(absl::StrCat("stat", ArgumentWords({row.file_id})))});
  }

  void CheckOne(const Row& row, const Agreement& agreement) {
    const auto expected = expected_.find(row.file_id);
    if (expected == expected_.end()) return;
    const bool right = agreement.all_same() && agreement.digest == expected->second;
    session_->report().Count(right ? "ok" : "mismatch");
    JsonRecord record = session_->report().Record("item");
    record.Set("file_id", row.file_id).Set("result", right ? "ok" : "mismatch");
    record.Set("digest", agreement.digest).Set("expected", expected->second);
    session_->report().Item(record,
                            absl::StrCat(Shown(row.file_id), right ? ": OK\n" : ": FAILED\n"));
    if (!right && agreement.all_same()) {
      session_->report().Error(
          {.code = ExitCode::kIntegrity,
           .message = absl::StrCat(Shown(row.file_id), " has ", agreement.digest,
                                   ", the list says ", expected->second),
           .file_id = row.file_id});
    }
    expected_.erase(expected);
  }

  // What stands in the list and was not met.
  void TellUnseen() {
    for (const auto& [name, hex] : expected_) {
      session_->report().Count("missing");
      JsonRecord record = session_->report().Record("item");
      record.Set("file_id", name).Set("result", "missing").Set("expected", hex);
      session_->report().Item(record, absl::StrCat(Shown(name), ": MISSING\n"));
    }
    if (!expected_.empty()) {
      Refuse(ExitCode::kIntegrity, absl::StrCat(CountedOf(expected_.size(), "file"), " of ",
                                                Shown(check_), " not in the collection"));
    }
  }

  Session* session_ = nullptr;
  client::BlockingClient* client_ = nullptr;
  std::vector<std::string> ids_;
  std::vector<std::string> pillars_;
  std::string algorithm_;
  std::string salt_;
  std::string format_ = "table";
  std::string prefix_;
  std::string range_;
  std::string check_;
  std::string ids_from_;
  std::string limit_;
  std::string cursor_;
  bool fresh_ = false;
  std::vector<base::FileId> files_;
  std::vector<base::ComponentId> asked_;
  std::optional<ByteSpan> span_;
  ListBounds bounds_;
  wire::ChecksumSpec spec_;
  std::map<std::string, std::string> expected_;  // of --check: id -> hex
};

}  // namespace

std::unique_ptr<Command> MakeChecksumsCommand() { return std::make_unique<ChecksumsCommand>(); }

}  // namespace bitrepo::commands
