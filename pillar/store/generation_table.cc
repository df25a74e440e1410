// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/generation_table.h"

#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "pillar/store/content_digests.h"

namespace bitrepo::store {
namespace {

// Digests of more blocks than this stand in the table long_digests.
constexpr size_t kInlineDigestBytes = 16 * kBlockDigestBytes;
constexpr size_t kShownIdBytesMax = 80;

// The columns of ReadRow, in its order.
#define BITREPO_ROW_COLUMNS                                                                  \
  "g.file_id, g.n, g.generation_id, g.size, g.sha256, g.stored_at, g.verified_at, g.state, " \
  "g.created_seq, g.removed_seq, g.gone_seq, g.removed_at, g.name_n"
enum Column {
  kFileId,
  kNumber,
  kGeneration,
  kSize,
  kSha256,
  kStoredAt,
  kVerifiedAt,
  kState,
  kCreatedSeq,
  kRemovedSeq,
  kGoneSeq,
  kRemovedAt,
  kNameNumber,
  kDigests
};
// With the digests of blocks behind them, from either place.
#define BITREPO_SELECT_WHOLE_ROW                 \
  "SELECT " BITREPO_ROW_COLUMNS                  \
  ", coalesce(g.block_digests, l.block_digests)" \
  " FROM generation g LEFT JOIN long_digests l ON l.number = g.long_digests"

// The first text behind all that begin with `prefix`; nothing when all that follow do.
std::optional<std::string> Behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') {
    prefix.pop_back();
  }
  if (prefix.empty()) {
    return std::nullopt;
  }
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

absl::StatusOr<FileRecord> ReadRecord(const Query& query) {
  absl::StatusOr<base::FileId> file_id = base::FileId::Parse(query.Bytes(kFileId));
  absl::StatusOr<base::GenerationId> generation =
      base::GenerationId::FromBytes(query.Bytes(kGeneration));
  absl::StatusOr<base::Digest> sha256 =
      base::Digest::FromBytes(base::Algorithm::kSha256, query.Bytes(kSha256));
  if (!file_id.ok() || !generation.ok() || !sha256.ok() || query.Int(kSize) < 0) {
    return absl::DataLossError(absl::StrCat("catalogue: the record of \"",
                                            base::Printable(query.Bytes(kFileId), kShownIdBytesMax),
                                            "\" is damaged"));
  }
  const auto state = static_cast<FileState>(query.Int(kState));
  std::optional<absl::Time> removed_at;
  if (!query.IsNull(kRemovedAt)) {
    removed_at = absl::FromUnixMicros(query.Int(kRemovedAt));
  }
  return FileRecord{.file_id = *std::move(file_id),
                    .number = static_cast<uint64_t>(query.Int(kNumber)),
                    .generation = *generation,
                    .size_bytes = static_cast<uint64_t>(query.Int(kSize)),
                    .sha256 = *std::move(sha256),
                    .stored_at = absl::FromUnixMicros(query.Int(kStoredAt)),
                    .verified_at = absl::FromUnixMicros(query.Int(kVerifiedAt)),
                    .trouble = state == FileState::kHeld ? "" : std::string(FileStateName(state)),
                    .removed_at = removed_at};
}

absl::StatusOr<GenerationRow> ReadRow(const Query& query) {
  BITREPO_ASSIGN_OR_RETURN(FileRecord record, ReadRecord(query));
  return GenerationRow{.record = std::move(record),
                       .name_number = static_cast<uint64_t>(query.Int(kNameNumber)),
                       .block_digests = {},
                       .state = static_cast<FileState>(query.Int(kState)),
                       .removed_seq = query.Int(kRemovedSeq)};
}

// Of the one row that is asked for; nothing when there is none.
absl::StatusOr<std::optional<GenerationRow>> ReadWholeRow(Query& query) {
  BITREPO_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) {
    return std::nullopt;
  }
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, ReadRow(query));
  row.block_digests = std::string(query.Bytes(kDigests));
  // None at all: no bytes are kept here; and no block would be found right without.
  if (!row.block_digests.empty() &&
      row.block_digests.size() != BlockCount(row.record.size_bytes) * kBlockDigestBytes) {
    return absl::DataLossError(absl::StrCat("catalogue: the block digests of ",
                                            row.record.file_id.text(), " are damaged"));
  }
  return row;
}

// Whether a list shows the row: it was there at `as_of`, and its times are in the windows.
bool Shows(const GenerationTable::PageSpec& spec, const Query& query) {
  const bool was_there =
      spec.removed ? query.Int(kRemovedSeq) <= spec.as_of &&
                         (query.IsNull(kGoneSeq) || query.Int(kGoneSeq) > spec.as_of)
                   : query.Int(kCreatedSeq) <= spec.as_of && query.Int(kRemovedSeq) > spec.as_of;
  return was_there && spec.stored.Holds(absl::FromUnixMicros(query.Int(kStoredAt))) &&
         spec.verified.Holds(absl::FromUnixMicros(query.Int(kVerifiedAt)));
}

}  // namespace

absl::string_view FileStateName(FileState state) {
  switch (state) {
    case FileState::kHeld:
      return "held";
    case FileState::kMissing:
      return "missing";
    case FileState::kDamaged:
      return "damaged";
    case FileState::kUnproven:
      return "unproven";
    case FileState::kPurged:
      return "purged";
  }
  return "unknown";
}

absl::Status GenerationTable::Insert(int64_t collection, const GenerationRow& row,
                                     int64_t created_seq) {
  const bool is_long = row.block_digests.size() > kInlineDigestBytes;
  if (is_long) {
    BITREPO_ASSIGN_OR_RETURN(
        Query digests, database_.Prepare("INSERT INTO long_digests(block_digests) VALUES(?)"));
    BITREPO_RETURN_IF_ERROR(digests.BindBlob(row.block_digests).Run());
  }
  const int64_t long_digests = database_.last_row_id();
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("INSERT INTO generation(collection, file_id, n, name_n, generation_id,"
                        " size, sha256, state, created_seq, removed_seq, stored_at, verified_at,"
                        " removed_at, long_digests, block_digests)"
                        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  const FileRecord& record = row.record;
  query.Bind(collection)
      .BindText(record.file_id.text())
      .Bind(static_cast<int64_t>(record.number))
      .Bind(static_cast<int64_t>(row.name_number))
      .BindBlob(record.generation.ToBytes())
      .Bind(static_cast<int64_t>(record.size_bytes))
      .BindBlob(record.sha256.bytes())
      .Bind(static_cast<int64_t>(row.state))
      .Bind(created_seq)
      .Bind(row.removed_seq)
      .Bind(absl::ToUnixMicros(record.stored_at))
      .Bind(absl::ToUnixMicros(record.verified_at));
  if (record.removed_at.has_value()) {
    query.Bind(absl::ToUnixMicros(*record.removed_at));
  } else {
    query.BindNull();
  }
  if (is_long) {
    query.Bind(long_digests).BindNull();
  } else {
    query.BindNull().BindBlob(row.block_digests);
  }
  return query.Run();
}

absl::Status GenerationTable::SetRemoved(int64_t collection, const FileRecord& record,
                                         int64_t removed_seq) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("UPDATE generation SET removed_seq=?, removed_at=?"
                                             " WHERE collection=? AND file_id=? AND n=?"));
  return query.Bind(removed_seq)
      .Bind(absl::ToUnixMicros(record.removed_at.value_or(absl::UnixEpoch())))
      .Bind(collection)
      .BindText(record.file_id.text())
      .Bind(static_cast<int64_t>(record.number))
      .Run();
}

absl::Status GenerationTable::SetPurged(int64_t collection, const FileRecord& record,
                                        int64_t gone_seq) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("UPDATE generation SET gone_seq=?, state=?"
                                             " WHERE collection=? AND file_id=? AND n=?"));
  return query.Bind(gone_seq)
      .Bind(static_cast<int64_t>(FileState::kPurged))
      .Bind(collection)
      .BindText(record.file_id.text())
      .Bind(static_cast<int64_t>(record.number))
      .Run();
}

absl::Status GenerationTable::Restore(int64_t collection, const FileRecord& removed,
                                      const FileRecord& restored, int64_t sequence) {
  BITREPO_ASSIGN_OR_RETURN(
      Query insert,
      database_.Prepare(
          "INSERT INTO generation(collection, file_id, n, name_n, generation_id, size, sha256,"
          " state, created_seq, removed_seq, stored_at, verified_at, long_digests, block_digests)"
          " SELECT collection, file_id, ?, name_n, generation_id, size, sha256, state, ?, ?, ?,"
          " verified_at, long_digests, block_digests FROM generation"
          " WHERE collection=? AND file_id=? AND n=?"));
  BITREPO_RETURN_IF_ERROR(insert.Bind(static_cast<int64_t>(restored.number))
                              .Bind(sequence)
                              .Bind(kNeverRemoved)
                              .Bind(absl::ToUnixMicros(restored.stored_at))
                              .Bind(collection)
                              .BindText(removed.file_id.text())
                              .Bind(static_cast<int64_t>(removed.number))
                              .Run());
  // The digests are the new row's now. The old one is only for lists that go on.
  BITREPO_ASSIGN_OR_RETURN(
      Query update,
      database_.Prepare("UPDATE generation SET gone_seq=?, long_digests=NULL, block_digests=NULL"
                        " WHERE collection=? AND file_id=? AND n=?"));
  return update.Bind(sequence)
      .Bind(collection)
      .BindText(removed.file_id.text())
      .Bind(static_cast<int64_t>(removed.number))
      .Run();
}

absl::Status GenerationTable::Drop(int64_t collection, const GenerationRow& purged) {
  const std::string file_id = purged.record.file_id.text();
  BITREPO_ASSIGN_OR_RETURN(
      Query digests,
      database_.Prepare("DELETE FROM long_digests WHERE number IN (SELECT long_digests"
                        " FROM generation WHERE collection=? AND file_id=? AND name_n=?)"));
  BITREPO_RETURN_IF_ERROR(digests.Bind(collection)
                              .BindText(file_id)
                              .Bind(static_cast<int64_t>(purged.name_number))
                              .Run());
  BITREPO_ASSIGN_OR_RETURN(
      Query rows,
      database_.Prepare("DELETE FROM generation WHERE collection=? AND file_id=? AND name_n=?"));
  return rows.Bind(collection)
      .BindText(file_id)
      .Bind(static_cast<int64_t>(purged.name_number))
      .Run();
}

absl::Status GenerationTable::SetState(int64_t collection, const base::FileId& file_id,
                                       uint64_t number, FileState state) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("UPDATE generation SET state=? WHERE collection=? AND file_id=? AND n=?"));
  return query.Bind(static_cast<int64_t>(state))
      .Bind(collection)
      .BindText(file_id.text())
      .Bind(static_cast<int64_t>(number))
      .Run();
}

absl::StatusOr<std::optional<GenerationRow>> GenerationTable::Newest(int64_t collection,
                                                                     const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(BITREPO_SELECT_WHOLE_ROW
                        " WHERE g.collection=? AND g.file_id=? ORDER BY g.n DESC LIMIT 1"));
  query.Bind(collection).BindText(file_id.text());
  return ReadWholeRow(query);
}

absl::StatusOr<std::optional<GenerationRow>> GenerationTable::Named(
    int64_t collection, const base::FileId& file_id, const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare(BITREPO_SELECT_WHOLE_ROW
                                     " WHERE g.collection=? AND g.file_id=? AND g.generation_id=?"
                                     " AND g.gone_seq IS NULL ORDER BY g.n DESC LIMIT 1"));
  query.Bind(collection).BindText(file_id.text()).BindBlob(generation.ToBytes());
  return ReadWholeRow(query);
}

absl::StatusOr<std::optional<GenerationRow>> GenerationTable::Removed(
    int64_t collection, const base::FileId& file_id, const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare(BITREPO_SELECT_WHOLE_ROW
                                             " WHERE g.collection=?1 AND g.file_id=?2"
                                             " AND g.removed_at IS NOT NULL AND g.gone_seq IS NULL"
                                             " AND (?3 IS NULL OR g.generation_id=?3)"
                                             " ORDER BY g.n DESC LIMIT 1"));
  query.Bind(collection).BindText(file_id.text());
  if (generation.is_zero()) {
    query.BindNull();
  } else {
    query.BindBlob(generation.ToBytes());
  }
  return ReadWholeRow(query);
}

absl::StatusOr<std::optional<FileRecord>> GenerationTable::Live(int64_t collection,
                                                                const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT " BITREPO_ROW_COLUMNS
                                     " FROM generation g WHERE g.collection=? AND g.file_id=?"
                                     " ORDER BY g.n DESC LIMIT 1"));
  BITREPO_ASSIGN_OR_RETURN(const bool found,
                           query.Bind(collection).BindText(file_id.text()).Step());
  if (!found || query.Int(kRemovedSeq) != kNeverRemoved) {
    return std::nullopt;
  }
  return ReadRecord(query);
}

absl::StatusOr<GenerationTable::PageRows> GenerationTable::Page(int64_t collection,
                                                                const PageSpec& spec) {
  PageRows page;
  if (spec.only.has_value() && !absl::StartsWith(*spec.only, spec.prefix)) {
    return page;
  }
  // What is removed is found by the index of it alone; what is held, by the table.
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      spec.removed
          ? database_.Prepare("SELECT " BITREPO_ROW_COLUMNS
                              " FROM generation g INDEXED BY generation_removed"
                              " WHERE g.collection=? AND (g.file_id, g.n)>(?,?) AND g.file_id<?"
                              " AND g.removed_at IS NOT NULL ORDER BY g.file_id, g.n")
          : database_.Prepare("SELECT " BITREPO_ROW_COLUMNS " FROM generation g NOT INDEXED"
                              " WHERE g.collection=? AND (g.file_id, g.n)>(?,?) AND g.file_id<?"
                              " ORDER BY g.file_id, g.n"));
  const Position first{.file_id = spec.only.value_or(spec.prefix)};
  const bool goes_on =
      std::tie(spec.after.file_id, spec.after.number) > std::tie(first.file_id, first.number);
  const Position& after = goes_on ? spec.after : first;
  query.Bind(collection).BindText(after.file_id).Bind(static_cast<int64_t>(after.number));
  const std::optional<std::string> end =
      spec.only.has_value() ? *spec.only + std::string(1, '\0') : Behind(spec.prefix);
  if (end.has_value()) {
    query.BindText(*end);
  } else {
    query.BindBlob("");  // a blob sorts behind every text
  }
  Position last;
  for (uint32_t looked = 0;; ++looked) {
    BITREPO_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) {
      return page;
    }
    const bool shows = Shows(spec, query);
    if (looked == kListLookMax || (shows && page.records.size() == spec.limit)) {
      page.next = std::move(last);
      return page;
    }
    if (shows) {
      BITREPO_ASSIGN_OR_RETURN(FileRecord record, ReadRecord(query));
      if (!spec.removed) {
        record.removed_at.reset();  // it was not, at the first page
      }
      page.records.push_back(std::move(record));
    }
    last.file_id.assign(query.Bytes(kFileId).data(), query.Bytes(kFileId).size());
    last.number = static_cast<uint64_t>(query.Int(kNumber));
  }
}

absl::StatusOr<std::vector<GenerationRow>> GenerationTable::RemovedBefore(int64_t collection,
                                                                          absl::Time before,
                                                                          uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT " BITREPO_ROW_COLUMNS
                                     " FROM generation g INDEXED BY generation_term"
                                     " WHERE g.collection=? AND g.removed_at<?"
                                     " AND g.gone_seq IS NULL ORDER BY g.removed_at LIMIT ?"));
  query.Bind(collection).Bind(absl::ToUnixMicros(before)).Bind(limit);
  return ReadRows(std::move(query));
}

absl::StatusOr<std::vector<GenerationRow>> GenerationTable::Purged(int64_t collection,
                                                                   uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_.Prepare("SELECT " BITREPO_ROW_COLUMNS
                                             " FROM generation g INDEXED BY generation_removed"
                                             " WHERE g.collection=? AND g.removed_at IS NOT NULL"
                                             " AND g.state=? LIMIT ?"));
  query.Bind(collection).Bind(static_cast<int64_t>(FileState::kPurged)).Bind(limit);
  return ReadRows(std::move(query));
}

absl::StatusOr<std::vector<GenerationRow>> GenerationTable::ReadRows(Query query) {
  std::vector<GenerationRow> rows;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return rows;
    }
    BITREPO_ASSIGN_OR_RETURN(GenerationRow row, ReadRow(query));
    rows.push_back(std::move(row));
  }
}

absl::StatusOr<std::vector<GenerationTable::NameRow>> GenerationTable::Names(
    int64_t collection, absl::string_view file_id, uint64_t number, uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT file_id, n, name_n, size, state, removed_seq FROM generation"
                        " WHERE collection=? AND (file_id, n) > (?, ?) AND gone_seq IS NULL"
                        " ORDER BY file_id, n LIMIT ?"));
  query.Bind(collection).BindText(file_id).Bind(static_cast<int64_t>(number)).Bind(limit);
  std::vector<NameRow> rows;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return rows;
    }
    rows.push_back(NameRow{.file_id = std::string(query.Bytes(0)),
                           .number = static_cast<uint64_t>(query.Int(1)),
                           .name_number = static_cast<uint64_t>(query.Int(2)),
                           .size_bytes = static_cast<uint64_t>(query.Int(3)),
                           .state = static_cast<FileState>(query.Int(4)),
                           .live = query.Int(5) == kNeverRemoved});
  }
}

absl::StatusOr<std::vector<GenerationTable::Sum>> GenerationTable::Sums(int64_t collection) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT state, count(*), sum(size) FROM generation"
                                     " WHERE collection=? AND removed_seq=? GROUP BY state"));
  query.Bind(collection).Bind(kNeverRemoved);
  std::vector<Sum> sums;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return sums;
    }
    sums.push_back(Sum{.state = static_cast<FileState>(query.Int(0)),
                       .files = static_cast<uint64_t>(query.Int(1)),
                       .bytes = static_cast<uint64_t>(query.Int(2))});
  }
}

absl::StatusOr<uint64_t> GenerationTable::CountRemoved(int64_t collection) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query, database_.Prepare("SELECT count(*) FROM generation INDEXED BY generation_removed"
                                     " WHERE collection=? AND removed_at IS NOT NULL"
                                     " AND gone_seq IS NULL"));
  BITREPO_RETURN_IF_ERROR(query.Bind(collection).Step().status());
  return static_cast<uint64_t>(query.Int(0));
}

#undef BITREPO_SELECT_WHOLE_ROW
#undef BITREPO_ROW_COLUMNS

}  // namespace bitrepo::store
