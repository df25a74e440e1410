// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/generation_table.h"

#include <utility>

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
  "g.removed_seq"
enum Column {
  kFileId,
  kNumber,
  kGeneration,
  kSize,
  kSha256,
  kStoredAt,
  kVerifiedAt,
  kState,
  kRemovedSeq,
  kDigests
};

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
  return FileRecord{.file_id = *std::move(file_id),
                    .number = static_cast<uint64_t>(query.Int(kNumber)),
                    .generation = *generation,
                    .size_bytes = static_cast<uint64_t>(query.Int(kSize)),
                    .sha256 = *std::move(sha256),
                    .stored_at = absl::FromUnixMicros(query.Int(kStoredAt)),
                    .verified_at = absl::FromUnixMicros(query.Int(kVerifiedAt)),
                    .trouble = state == FileState::kHeld ? "" : std::string(FileStateName(state))};
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
      database_.Prepare("INSERT INTO generation(collection, file_id, n, generation_id, size, "
                        "sha256, state, created_seq,"
                        " removed_seq, stored_at, verified_at, long_digests, block_digests)"
                        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  const FileRecord& record = row.record;
  query.Bind(collection)
      .BindText(record.file_id.text())
      .Bind(static_cast<int64_t>(record.number))
      .BindBlob(record.generation.ToBytes())
      .Bind(static_cast<int64_t>(record.size_bytes))
      .BindBlob(record.sha256.bytes())
      .Bind(static_cast<int64_t>(row.state))
      .Bind(created_seq)
      .Bind(row.removed_seq)
      .Bind(absl::ToUnixMicros(record.stored_at))
      .Bind(absl::ToUnixMicros(record.verified_at));
  if (is_long) {
    query.Bind(long_digests).BindNull();
  } else {
    query.BindNull().BindBlob(row.block_digests);
  }
  return query.Run();
}

absl::Status GenerationTable::SetRemoved(int64_t collection, const base::FileId& file_id,
                                         uint64_t number, int64_t removed_seq) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(
          "UPDATE generation SET removed_seq=? WHERE collection=? AND file_id=? AND n=?"));
  return query.Bind(removed_seq)
      .Bind(collection)
      .BindText(file_id.text())
      .Bind(static_cast<int64_t>(number))
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

absl::StatusOr<GenerationRow> GenerationTable::ReadRow(const Query& query) {
  BITREPO_ASSIGN_OR_RETURN(FileRecord record, ReadRecord(query));
  GenerationRow row{.record = std::move(record),
                    .block_digests = std::string(query.Bytes(kDigests)),
                    .state = static_cast<FileState>(query.Int(kState)),
                    .removed_seq = query.Int(kRemovedSeq)};
  // None at all: no bytes are kept here; and no block would be found right without.
  if (!row.block_digests.empty() &&
      row.block_digests.size() != BlockCount(row.record.size_bytes) * kBlockDigestBytes) {
    return absl::DataLossError(absl::StrCat("catalogue: the block digests of ",
                                            row.record.file_id.text(), " are damaged"));
  }
  return row;
}

absl::StatusOr<std::optional<GenerationRow>> GenerationTable::Newest(int64_t collection,
                                                                     const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT " BITREPO_ROW_COLUMNS ", coalesce(g.block_digests, l.block_digests)"
                        " FROM generation g LEFT JOIN long_digests l ON l.number = g.long_digests"
                        " WHERE g.collection=? AND g.file_id=? ORDER BY g.n DESC LIMIT 1"));
  BITREPO_ASSIGN_OR_RETURN(const bool found,
                           query.Bind(collection).BindText(file_id.text()).Step());
  if (!found) {
    return std::nullopt;
  }
  return ReadRow(query);
}

absl::StatusOr<std::optional<GenerationRow>> GenerationTable::Named(
    int64_t collection, const base::FileId& file_id, const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare("SELECT " BITREPO_ROW_COLUMNS ", coalesce(g.block_digests, l.block_digests)"
                        " FROM generation g LEFT JOIN long_digests l ON l.number = g.long_digests"
                        " WHERE g.collection=? AND g.file_id=? AND g.generation_id=?"
                        " ORDER BY g.n DESC LIMIT 1"));
  BITREPO_ASSIGN_OR_RETURN(
      const bool found,
      query.Bind(collection).BindText(file_id.text()).BindBlob(generation.ToBytes()).Step());
  if (!found) {
    return std::nullopt;
  }
  return ReadRow(query);
}

absl::StatusOr<std::vector<FileRecord>> GenerationTable::Page(int64_t collection,
                                                              const PageSpec& spec) {
  // A blob sorts behind every text: it is the bound where there is none.
  const std::optional<std::string> end = Behind(spec.prefix);
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      spec.after.has_value()
          ? database_.Prepare(
                "SELECT " BITREPO_ROW_COLUMNS
                " FROM generation g WHERE g.collection=?1 AND g.file_id>?2 AND g.file_id<?3"
                " AND g.created_seq<=?4 AND g.removed_seq>?4"
                " ORDER BY g.file_id LIMIT ?5")
          : database_.Prepare(
                "SELECT " BITREPO_ROW_COLUMNS
                " FROM generation g WHERE g.collection=?1 AND g.file_id>=?2 AND g.file_id<?3"
                " AND g.created_seq<=?4 AND g.removed_seq>?4"
                " ORDER BY g.file_id LIMIT ?5"));
  query.Bind(collection).BindText(spec.after.value_or(spec.prefix));
  if (end.has_value()) {
    query.BindText(*end);
  } else {
    query.BindBlob("");
  }
  query.Bind(spec.as_of).Bind(spec.limit);
  std::vector<FileRecord> records;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) {
      return records;
    }
    BITREPO_ASSIGN_OR_RETURN(FileRecord record, ReadRecord(query));
    records.push_back(std::move(record));
  }
}

absl::StatusOr<std::vector<GenerationTable::NameRow>> GenerationTable::Names(
    int64_t collection, absl::string_view file_id, uint64_t number, uint32_t limit) {
  BITREPO_ASSIGN_OR_RETURN(
      Query query,
      database_.Prepare(
          "SELECT file_id, n, size, state, removed_seq FROM generation"
          " WHERE collection=? AND (file_id, n) > (?, ?) ORDER BY file_id, n LIMIT ?"));
  query.Bind(collection).BindText(file_id).Bind(static_cast<int64_t>(number)).Bind(limit);
  std::vector<NameRow> rows;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const bool more, query.Step());
    if (!more) {
      return rows;
    }
    rows.push_back(NameRow{.file_id = std::string(query.Bytes(0)),
                           .number = static_cast<uint64_t>(query.Int(1)),
                           .size_bytes = static_cast<uint64_t>(query.Int(2)),
                           .state = static_cast<FileState>(query.Int(3)),
                           .live = query.Int(4) == kNeverRemoved});
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

#undef BITREPO_ROW_COLUMNS

}  // namespace bitrepo::store
