// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_record.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/checksum.h"

namespace bitrepo::store {
namespace {

std::array<std::string AuditEvent::*, 7> TextFields() {
  return {&AuditEvent::action,    &AuditEvent::collection,   &AuditEvent::file_id,
          &AuditEvent::principal, &AuditEvent::conversation, &AuditEvent::result,
          &AuditEvent::detail};
}

// Bytes of UTF-8 stay readable; what would end a field or a line does not occur.
std::string EscapeField(absl::string_view text) { return absl::Utf8SafeCEscape(text); }

}  // namespace

std::string ChainStart() { return std::string(kChainHashBytes, '\0'); }

std::string RecordLine(const AuditRecord& record) {
  std::string line = absl::StrCat(record.sequence, "\t", absl::ToUnixMicros(record.at));
  for (std::string AuditEvent::*field : TextFields()) {
    absl::StrAppend(&line, "\t", EscapeField(record.event.*field));
  }
  return line;
}

absl::StatusOr<AuditRecord> ParseRecordLine(absl::string_view line) {
  const absl::Status broken = absl::DataLossError("an audit record cannot be read");
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
  AuditRecord record;
  int64_t micros = 0;
  if (fields.size() != 2 + TextFields().size() || !absl::SimpleAtoi(fields[0], &record.sequence) ||
      !absl::SimpleAtoi(fields[1], &micros)) {
    return broken;
  }
  record.at = absl::FromUnixMicros(micros);
  size_t next = 2;
  for (std::string AuditEvent::*field : TextFields()) {
    if (!absl::CUnescape(fields[next++], &(record.event.*field))) {
      return broken;
    }
  }
  return record;
}

std::string ChainHash(absl::string_view previous_hash, absl::string_view line) {
  base::Hasher hasher(base::Algorithm::kSha256);
  hasher.Update(previous_hash);
  hasher.Update(line);
  return hasher.Finish().bytes();
}

AuditRecord NextRecord(uint64_t sequence, absl::string_view previous_hash, absl::Time at,
                       AuditEvent event) {
  AuditRecord record;
  record.sequence = sequence;
  record.at = absl::FromUnixMicros(absl::ToUnixMicros(at));
  record.event = std::move(event);
  if (record.event.detail.size() > kAuditDetailBytesMax) {
    record.event.detail.resize(kAuditDetailBytesMax);
  }
  record.hash = ChainHash(previous_hash, RecordLine(record));
  return record;
}

}  // namespace bitrepo::store
