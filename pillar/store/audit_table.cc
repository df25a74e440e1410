// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/audit_query.h"

namespace bitrepo::store {
namespace {

#define BITREPO_AUDIT_COLUMNS \
  "seq, at, action, collection, file_id, principal, conversation, result, detail, hash"

AuditRecord ReadRecord(const Query& query) {
  return AuditRecord{.sequence = static_cast<uint64_t>(query.Int(0)),
                     .at = absl::FromUnixMicros(query.Int(1)),
                     .event = AuditEvent{.action = std::string(query.Bytes(2)),
                                         .collection = std::string(query.Bytes(3)),
                                         .file_id = std::string(query.Bytes(4)),
                                         .principal = std::string(query.Bytes(5)),
                                         .conversation = std::string(query.Bytes(6)),
                                         .result = std::string(query.Bytes(7)),
                                         .detail = std::string(query.Bytes(8))},
                     .hash = std::string(query.Bytes(9))};
}

}  // namespace

absl::Status AuditTable::Load() {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"));
  BITREPO_ASSIGN_OR_RETURN(const bool row, query.Step());
  if (row) {
    end_ = ChainEnd{static_cast<uint64_t>(query.Int(0)), std::string(query.Bytes(1))};
  }
  return absl::OkStatus();
}

absl::StatusOr<AuditRecord> AuditTable::Append(absl::Time at, AuditEvent event,
                                               absl::string_view effect) {
  AuditRecord record = NextRecord(end_.sequence + 1, end_.hash, at, std::move(event));
  BITREPO_RETURN_IF_ERROR(Insert(record, effect));
  return record;
}

absl::Status AuditTable::Restore(const AuditRecord& record, absl::string_view effect) {
  if (record.sequence != end_.sequence + 1 ||
      record.hash != ChainHash(end_.hash, RecordLine(record))) {
    return absl::DataLossError(
        absl::StrCat("audit record ", record.sequence, " does not follow from the one before"));
  }
  return Insert(record, effect);
}

absl::Status AuditTable::Insert(const AuditRecord& record, absl::string_view effect) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("INSERT INTO audit(" BITREPO_AUDIT_COLUMNS ", effect)"
                                             " VALUES(?,?,?,?,?,?,?,?,?,?,?)"));
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
                              .BindText(effect)
                              .Run());
  end_ = ChainEnd{record.sequence, record.hash};
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AuditRecord>> AuditTable::Records(uint64_t first, uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("SELECT " BITREPO_AUDIT_COLUMNS
                                             " FROM audit WHERE seq>=? ORDER BY seq LIMIT ?"));
  query.Bind(static_cast<int64_t>(first)).Bind(limit);
  std::vector<AuditRecord> records;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return records;
    }
    records.push_back(ReadRecord(query));
  }
}

absl::StatusOr<AuditPage> AuditTable::Page(const AuditQuery& query, uint32_t limit) {
  AuditPage page{
      .records = {}, .next_sequence = 0, .end_sequence = end_.sequence, .end_hash = end_.hash};
  BITREPO_ASSIGN_OR_RETURN(Query rows, Looking(query));
  for (uint32_t looked = 0;; ++looked) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) {
      return page;
    }
    AuditRecord record = ReadRecord(rows);
    if (looked == kAuditLookMax || page.records.size() == std::min(limit, kAuditPageMax)) {
      page.next_sequence = record.sequence;
      return page;
    }
    if (Matches(query, record)) {
      page.records.push_back(std::move(record));
    }
  }
}

// The records to look at, in order: by the narrowest index there is for the query.
absl::StatusOr<Query> AuditTable::Looking(const AuditQuery& query) {
  constexpr uint64_t kLastOfAll = std::numeric_limits<int64_t>::max();
  const auto bind_range = [&](Query& rows) {
    rows.Bind(static_cast<int64_t>(std::min(query.first_sequence, kLastOfAll)))
        .Bind(static_cast<int64_t>(std::min(query.last_sequence, kLastOfAll)));
  };
  if (!query.conversation.empty()) {
    BITREPO_ASSIGN_OR_RETURN(Query rows,
                             database_.Prepare("SELECT " BITREPO_AUDIT_COLUMNS
                                               " FROM audit INDEXED BY audit_conversation"
                                               " WHERE conversation=? AND conversation<>''"
                                               " AND seq>=? AND seq<=? ORDER BY seq"));
    rows.BindText(query.conversation);
    bind_range(rows);
    return rows;
  }
  if (!query.file_id.empty() && !query.collection.empty()) {
    BITREPO_ASSIGN_OR_RETURN(
        Query rows,
        database_.Prepare("SELECT " BITREPO_AUDIT_COLUMNS " FROM audit INDEXED BY audit_file"
                          " WHERE file_id=? AND file_id<>'' AND collection=?"
                          " AND seq>=? AND seq<=? ORDER BY seq"));
    rows.BindText(query.file_id).BindText(query.collection);
    bind_range(rows);
    return rows;
  }
  BITREPO_ASSIGN_OR_RETURN(Query rows,
                           database_.Prepare("SELECT " BITREPO_AUDIT_COLUMNS
                                             " FROM audit WHERE seq>=? AND seq<=? ORDER BY seq"));
  bind_range(rows);
  return rows;
}

absl::StatusOr<absl::btree_map<uint64_t, std::string>> AuditTable::Effects(uint64_t first,
                                                                           uint64_t last) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT seq, effect FROM audit WHERE seq>=? AND seq<=? AND effect<>''"));
  query.Bind(static_cast<int64_t>(first)).Bind(static_cast<int64_t>(last));
  absl::btree_map<uint64_t, std::string> effects;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return effects;
    }
    effects.emplace(static_cast<uint64_t>(query.Int(0)), query.Bytes(1));
  }
}

absl::StatusOr<std::vector<AuditTable::FileEffect>> AuditTable::EffectsOn(
    const base::CollectionId& collection, const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT seq, at, effect FROM audit INDEXED BY audit_file"
                                     " WHERE file_id=? AND file_id<>'' AND collection=?"
                                     " AND effect<>'' ORDER BY seq"));
  query.BindText(file_id.text()).BindText(collection.text());
  std::vector<FileEffect> effects;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return effects;
    }
    effects.push_back(FileEffect{.sequence = static_cast<uint64_t>(query.Int(0)),
                                 .at = absl::FromUnixMicros(query.Int(1)),
                                 .effect = std::string(query.Bytes(2))});
  }
}

#undef BITREPO_AUDIT_COLUMNS

}  // namespace bitrepo::store
