// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_record.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace bitrepo::store {
namespace {

std::array<std::string AuditEvent::*, 7> TextFields() {
  return {&AuditEvent::action,    &AuditEvent::collection,   &AuditEvent::file_id,
          &AuditEvent::principal, &AuditEvent::conversation, &AuditEvent::result,
          &AuditEvent::detail};
}

}  // namespace

std::string RecordLine(const AuditRecord& record) {
  const AuditEvent& event = record.event;
  return base::LineOf({record.sequence, absl::ToUnixMicros(record.at), event.action,
                       event.collection, event.file_id, event.principal, event.conversation,
                       event.result, event.detail});
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
