// SPDX-License-Identifier: Apache-2.0
// The seam through which requests wait for slow media, and hear how far they are.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pillar/store/file_store.h"
#include "pillar/store/medium.h"

namespace bitrepo::store {

// Beside FileStore, by a store whose Open and Publish would else wait for a medium.
// Threads:  loop-confined; events come on the loop, never from inside the call.
// Lifetime: outlives the work it gave out.
class SlowStore {
 public:
  // Destroyed before its end: given up; no event comes any more.
  class Work {
   public:
    virtual ~Work() = default;
    virtual MediumStep step() const = 0;
  };
  using OnStep = absl::AnyInvocable<void(const MediumStep&)>;
  using Opened = absl::StatusOr<std::shared_ptr<StoredFile>>;

  virtual ~SlowStore() = default;

  // What FileStore::Open gives, once the bytes are on disk, proved by their digest; they stay there
  // while it is held. Nothing is to be told of what is there already. Errors: as Open's; kDataLoss:
  // the medium has other bytes, or cannot be read.
  virtual std::unique_ptr<Work> Recall(const base::CollectionId& collection,
                                       const base::FileId& file_id,
                                       const base::GenerationId& generation, OnStep on_step,
                                       absl::AnyInvocable<void(Opened)> on_end) = 0;
  // Brings a sealed file of this store onto its medium, durably, and proves it by reading it from
  // there; only its records are then missing. kDataLoss: other bytes were read back; the copy that
  // had come is kept for kFailedCopyTerm, and the text says where. Requires: `staged` outlives it.
  virtual std::unique_ptr<Work> Archive(StagedFile& staged, const base::GenerationId& generation,
                                        OnStep on_step,
                                        absl::AnyInvocable<void(absl::Status)> on_end) = 0;

  struct Outlook {
    absl::Duration wait;  // before the first byte could leave, or until all is stored
    uint32_t queue = 0;   // jobs before it
    uint64_t bytes_per_second = 0;
  };
  virtual Outlook OutlookToRead(const base::CollectionId& collection, const FileRecord& record) = 0;
  virtual Outlook OutlookToWrite(uint64_t size_bytes) = 0;
  // Ends all that waits, kUnavailable: the pillar stops.
  virtual void Close() = 0;
};

inline constexpr absl::Duration kFailedCopyTerm = absl::Hours(7 * 24);

}  // namespace bitrepo::store
