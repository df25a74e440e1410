// SPDX-License-Identifier: Apache-2.0
// The free space of one disk, less what was promised to files on their way in, less what is kept
// free.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"

namespace bitrepo::store {

// Thread-safe. Lifetime: the disk outlives it, and it its reservations.
class SpaceAccount {
 public:
  SpaceAccount(runtime::Disk& disk, uint64_t keep_free_bytes)
      : disk_(disk), keep_free_bytes_(keep_free_bytes) {}

  // Bytes promised to one file and bytes it has brought; both are forgotten when it dies.
  class Reservation {
   public:
    Reservation(SpaceAccount& account, uint64_t bytes)
        : account_(&account), promised_bytes_(bytes) {}
    Reservation(Reservation&& other) noexcept
        : account_(std::exchange(other.account_, nullptr)),
          promised_bytes_(other.promised_bytes_),
          arrived_bytes_(other.arrived_bytes_) {}
    Reservation& operator=(Reservation&&) = delete;
    ~Reservation();
    // So many more have come, of the promised ones as long as there are any.
    void Arrived(uint64_t bytes);

   private:
    SpaceAccount* account_;
    uint64_t promised_bytes_;
    uint64_t arrived_bytes_ = 0;
  };

  // kResourceExhausted says what is needed and what there is.
  absl::StatusOr<Reservation> Reserve(uint64_t bytes);
  // Of all files on their way in: what the disk may still have to write.
  uint64_t arrived_bytes() const;
  runtime::Disk& disk() const { return disk_; }
  // That so many more could be reserved now.
  absl::Status CheckRoom(uint64_t bytes);

 private:
  absl::Status CheckRoomLocked(uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  runtime::Disk& disk_;
  const uint64_t keep_free_bytes_;
  mutable base::Mutex mutex_;
  uint64_t arrived_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t promised_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace bitrepo::store
