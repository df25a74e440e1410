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
      3,  // found by a rebuild without a record: its digest says what is, not what should be
};
absl::string_view FileStateName(FileState state);

// `removed_seq` of the live generation.
inline constexpr int64_t kNeverRemoved = std::numeric_limits<int64_t>::max();

struct GenerationRow {
  FileRecord record;
  std::string block_digests;  // empty where a query leaves them out
  FileState state = FileState::kHeld;
  int64_t removed_seq = kNeverRemoved;

  bool live() const { return removed_seq == kNeverRemoved; }
};

// Loop-confined; `collection` is its number in the catalogue. Lifetime: the database outlives it.
class GenerationTable {
 public:
  explicit GenerationTable(Database& database) : database_(database) {}

  absl::Status Insert(int64_t collection, const GenerationRow& row, int64_t created_seq);
  absl::Status SetRemoved(int64_t collection, const base::FileId& file_id, uint64_t number,
                          int64_t removed_seq);
  absl::Status SetState(int64_t collection, const base::FileId& file_id, uint64_t number,
                        FileState state);

  // The newest, live or not; nothing when there never was one.
  absl::StatusOr<std::optional<GenerationRow>> Newest(int64_t collection,
                                                      const base::FileId& file_id);
  absl::StatusOr<std::optional<GenerationRow>> Named(int64_t collection,
                                                     const base::FileId& file_id,
                                                     const base::GenerationId& generation);

  struct PageSpec {
    std::string prefix;
    std::optional<std::string> after;  // begin behind this id
    int64_t as_of = 0;
    uint32_t limit = 0;
  };
  // What was on record at sequence `as_of`, in order of id, with its trouble now; without digests
  // of blocks.
  absl::StatusOr<std::vector<FileRecord>> Page(int64_t collection, const PageSpec& spec);

  // What recovery needs of a row, in order of id and number.
  struct NameRow {
    std::string file_id;
    uint64_t number = 0;
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

 private:
  absl::StatusOr<GenerationRow> ReadRow(const Query& query);

  Database& database_;
};

}  // namespace bitrepo::store
