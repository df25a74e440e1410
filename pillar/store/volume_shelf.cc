// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/volume_shelf.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {
namespace {

std::string VolumeName(uint32_t volume) { return absl::StrCat("v", volume); }

}  // namespace

std::string VolumeShelf::PathOf(const MediumItem& item) {
  return JoinPath(VolumeName(item.volume), item.name);
}

absl::Status VolumeShelf::Load() {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(""));
  for (const std::string& name : names) {
    uint32_t volume = 0;
    if (!absl::StartsWith(name, "v") || !absl::SimpleAtoi(name.substr(1), &volume) ||
        VolumeName(volume) != name) {
      continue;  // not a volume
    }
    {
      base::MutexLock lock(mutex_);
      used_bytes_[volume];
    }
    BITREPO_RETURN_IF_ERROR(LoadDirectory(volume, name, ""));
  }
  return absl::OkStatus();
}

absl::Status VolumeShelf::LoadDirectory(uint32_t volume, const std::string& path,
                                        const std::string& below) {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(path));
  for (const std::string& name : names) {
    const std::string here = JoinPath(path, name);
    BITREPO_ASSIGN_OR_RETURN(const runtime::FileStat stat, disk_.Stat(here));
    if (stat.is_directory) {
      BITREPO_RETURN_IF_ERROR(LoadDirectory(volume, here, JoinPath(below, name)));
    } else if (absl::EndsWith(name, kPartSuffix)) {
      BITREPO_RETURN_IF_ERROR(disk_.Remove(here));
    } else {
      base::MutexLock lock(mutex_);
      used_bytes_[volume] += stat.size_bytes;
      MediumItem item{JoinPath(below, name), volume, stat.size_bytes};
      items_.emplace(item.name, item);
    }
  }
  return absl::OkStatus();
}

std::optional<MediumItem> VolumeShelf::Locate(const std::string& name) const {
  base::MutexLock lock(mutex_);
  const auto found = items_.find(name);
  return found == items_.end() ? std::nullopt : std::optional<MediumItem>(found->second);
}

std::vector<MediumItem> VolumeShelf::Items() const {
  base::MutexLock lock(mutex_);
  std::vector<MediumItem> items;
  items.reserve(items_.size());
  for (const auto& [name, item] : items_) items.push_back(item);
  return items;
}

uint32_t VolumeShelf::NextVolume(uint64_t size_bytes) const {
  base::MutexLock lock(mutex_);
  return NextVolumeLocked(size_bytes);
}

// The newest one as long as it fits there: volumes are filled one after the other.
uint32_t VolumeShelf::NextVolumeLocked(uint64_t size_bytes) const {
  if (used_bytes_.empty()) return 1;
  const auto& [newest, used] = *used_bytes_.rbegin();
  return used + size_bytes <= volume_bytes_ ? newest : newest + 1;
}

absl::StatusOr<MediumItem> VolumeShelf::Reserve(const std::string& name, uint64_t size_bytes) {
  base::MutexLock lock(mutex_);
  if (size_bytes > volume_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(size_bytes, " bytes fit on no volume: each has ", volume_bytes_));
  }
  if (items_.contains(name)) {
    return absl::AlreadyExistsError(absl::StrCat(name, " is on a volume already"));
  }
  MediumItem item{name, NextVolumeLocked(size_bytes), size_bytes};
  used_bytes_[item.volume] += size_bytes;
  return item;
}

void VolumeShelf::Release(const MediumItem& item) {
  base::MutexLock lock(mutex_);
  used_bytes_[item.volume] -= item.size_bytes;
}

void VolumeShelf::Add(MediumItem item) {
  base::MutexLock lock(mutex_);
  items_.emplace(item.name, item);
}

absl::Status VolumeShelf::Remove(const std::string& name) {
  const std::optional<MediumItem> item = Locate(name);
  if (!item) return absl::OkStatus();
  const std::string path = PathOf(*item);
  const absl::Status removed = disk_.Remove(path);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  BITREPO_RETURN_IF_ERROR(disk_.SyncDirectory(path.substr(0, path.rfind('/'))));
  base::MutexLock lock(mutex_);
  if (items_.erase(name) > 0) used_bytes_[item->volume] -= item->size_bytes;
  return absl::OkStatus();
}

}  // namespace bitrepo::store
