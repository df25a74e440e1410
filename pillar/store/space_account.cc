// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/space_account.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {

SpaceAccount::Reservation::~Reservation() {
  if (account_ == nullptr) {
    return;
  }
  base::MutexLock lock(account_->mutex_);
  account_->promised_bytes_ -= promised_bytes_;
  account_->arrived_bytes_ -= arrived_bytes_;
}

void SpaceAccount::Reservation::Arrived(uint64_t bytes) {
  const uint64_t of_promised = std::min(bytes, promised_bytes_);
  promised_bytes_ -= of_promised;
  arrived_bytes_ += bytes;
  base::MutexLock lock(account_->mutex_);
  account_->promised_bytes_ -= of_promised;
  account_->arrived_bytes_ += bytes;
}

uint64_t SpaceAccount::arrived_bytes() const {
  base::MutexLock lock(mutex_);
  return arrived_bytes_;
}

absl::StatusOr<SpaceAccount::Reservation> SpaceAccount::Reserve(uint64_t bytes) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckRoomLocked(bytes));
  promised_bytes_ += bytes;
  return Reservation(*this, bytes);
}

absl::Status SpaceAccount::CheckRoom(uint64_t bytes) {
  base::MutexLock lock(mutex_);
  return CheckRoomLocked(bytes);
}

absl::Status SpaceAccount::CheckRoomLocked(uint64_t bytes) {
  BITREPO_ASSIGN_OR_RETURN(const runtime::SpaceInfo space, disk_.Space());
  // Each term alone may pass what is free.
  const uint64_t taken = std::min(space.free_bytes, promised_bytes_);
  const uint64_t kept = std::min(space.free_bytes - taken, keep_free_bytes_);
  const uint64_t room = space.free_bytes - taken - kept;
  if (bytes <= room) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "no space: ", bytes, " bytes needed, ", room, " free (", space.free_bytes, " on the disk, ",
      promised_bytes_, " promised to other transfers, ", keep_free_bytes_, " kept free)"));
}

}  // namespace bitrepo::store
