// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_ledger.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kDirectory[] = "ledger";
constexpr char kNoAnswer[] = "-";
constexpr char kNoEffect[] = ".";
constexpr size_t kAnswerFields = 6;

std::string CheckOf(absl::string_view text) {
  return absl::StrFormat("%016x",
                         base::FrameCheck(std::as_bytes(std::span(text.data(), text.size())), {}));
}

std::string AnswerText(const Answer& answer) {
  return absl::StrCat(
      answer.key.conversation.ToString(), ":", answer.key.message_id.ToString(), ":",
      absl::BytesToHexString(answer.body_sha256), ":", absl::ToUnixMicros(answer.recorded_at), ":",
      absl::Base64Escape(answer.key.principal), ":", absl::Base64Escape(answer.final_body));
}

absl::StatusOr<Answer> ParseAnswer(absl::string_view text) {
  const absl::Status broken = absl::DataLossError("an answer in the ledger cannot be read");
  const std::vector<absl::string_view> fields = absl::StrSplit(text, ':');
  if (fields.size() != kAnswerFields) {
    return broken;
  }
  Answer answer;
  absl::StatusOr<base::ConversationId> conversation = base::ConversationId::Parse(fields[0]);
  absl::StatusOr<base::MessageId> message = base::MessageId::Parse(fields[1]);
  int64_t micros = 0;
  if (!conversation.ok() || !message.ok() || !absl::SimpleAtoi(fields[3], &micros) ||
      !absl::Base64Unescape(fields[4], &answer.key.principal) ||
      !absl::Base64Unescape(fields[5], &answer.final_body)) {
    return broken;
  }
  answer.key.conversation = *conversation;
  answer.key.message_id = *message;
  answer.body_sha256 = absl::HexStringToBytes(fields[2]);
  answer.recorded_at = absl::FromUnixMicros(micros);
  return answer;
}

// What stands behind the last tab of `rest`, which is cut there; empty when there is no tab.
absl::string_view TakeLastField(absl::string_view& rest) {
  const size_t tab = rest.rfind('\t');
  if (tab == absl::string_view::npos) {
    return "";
  }
  const absl::string_view field = rest.substr(tab + 1);
  rest = rest.substr(0, tab);
  return field;
}

absl::StatusOr<std::string> ReadWhole(runtime::DiskFile& file) {
  BITREPO_ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  std::string text(size, '\0');
  BITREPO_ASSIGN_OR_RETURN(
      const size_t got,
      file.ReadAt(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
  text.resize(got);
  return text;
}

// The whole lines at the start of a file's text that can be read, and how many bytes they are.
struct Lines {
  std::vector<absl::string_view> lines;
  uint64_t bytes = 0;
};
Lines WholeLines(absl::string_view text) {
  Lines whole;
  for (size_t end = text.find('\n'); end != absl::string_view::npos;
       end = text.find('\n', whole.bytes)) {
    const absl::string_view line = text.substr(whole.bytes, end - whole.bytes);
    if (!ParseLedgerLine(line).ok()) {
      break;
    }
    whole.lines.push_back(line);
    whole.bytes = end + 1;
  }
  return whole;
}

// True when a whole line stands somewhere behind the first bytes that are none.
bool HasLinesBehind(absl::string_view text, uint64_t bytes) {
  for (size_t end = text.find('\n', bytes); end != absl::string_view::npos;) {
    const size_t next = text.find('\n', end + 1);
    if (next != absl::string_view::npos &&
        ParseLedgerLine(text.substr(end + 1, next - end - 1)).ok()) {
      return true;
    }
    end = next;
  }
  return false;
}

absl::Status DamagedBehind(absl::string_view path, uint64_t bytes) {
  return absl::DataLossError(absl::StrCat(path, ": damaged behind byte ", bytes));
}

std::string PathOf(absl::string_view name) { return absl::StrCat(kDirectory, "/", name); }

// What of a file could not be read as entries.
struct FileRest {
  uint64_t at = 0;
  uint64_t bytes = 0;
  bool has_lines = false;
};
absl::StatusOr<FileRest> ReadEntries(runtime::Disk& disk, absl::string_view name,
                                     absl::FunctionRef<absl::Status(const LedgerEntry&)> visit) {
  BITREPO_ASSIGN_OR_RETURN(const std::unique_ptr<runtime::DiskFile> file,
                           disk.OpenRead(PathOf(name)));
  BITREPO_ASSIGN_OR_RETURN(const std::string text, ReadWhole(*file));
  const Lines whole = WholeLines(text);
  for (const absl::string_view line : whole.lines) {
    BITREPO_ASSIGN_OR_RETURN(const LedgerEntry entry, ParseLedgerLine(line));
    BITREPO_RETURN_IF_ERROR(visit(entry));
  }
  return FileRest{whole.bytes, text.size() - whole.bytes, HasLinesBehind(text, whole.bytes)};
}

}  // namespace

std::string LedgerLine(const LedgerEntry& entry) {
  std::string line =
      absl::StrCat(RecordLine(entry.record), "\t", absl::BytesToHexString(entry.record.hash), "\t",
                   entry.effect.empty() ? kNoEffect : entry.effect, "\t",
                   entry.answer.has_value() ? AnswerText(*entry.answer) : kNoAnswer, "\t");
  const std::string check = CheckOf(line);
  return line + check;
}

absl::StatusOr<LedgerEntry> ParseLedgerLine(absl::string_view line) {
  const absl::Status broken = absl::DataLossError("a line of the ledger is not whole");
  const size_t check_at = line.rfind('\t');
  if (check_at == absl::string_view::npos ||
      CheckOf(line.substr(0, check_at + 1)) != line.substr(check_at + 1)) {
    return broken;
  }
  absl::string_view rest = line.substr(0, check_at);
  const absl::string_view answer = TakeLastField(rest);
  const absl::string_view effect = TakeLastField(rest);
  const absl::string_view hash = TakeLastField(rest);
  if (effect.empty() || hash.size() != 2 * base::kChainHashBytes) {
    return broken;
  }
  LedgerEntry entry;
  BITREPO_ASSIGN_OR_RETURN(entry.record, ParseRecordLine(rest));
  entry.record.hash = absl::HexStringToBytes(hash);
  if (effect != kNoEffect) {
    entry.effect = std::string(effect);
  }
  if (answer != kNoAnswer) {
    BITREPO_ASSIGN_OR_RETURN(entry.answer, ParseAnswer(answer));
  }
  return entry;
}

absl::StatusOr<std::unique_ptr<AuditLedger>> AuditLedger::Open(runtime::Disk& disk) {
  BITREPO_RETURN_IF_ERROR(disk.MakeDirectories(kDirectory));
  std::unique_ptr<AuditLedger> ledger(new AuditLedger(disk));
  BITREPO_ASSIGN_OR_RETURN(ledger->names_, disk.List(kDirectory));
  BITREPO_RETURN_IF_ERROR(ledger->LoadEnd());
  return ledger;
}

// Goes back from the last file to one with a whole line: a crash may leave the newest without any.
absl::Status AuditLedger::LoadEnd() {
  while (!names_.empty()) {
    const std::string path = PathOf(names_.back());
    BITREPO_ASSIGN_OR_RETURN(file_, disk_.OpenWrite(path));
    BITREPO_ASSIGN_OR_RETURN(const std::string text, ReadWhole(*file_));
    const Lines whole = WholeLines(text);
    if (!whole.lines.empty()) {
      BITREPO_ASSIGN_OR_RETURN(const LedgerEntry last, ParseLedgerLine(whole.lines.back()));
      end_ = ChainEnd{last.record.sequence, last.record.hash};
      file_bytes_ = whole.bytes;
      if (HasLinesBehind(text, whole.bytes)) {
        base::LogLine(base::LogLevel::kError, "ledger-damaged")
            .With("cause", DamagedBehind(path, whole.bytes).message());
      }
      return whole.bytes == text.size() ? absl::OkStatus() : file_->Truncate(whole.bytes);
    }
    file_.reset();
    BITREPO_RETURN_IF_ERROR(disk_.Remove(path));
    names_.pop_back();
  }
  return absl::OkStatus();
}

absl::Status AuditLedger::BeginFile(uint64_t first_sequence) {
  if (file_ != nullptr) {
    BITREPO_RETURN_IF_ERROR(Sync());
  }
  const std::string name = absl::StrFormat("%020d.log", first_sequence);
  BITREPO_ASSIGN_OR_RETURN(file_, disk_.Create(PathOf(name)));
  names_.push_back(name);
  file_bytes_ = 0;
  return disk_.SyncDirectory(kDirectory);
}

absl::Status AuditLedger::Append(const std::vector<LedgerEntry>& entries) {
  if (broken_ || entries.empty()) {
    return absl::OkStatus();
  }
  const absl::Status status = Write(entries);
  broken_ = !status.ok();
  return base::Annotate(status, kDirectory);
}

absl::Status AuditLedger::Write(const std::vector<LedgerEntry>& entries) {
  if (file_ == nullptr || file_bytes_ > kLedgerFileBytes) {
    BITREPO_RETURN_IF_ERROR(BeginFile(entries.front().record.sequence));
  }
  std::string text;
  for (const LedgerEntry& entry : entries) {
    absl::StrAppend(&text, LedgerLine(entry), "\n");
  }
  BITREPO_RETURN_IF_ERROR(
      file_->WriteAt(file_bytes_, std::as_bytes(std::span(text.data(), text.size()))));
  file_bytes_ += text.size();
  unsynced_bytes_ += text.size();
  end_ = ChainEnd{entries.back().record.sequence, entries.back().record.hash};
  return unsynced_bytes_ < kLedgerSyncBytes ? absl::OkStatus() : Sync();
}

absl::Status AuditLedger::Sync() {
  if (file_ == nullptr || unsynced_bytes_ == 0) {
    return absl::OkStatus();
  }
  unsynced_bytes_ = 0;
  return file_->Sync();
}

absl::Status AuditLedger::ForEach(absl::FunctionRef<absl::Status(const LedgerEntry&)> visit) const {
  for (const std::string& name : names_) {
    BITREPO_ASSIGN_OR_RETURN(const FileRest rest, ReadEntries(disk_, name, visit));
    if (rest.bytes != 0) {
      return DamagedBehind(PathOf(name), rest.at);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadLedger(runtime::Disk& disk,
                        absl::FunctionRef<absl::Status(const LedgerEntry&)> visit) {
  const auto names = disk.List(kDirectory);
  if (absl::IsNotFound(names.status())) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(names.status());
  absl::Status unfinished;  // what only the end may be
  for (const std::string& name : *names) {
    BITREPO_ASSIGN_OR_RETURN(const FileRest rest,
                             ReadEntries(disk, name, [&](const LedgerEntry& entry) {
                               return unfinished.ok() ? visit(entry) : unfinished;
                             }));
    if (rest.has_lines) {
      return DamagedBehind(PathOf(name), rest.at);
    }
    if (rest.bytes != 0 && unfinished.ok()) {
      unfinished = DamagedBehind(PathOf(name), rest.at);
    }
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
