// SPDX-License-Identifier: Apache-2.0
// Makes staged files durable and visible: data, then names, then one commit of records, each
// durable before the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/file_store.h"
#include "pillar/store/quarantine.h"
#include "pillar/store/staging_area.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

// How the data and the names of a group become durable: by one SyncAll of its disk, or by a sync of
// each file and directory.
struct SyncPolicy {
  // SyncAll from so many files on,
  size_t files = 32;
  // and for fewer, when no more of other files may wait to be written: 64 MiB take the disk a
  // moment.
  uint64_t others_bytes = 64ull << 20;
};
// A file of so much is synced by itself before its group waits for it.
inline constexpr uint64_t kSyncAheadBytes = 4ull << 20;

// Where a collection's files go, for those who move them.
struct CollectionPlace {
  CollectionHome* home = nullptr;
  Quarantine* quarantine = nullptr;
};

// Threads:  thread-safe; groups are made visible one after the other.
// Lifetime: all it is given outlives it.
// Errors:   see FileStore::Publish; a sync that fails closes the gate.
class Publisher {
 public:
  Publisher(Catalogue& catalogue, WriteGate& gate,
            absl::btree_map<base::CollectionId, CollectionPlace> places, SyncPolicy sync_policy)
      : catalogue_(catalogue), gate_(gate), places_(std::move(places)), sync_policy_(sync_policy) {}

  std::vector<absl::StatusOr<FileRecord>> Publish(std::vector<Publication> group);

 private:
  struct Item;
  using Items = std::vector<Item>;
  // What earlier items of the group have taken.
  struct Claims {
    absl::btree_set<std::pair<base::CollectionId, base::FileId>> files;
    absl::btree_set<AnswerKey> answers;
  };

  absl::Status Begin(Item& item);
  absl::Status Claim(Item& item, Claims& claims) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Name(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SyncNamed(Items& items) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SyncOnDisk(SpaceAccount& space, const std::vector<Item*>& named)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CommitNamed(Items& items) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Unname(Item& item);
  void RetireSuperseded(Item& item);

  Catalogue& catalogue_;
  WriteGate& gate_;
  const absl::btree_map<base::CollectionId, CollectionPlace> places_;
  const SyncPolicy sync_policy_;
  base::Mutex mutex_;  // from the claim of an id to its commit
};

}  // namespace bitrepo::store
