// SPDX-License-Identifier: Apache-2.0
// What lies on which volume of a simulated medium, and how full each is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "pillar/store/medium.h"

namespace bitrepo::store {

inline constexpr char kPartSuffix[] = ".part";  // of a file that is not yet read back

// Thread-safe. Lifetime: the disk outlives it. Errors: see Medium.
class VolumeShelf {
 public:
  VolumeShelf(runtime::Disk& disk, uint64_t volume_bytes)
      : disk_(disk), volume_bytes_(volume_bytes) {}

  // Looks through all volumes; removes what was not finished.
  absl::Status Load();

  std::optional<MediumItem> Locate(const std::string& name) const;
  std::vector<MediumItem> Items() const;
  // The volume that something of this size goes to next.
  uint32_t NextVolume(uint64_t size_bytes) const;
  // Promises the space of the item on a volume. kAlreadyExists: the name is taken;
  // kResourceExhausted: it fits on no volume.
  absl::StatusOr<MediumItem> Reserve(const std::string& name, uint64_t size_bytes);
  // It did not come: its space is free again.
  void Release(const MediumItem& item);
  // It is there, durably.
  void Add(MediumItem item);
  absl::Status Remove(const std::string& name);

  // On the disk.
  static std::string PathOf(const MediumItem& item);
  static std::string PartPathOf(const MediumItem& item) { return PathOf(item) + kPartSuffix; }

 private:
  absl::Status LoadDirectory(uint32_t volume, const std::string& path, const std::string& below);
  uint32_t NextVolumeLocked(uint64_t size_bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  runtime::Disk& disk_;
  const uint64_t volume_bytes_;
  mutable base::Mutex mutex_;
  absl::btree_map<std::string, MediumItem> items_ ABSL_GUARDED_BY(mutex_);
  // Of each volume that was begun: bytes there and promised. One that was left for being full is
  // not written to again.
  absl::btree_map<uint32_t, uint64_t> used_bytes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
