// SPDX-License-Identifier: Apache-2.0
// Fills a store with many tiny files through its own interface, so that lists can be measured.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/runtime/system_disk.h"
#include "pillar/store/disk_file_store.h"

namespace bitrepo::bench {

// A store that no pillar has open. Blocks; one thread.
class FilledStore {
 public:
  static absl::StatusOr<std::unique_ptr<FilledStore>> Open(const std::string& directory,
                                                           const base::CollectionId& collection);
  // Files number `first` to `first + count - 1`, each of a few bytes and with a name that sorts by
  // its number; many of them share one commit. Durable when it returns.
  absl::Status Add(uint64_t first, uint64_t count);
  store::FileStore& store() { return *store_; }
  const base::CollectionId& collection() const { return collection_; }

 private:
  explicit FilledStore(base::CollectionId collection) : collection_(std::move(collection)) {}
  absl::StatusOr<store::Publication> Stage(uint64_t number);

  const base::CollectionId collection_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<runtime::SystemDisk> disk_;
  std::unique_ptr<store::DiskFileStore> store_;
};

}  // namespace bitrepo::bench
