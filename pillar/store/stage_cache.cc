// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/stage_cache.h"

#include <iterator>
#include <utility>

#include "base/log.h"

namespace bitrepo::store {

CachedCopy::CachedCopy(IncomingFile& incoming)
    : disk_(incoming.home().disk()),
      path_(incoming.path()),
      facts_(*incoming.facts()),
      block_digests_(incoming.block_digests()) {
  incoming.GiveUpName();
}

CachedCopy::~CachedCopy() {
  const absl::Status removed = disk_.Remove(path_);
  if (!removed.ok() && !absl::IsNotFound(removed)) {
    // The next start removes it.
    base::LogLine(base::LogLevel::kWarning, "cached-copy-left").With("cause", removed.message());
  }
}

std::shared_ptr<CachedCopy> StageCache::Find(const std::string& name) {
  base::MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->copy;
}

bool StageCache::Contains(const std::string& name) const {
  base::MutexLock lock(mutex_);
  return by_name_.contains(name);
}

// Files are removed when the lock is no longer held.
void StageCache::Keep(const std::string& name, std::shared_ptr<CachedCopy> copy) {
  Drop(name);
  Entries gone;
  base::MutexLock lock(mutex_);
  bytes_ += copy->facts().size_bytes;
  entries_.push_front({name, std::move(copy)});
  by_name_[name] = entries_.begin();
  TrimLocked(gone);
}

void StageCache::Drop(const std::string& name) {
  Entries gone;
  base::MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  bytes_ -= found->second->copy->facts().size_bytes;
  gone.splice(gone.begin(), entries_, found->second);
  by_name_.erase(found);
}

void StageCache::Trim() {
  Entries gone;
  base::MutexLock lock(mutex_);
  TrimLocked(gone);
}

void StageCache::TrimLocked(Entries& gone) {
  for (auto it = entries_.end(); bytes_ > bytes_max_ && it != entries_.begin();) {
    const auto entry = std::prev(it);
    if (entry->copy.use_count() > 1) {
      it = entry;  // pinned
      continue;
    }
    bytes_ -= entry->copy->facts().size_bytes;
    by_name_.erase(entry->name);
    gone.splice(gone.begin(), entries_, entry);
  }
}

uint64_t StageCache::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace bitrepo::store
