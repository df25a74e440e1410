// SPDX-License-Identifier: Apache-2.0
// checksums: digests of files at every pillar, compared; and lists of digests checked against them.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "bus/protocol/limits.h"
#include "client/commands/agreement.h"
#include "client/commands/all_commands.h"
#include "client/commands/byte_span.h"
#include "client/commands/list_flags.h"
#include "client/commands/read_input.h"
#include "client/commands/sum_line.h"
#include "client/commands/words.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kSaltBytes = 32;
constexpr size_t kPillarColumns = 14;

using Row = client::ChecksumRow;
using PillarWords = absl::btree_map<base::ComponentId, PillarWord>;

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
    Shape shape{
        .flags = {{"--algorithm", "NAME",
                   "md5 sha1 sha256 sha384 sha512 or hmac-... of each; may be repeated",
                   &algorithms_},
                  {"--salt", "HEX", "key of an hmac, or random", &salt_},
                  {"--fresh", "", "read the bytes now; else a recorded digest may answer", &fresh_},
                  {"--range", "OFF:LEN", "of these bytes of one file", &range_},
                  {"--block-size", "SIZE", "of each block so large of one file", &block_size_},
                  {"--format", "WORD", "table or sha256sum", &format_, {"table", "sha256sum"}},
                  {"--check", "FILE", "check the list in FILE, as sha256sum -c does", &check_}},
        .arguments = std::nullopt};
    list_.AddTo(shape, "whose recorded digest was made");
    return shape;
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    if (!Prepare()) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    client_ = client;
    if (list_.one() && block_bytes_ == 0) {
      ListOne(*list_.one());
    } else if (!list_.names_files() || list_.named() > 0) {
      ListMany();
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
    if (!check_.empty() && !ReadCheckList()) return false;
    if (!PrepareDigests() || !list_.Prepare(*session_)) return false;
    const bool one_digest = spec_.algorithms_size() == 1 && block_bytes_ == 0;
    if (!one_digest && (!check_.empty() || format_ == "sha256sum")) {
      return Refuse(ExitCode::kUsage,
                    "a list for sha256sum has one digest of each file: one --algorithm, no "
                    "--block-size");
    }
    if ((span_ || block_bytes_ > 0) && !list_.one()) {
      return Refuse(ExitCode::kUsage, "--range and --block-size are of one file: name one id");
    }
    return true;
  }

  bool PrepareDigests() {
    if (algorithms_.empty()) algorithms_.emplace_back("sha256");
    size_t salted = 0;
    for (const std::string& word : algorithms_) {
      const auto algorithm = client::ParseAlgorithmWord(word);
      if (!algorithm.ok()) {
        return Refuse(ExitCode::kUsage, std::string(algorithm.status().message()));
      }
      if (std::count(algorithms_.begin(), algorithms_.end(), word) > 1) {
        return Refuse(ExitCode::kUsage, absl::StrCat("--algorithm ", word, " is given twice"));
      }
      spec_.add_algorithms(*algorithm);
      salted += client::NeedsSalt(*algorithm) ? 1 : 0;
    }
    spec_.set_fresh(fresh_);
    if (salted != 0 && salted != algorithms_.size()) {
      return Refuse(ExitCode::kUsage, "hmac algorithms go together, and no others with them");
    }
    if ((salted != 0) == salt_.empty()) {
      return Refuse(ExitCode::kUsage, "--salt goes with the hmac algorithms, and they with it");
    }
    return PrepareSalt() && PreparePart();
  }

  bool PrepareSalt() {
    if (salt_.empty()) return true;
    const std::string salt = salt_ == "random" ? session_->parts().random->Bytes(kSaltBytes)
                                               : absl::HexStringToBytes(salt_);
    if (salt.empty() ||
        (salt_ != "random" && absl::BytesToHexString(salt) != absl::AsciiStrToLower(salt_))) {
      return Refuse(ExitCode::kUsage, "--salt is hexadecimal, or random");
    }
    spec_.set_salt(salt);
    session_->console().Note(absl::StrCat("salt ", absl::BytesToHexString(salt)));
    return true;
  }

  bool PreparePart() {
    if (!range_.empty()) {
      const auto span = ParseByteSpan(range_);
      if (!span.ok()) return Refuse(ExitCode::kUsage, std::string(span.status().message()));
      span_ = *span;
    }
    if (block_size_.empty()) return true;
    const auto bytes = runtime::ParseBytes(block_size_);
    if (!bytes.ok() || *bytes < protocol::kBlockBytesMin || *bytes > protocol::kBlockBytesMax) {
      return Refuse(ExitCode::kUsage, "--block-size is 4KiB to 1GiB");
    }
    block_bytes_ = *bytes;
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
    if (!algorithms_.empty() || sums->empty()) return true;
    for (const base::Algorithm algorithm :
         {base::Algorithm::kMd5, base::Algorithm::kSha1, base::Algorithm::kSha256,
          base::Algorithm::kSha384, base::Algorithm::kSha512}) {
      if (base::DigestBytes(algorithm) * 2 == sums->front().hex.size()) {
        algorithms_ = {std::string(base::AlgorithmName(algorithm))};
      }
    }
    return true;
  }

  client::GetChecksumsSpec Spec() {
    client::GetChecksumsSpec spec{.scope = list_.Scope(session_->collection()), .checksums = spec_};
    if (span_) {
      spec.offset = span_->offset;
      spec.length = span_->length;
    }
    spec.block_bytes = block_bytes_;
    spec.calculated = list_.window();
    return spec;
  }

  ListEnd Ask(const std::function<void(const Row&)>& on_row) {
    return RunList<wire::ChecksumItem>(
        *session_, *client_, list_.bounds(),
        [&](client::RowHandler<wire::ChecksumItem> handler) {
          client::GetChecksumsSpec spec = Spec();
          spec.on_rows = std::move(handler);
          return client_->GetChecksums(std::move(spec));
        },
        on_row);
  }

  void ListMany() {
    const ListEnd end = Ask([this](const Row& row) {
      if (row.pillars.empty()) {
        ReportNotFound(*session_, row.file_id);
      } else if (!TellPlainly(row)) {
        Tell(row, AnsweredOf(row), {});
      }
    });
    const std::string one = list_.one() ? list_.one()->text() : "";
    if (Ended(end, one)) {
      if (end.cut) session_->report().Add(ExitCode::kLimit);
      if (!one.empty() && NobodyHasIt(end.result->outcome)) ReportNotFound(*session_, one);
    }
    if (!list_.names_files()) TellMore(*session_, Words(), end);
  }

  // The command without its cursor.
  std::string Words() const {
    std::string words = "checksums";
    const auto add = [&words](absl::string_view flag, const std::string& value) {
      if (!value.empty()) absl::StrAppend(&words, FlagWords(flag, value));
    };
    for (const std::string& algorithm : algorithms_) {
      if (algorithms_.size() > 1 || algorithm != "sha256") add("--algorithm", algorithm);
    }
    add("--salt", absl::BytesToHexString(spec_.salt()));
    if (fresh_) absl::StrAppend(&words, " --fresh");
    add("--format", format_ == "table" ? "" : format_);
    add("--check", check_);
    return words + list_.Words();
  }

  // Of one file it is known at the end who has said nothing: its row waits.
  void ListOne(const base::FileId& file_id) {
    std::optional<Row> found;
    const ListEnd end = Ask([&found](const Row& row) { found = row; });
    if (!Ended(end, file_id.text())) return;
    if (NobodyHasIt(end.result->outcome)) ReportNotFound(*session_, file_id.text());
    const ListPillars pillars = PillarsOf(end.result->outcome);
    if (found) Tell(*found, pillars.answered, pillars.silent);
  }

  bool Ended(const ListEnd& end, const std::string& file_id) {
    if (!end.result.ok()) {
      if (session_->interrupted() == 0 && session_->console().output_error() == 0) {
        Refuse(ExitCodeFor(end.result.status()), std::string(end.result.status().message()));
      }
      return false;
    }
    ReportList(*session_, file_id.empty() ? "answer" : "answer for", *end.result, file_id,
               session_->Again("pillars"));
    return true;
  }

  // What each pillar says of one digest of a row.
  static PillarWords WordsOf(const Row& row, int index) {
    PillarWords words;
    for (const auto& [pillar, item] : row.pillars) {
      PillarWord& word = words[pillar];
      if (index < item->digests_size()) {
        word.digest = absl::BytesToHexString(item->digests(index).value());
      } else {
        word.trouble = item->trouble().text();
      }
    }
    return words;
  }

  // The one digest asked for, where every pillar lists the file with the same; else nothing.
  const std::string* CommonDigest(const Row& row) const {
    const std::string* common = nullptr;
    if (!row.lacking.empty() || spec_.algorithms_size() != 1) return nullptr;
    for (const auto& [pillar, item] : row.pillars) {
      if (item->digests().empty()) return nullptr;
      const std::string& digest = item->digests(0).value();
      if (common != nullptr && *common != digest) return nullptr;
      common = &digest;
    }
    return common;
  }

  // Most rows of a long list need no more. False: this one does.
  bool TellPlainly(const Row& row) {
    if (!check_.empty() || session_->flags().json || format_ != "sha256sum") return false;
    const std::string* common = CommonDigest(row);
    if (common == nullptr) return false;
    session_->console().Result(SumLine(absl::BytesToHexString(*common), row.file_id));
    session_->report().Count("agreed");
    return true;
  }

  void Tell(const Row& row, const std::vector<base::ComponentId>& answered,
            const std::vector<base::ComponentId>& silent) {
    bool all_same = true;
    for (int i = 0; i < spec_.algorithms_size(); ++i) {
      const PillarWords words = WordsOf(row, i);
      const Agreement agreement = Compare(words, answered, silent);
      if (!check_.empty()) {
        CheckOne(row, agreement);
      } else if (session_->flags().json) {
        TellJson(row, i, agreement);
      } else if (format_ == "sha256sum") {
        if (agreement.all_same()) {
          session_->console().Result(SumLine(agreement.digest, row.file_id));
        }
      } else {
        TellTable(row, i, agreement, words);
      }
      if (all_same && !agreement.all_same()) TellDisagreement(row, agreement, words);
      all_same = all_same && agreement.all_same();
    }
    session_->report().Count(all_same ? "agreed" : "disagreed");
  }

  // What stands behind the digest: which, where there are several, and of what.
  std::string Named(const Row& row, int index) const {
    std::string named = absl::StrCat("  ", Shown(row.file_id));
    if (block_bytes_ > 0) absl::StrAppend(&named, "  block ", row.number);
    if (spec_.algorithms_size() > 1) {
      absl::StrAppend(&named, "  ", client::AlgorithmWord(spec_.algorithms(index)));
    }
    return named + "\n";
  }

  void TellTable(const Row& row, int index, const Agreement& agreement, const PillarWords& words) {
    Console& console = session_->console();
    if (agreement.all_same()) {
      console.Result(absl::StrCat(agreement.digest, "  ", agreement.CountOf(CopyState::kSame), "/",
                                  agreement.copies.size(), Named(row, index)));
      return;
    }
    for (const auto& [pillar, state] : agreement.copies) {
      const auto word = words.find(pillar);
      const std::string digest = word == words.end() ? "" : word->second.digest;
      console.Result(absl::StrCat(Fit(digest, std::max(digest.size(), agreement.digest.size())),
                                  "  ", Fit(pillar.text(), kPillarColumns), " ", WordOf(state),
                                  Named(row, index)));
    }
  }

  void TellJson(const Row& row, int index, const Agreement& agreement) {
    for (const auto& [pillar, state] : agreement.copies) {
      JsonRecord record = session_->report().Record("item");
      record.Set("file_id", row.file_id).Set("pillar", pillar.text());
      record.Set("result", ResultWord(state));
      record.Set("algorithm", std::string(client::AlgorithmWord(spec_.algorithms(index))));
      if (block_bytes_ > 0) record.Set("block", row.number);
      if (const auto item = row.pillars.find(pillar); item != row.pillars.end()) {
        if (index < item->second->digests_size()) {
          record.Set("digest", absl::BytesToHexString(item->second->digests(index).value()));
        }
        record.Set("size_bytes", static_cast<uint64_t>(item->second->size_bytes()));
        record.SetTime("calculated_at", absl::FromUnixMicros(item->second->calculated_at_us()));
      }
      session_->report().Emit(record);
    }
  }

  void TellDisagreement(const Row& row, const Agreement& agreement, const PillarWords& words) {
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
  ListFlags list_;
  std::vector<std::string> algorithms_;
  std::string salt_;
  std::string format_ = "table";
  std::string range_;
  std::string block_size_;
  std::string check_;
  bool fresh_ = false;
  std::optional<ByteSpan> span_;
  uint64_t block_bytes_ = 0;
  wire::ChecksumSpec spec_;
  std::map<std::string, std::string> expected_;  // of --check: id -> hex
};

}  // namespace

std::unique_ptr<Command> MakeChecksumsCommand() { return std::make_unique<ChecksumsCommand>(); }

}  // namespace bitrepo::commands
