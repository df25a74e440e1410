// SPDX-License-Identifier: Apache-2.0
// Makes staged files durable and visible: data, then names, then one commit of records, each
// durable before the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_store.h"
#include "pillar/store/file_store.h"
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

// Threads:  thread-safe; `names` is held from the claim of an id to its commit and the moves after
//           it, so groups are made visible one after the other.
// Lifetime: all it is given outlives it.
// Errors:   see FileStore::Publish; a sync that fails closes the gate.
class Publisher {
 public:
  Publisher(Catalogue& catalogue, WriteGate& gate, const CollectionStores& collections,
            SyncPolicy sync_policy, base::Mutex& names)
      : catalogue_(catalogue),
        gate_(gate),
        collections_(collections),
        sync_policy_(sync_policy),
        names_(names) {}

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
  absl::Status Claim(Item& item, Claims& claims) ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status Name(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status SyncNamed(Items& items) ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status SyncOnDisk(SpaceAccount& space, const std::vector<Item*>& named)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  absl::Status CommitNamed(Items& items) ABSL_EXCLUSIVE_LOCKS_REQUIRED(names_);
  void Unname(Item& item);

  Catalogue& catalogue_;
  WriteGate& gate_;
  const CollectionStores& collections_;
  const SyncPolicy sync_policy_;
  base::Mutex& names_;
};

}  // namespace bitrepo::store
