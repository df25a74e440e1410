// SPDX-License-Identifier: Apache-2.0
// The directory of one collection: its label, its files in 256 shards, its staging and its
// quarantine.
#pragma once

#include <atomic>
#include <set>
#include <string>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "pillar/store/space_account.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {

inline constexpr char kFilesDirectory[] = "files";
inline constexpr char kStagingDirectory[] = "staging";
inline constexpr char kQuarantineDirectory[] = "quarantine";

// Thread-safe. Lifetime: disk and space account outlive it.
class CollectionHome {
 public:
  // `directory` is the collection's on `disk`; "" when it has the disk to itself.
  CollectionHome(base::CollectionId id, runtime::Disk& disk, std::string directory,
                 SpaceAccount& space)
      : id_(std::move(id)), disk_(disk), directory_(std::move(directory)), space_(space) {}

  const base::CollectionId& id() const { return id_; }
  runtime::Disk& disk() const { return disk_; }
  SpaceAccount& space() const { return space_; }
  // On the disk, of a path below the collection.
  std::string Path(absl::string_view below) const { return JoinPath(directory_, below); }
  // For people.
  std::string FullPath(absl::string_view below) const;

  // kFailedPrecondition: it is another store's or another collection's. False: it has no label.
  absl::StatusOr<bool> CheckLabel(const base::StoreId& store_id) const;
  // Makes the directories, and the label last.
  absl::Status Make(const base::StoreId& store_id, bool labelled);
  // Writes, syncs, renames and removes a file, and learns whether files can carry attributes.
  absl::Status Probe(absl::string_view name);
  bool has_attributes() const { return has_attributes_; }

  // The directory `shard`, "files/3f" or "quarantine/files/3f", is there. Its name is durable once
  // its parent is synced.
  absl::Status MakeShard(const std::string& shard);
  // The parents of the shards that were made since it was last asked: they are to be synced.
  absl::btree_set<std::string> TakeNewShards();

 private:
  const base::CollectionId id_;
  runtime::Disk& disk_;
  const std::string directory_;
  SpaceAccount& space_;
  std::atomic<bool> has_attributes_{true};
  base::Mutex mutex_;
  absl::btree_set<std::string> shards_ ABSL_GUARDED_BY(mutex_);  // known to be there
  absl::btree_set<std::string> parents_of_new_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
