// SPDX-License-Identifier: Apache-2.0
// Where the file of a generation lies, and how it gets from there to the quarantine and back.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/generation_table.h"

namespace bitrepo::store {

// A file lies under its name in files/ while its generation lives, and under the same name in
// quarantine/files/ once it is removed. The record decides, not the place: a crash may leave a file
// where it was, and the next start moves it.
enum class Place { kFiles, kQuarantine };

inline Place PlaceOf(const GenerationRow& row) {
  return row.live() ? Place::kFiles : Place::kQuarantine;
}
inline Place OtherPlace(Place place) {
  return place == Place::kFiles ? Place::kQuarantine : Place::kFiles;
}
// Below the collection.
std::string DirectoryOf(Place place);
std::string PathIn(Place place, const base::FileId& file_id, uint64_t name_number);

// Moves and removes files with the records beside them, and knows which directories are to be
// synced then. Loop-confined; the caller keeps all others from moving files of the collection.
// Lifetime: the home outlives it.
// Errors:   as the disk's.
class FileMoves {
 public:
  explicit FileMoves(CollectionHome& home) : home_(home) {}

  // From wherever it lies. Fine when it is there already, or nowhere; kAlreadyExists when something
  // lies at both places.
  absl::Status MoveTo(Place place, const base::FileId& file_id, uint64_t name_number);
  // One name in a shard, from the other place. Fine when it is not there.
  absl::Status MoveLeafTo(Place place, const std::string& shard, const std::string& leaf);
  // For good, from wherever it lies.
  absl::Status Remove(const base::FileId& file_id, uint64_t name_number);
  // The names are durable where they are now. The new ones come first: were the old ones gone
  // before, a power cut could take both.
  absl::Status Sync();

 private:
  absl::Status RemoveAt(const std::string& path);

  CollectionHome& home_;
  absl::btree_set<std::string> targets_;
  absl::btree_set<std::string> sources_;
};

}  // namespace bitrepo::store
