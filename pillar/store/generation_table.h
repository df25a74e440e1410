// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue that say which files are kept.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pillar/store/database.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

// Stored: never renumber.
enum class FileState {
  kHeld = 0,
  kMissing = 1,  // the name is gone
  kDamaged = 2,  // a read found other bytes
  kUnproven =
      3,        // found by a rebuild without a record: its digest says what is, not what should be
  kPurged = 4,  // gone from the quarantine: its file is being removed
};
absl::string_view FileStateName(FileState state);

// `removed_seq` of the live generation.
inline constexpr int64_t kNeverRemoved = std::numeric_limits<int64_t>::max();

struct GenerationRow {
  FileRecord record;          // with its trouble
  uint64_t name_number = 0;   // in the name of its file: that of the row it was restored from
  std::string block_digests;  // empty where a query leaves them out
  FileState state = FileState::kHeld;
  int64_t removed_seq = kNeverRemoved;

  bool live() const { return removed_seq == kNeverRemoved; }
};

// Rows that are looked at for one page, whatever is found.
inline constexpr uint32_t kListLookMax = 100'000;

// Loop-confined; `collection` is its number in the catalogue. Lifetime: the database outlives it.
class GenerationTable {
 public:
  explicit GenerationTable(Database& database) : database_(database) {}

  absl::Status Insert(int64_t collection, const GenerationRow& row, int64_t created_seq);
  // Into quarantine, at record.removed_at.
  absl::Status SetRemoved(int64_t collection, const FileRecord& record, int64_t removed_seq);
  // Out of it, for good. The row stays until it is dropped.
  absl::Status SetPurged(int64_t collection, const FileRecord& record, int64_t gone_seq);
  // Out of it, as the row `restored` with the same file: takes over all but number and stored_at.
  absl::Status Restore(int64_t collection, const FileRecord& removed, const FileRecord& restored,
                       int64_t sequence);
  // The purged row, and what it was restored from.
  absl::Status Drop(int64_t collection, const GenerationRow& purged);
  absl::Status SetState(int64_t collection, const base::FileId& file_id, uint64_t number,
                        FileState state);

  // The newest, live or not; nothing when there never was one.
  absl::StatusOr<std::optional<GenerationRow>> Newest(int64_t collection,
                                                      const base::FileId& file_id);
  // The newest, live or in quarantine.
  absl::StatusOr<std::optional<GenerationRow>> Named(int64_t collection,
                                                     const base::FileId& file_id,
                                                     const base::GenerationId& generation);
  // The newest in quarantine; of that generation, unless it is zero.
  absl::StatusOr<std::optional<GenerationRow>> Removed(int64_t collection,
                                                       const base::FileId& file_id,
                                                       const base::GenerationId& generation);
  // The live one, without digests of blocks.
  absl::StatusOr<std::optional<FileRecord>> Live(int64_t collection, const base::FileId& file_id);

  struct Position {
    std::string file_id = {};
    uint64_t number = 0;
  };
  struct PageSpec {
    std::string prefix = {};
    std::optional<std::string> only = {};
    Position after = {};  // begin behind it
    int64_t as_of = 0;
    bool removed = false;
    Window stored = {};
    Window verified = {};
    uint32_t limit = 0;
  };
  struct PageRows {
    std::vector<FileRecord> records;  // by id and number
    std::optional<Position> next;     // where to go on; nothing: complete
  };
  // What was on record at sequence `as_of`, with its trouble now; without digests of blocks.
  absl::StatusOr<PageRows> Page(int64_t collection, const PageSpec& spec);

  // Up to `limit` that went into quarantine before, the oldest first; or that are purged and not
  // yet dropped. Without digests of blocks.
  absl::StatusOr<std::vector<GenerationRow>> RemovedBefore(int64_t collection, absl::Time before,
                                                           uint32_t limit);
  absl::StatusOr<std::vector<GenerationRow>> Purged(int64_t collection, uint32_t limit);

  // What recovery needs of a row that is live or in quarantine, in order of id and number.
  struct NameRow {
    std::string file_id;
    uint64_t number = 0;
    uint64_t name_number = 0;
    uint64_t size_bytes = 0;
    FileState state = FileState::kHeld;
    bool live = false;
  };
  // Up to `limit` rows behind (file_id, number).
  absl::StatusOr<std::vector<NameRow>> Names(int64_t collection, absl::string_view file_id,
                                             uint64_t number, uint32_t limit);

  struct Sum {
    FileState state = FileState::kHeld;
    uint64_t files = 0;
    uint64_t bytes = 0;
  };
  // Of the live generations, by state.
  absl::StatusOr<std::vector<Sum>> Sums(int64_t collection);
  absl::StatusOr<uint64_t> CountRemoved(int64_t collection);

 private:
  absl::StatusOr<std::vector<GenerationRow>> ReadRows(Query query);

  Database& database_;
};

}  // namespace bitrepo::store
