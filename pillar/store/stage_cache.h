// SPDX-License-Identifier: Apache-2.0
// Copies on disk of what lies on slow media: so many bytes of them, the least recently used go
// first, and none that is being read.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "pillar/store/staging_area.h"

namespace bitrepo::store {

// One copy, whose file goes with it. Immutable. Lifetime: the disk outlives it.
class CachedCopy {
 public:
  // Takes over the file. Requires: it is sealed.
  explicit CachedCopy(IncomingFile& incoming);
  ~CachedCopy();
  CachedCopy(const CachedCopy&) = delete;
  CachedCopy& operator=(const CachedCopy&) = delete;

  const std::string& path() const { return path_; }
  const StagedFile::Facts& facts() const { return facts_; }
  const std::string& block_digests() const { return block_digests_; }
  runtime::Disk& disk() const { return disk_; }

 private:
  runtime::Disk& disk_;
  const std::string path_;
  const StagedFile::Facts facts_;
  const std::string block_digests_;
};

// Who holds a copy pins it. More than the limit is there only while it is pinned. Thread-safe.
class StageCache {
 public:
  explicit StageCache(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Nothing when it is not there; else it is the most recently used now.
  std::shared_ptr<CachedCopy> Find(const std::string& name);
  bool Contains(const std::string& name) const;
  // In the place of any that was there.
  void Keep(const std::string& name, std::shared_ptr<CachedCopy> copy);
  void Drop(const std::string& name);
  // Lets go of what is beyond the limit and not pinned. Call when a copy was let go of.
  void Trim();
  uint64_t bytes() const;

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<CachedCopy> copy;
  };
  using Entries = std::list<Entry>;
  void TrimLocked(Entries& gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t bytes_max_;
  mutable base::Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // the most recently used first
  absl::btree_map<std::string, Entries::iterator> by_name_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace bitrepo::store
