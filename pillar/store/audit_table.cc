// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_table.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {

absl::Status AuditTable::Load() {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"));
  BITREPO_ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row) {
    end_ = ChainEnd{static_cast<uint64_t>(query.Int(0)), std::string(query.Bytes(1))};
  }
  return absl::OkStatus();
}

absl::StatusOr<AuditRecord> AuditTable::Append(absl::Time at, AuditEvent event) {
  AuditRecord record = NextRecord(end_.sequence + 1, end_.hash, at, std::move(event));
  BITREPO_RETURN_IF_ERROR(Insert(record));
  return record;
}

absl::Status AuditTable::Restore(const AuditRecord& record) {
  if (record.sequence != end_.sequence + 1 ||
      record.hash != ChainHash(end_.hash, RecordLine(record))) {
    return absl::DataLossError(
        absl::StrCat("audit record ", record.sequence, " does not follow from the one before"));
  }
  return Insert(record);
}

absl::Status AuditTable::Insert(const AuditRecord& record) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(
          "INSERT INTO audit(seq, at, action, collection, file_id, principal, conversation, result,"
          " detail, hash) VALUES(?,?,?,?,?,?,?,?,?,?)"));
  const AuditEvent& event = record.event;
  BITREPO_RETURN_IF_ERROR(query.Bind(static_cast<int64_t>(record.sequence))
                              .Bind(absl::ToUnixMicros(record.at))
                              .BindText(event.action)
                              .BindText(event.collection)
                              .BindText(event.file_id)
                              .BindText(event.principal)
                              .BindText(event.conversation)
                              .BindText(event.result)
                              .BindText(event.detail)
                              .BindBlob(record.hash)
                              .Run());
  end_ = ChainEnd{record.sequence, record.hash};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditRecord>> AuditTable::Records(uint64_t first, uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("SELECT seq, at, action, collection, file_id, "
                                             "principal, conversation, result, detail, hash"
                                             " FROM audit WHERE seq>=? ORDER BY seq LIMIT ?"));
  query.Bind(static_cast<int64_t>(first)).Bind(limit);
  std::vector<AuditRecord> records;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return records;
    }
    records.push_back(AuditRecord{.sequence = static_cast<uint64_t>(query.Int(0)),
                                  .at = absl::FromUnixMicros(query.Int(1)),
                                  .event = AuditEvent{.action = std::string(query.Bytes(2)),
                                                      .collection = std::string(query.Bytes(3)),
                                                      .file_id = std::string(query.Bytes(4)),
                                                      .principal = std::string(query.Bytes(5)),
                                                      .conversation = std::string(query.Bytes(6)),
                                                      .result = std::string(query.Bytes(7)),
                                                      .detail = std::string(query.Bytes(8))},
                                  .hash = std::string(query.Bytes(9))});
  }
}

}  // namespace bitrepo::store
