// SPDX-License-Identifier: Apache-2.0
// What has come of files that are not published: those coming in, and those that wait for the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "pillar/store/file_store.h"
#include "pillar/store/space_account.h"

namespace bitrepo::store {

inline constexpr size_t kParkedMax = 1000;  // parts that wait; of more the oldest are given up

// Whose bytes a staged file has. Two of one identity have the same bytes, as far as their sender
// knows; the conversation is only told.
struct StagingIdentity {
  base::CollectionId collection;
  base::FileId file_id;
  std::optional<uint64_t> size_bytes;
  StagingKey key;
  // True when the one goes on where the other stopped.
  bool ContinuedBy(const StagingIdentity& other) const;
};

// What is kept of files that were not published.
struct StagingTerms {
  absl::Duration kept = kStagingTerm;
  uint64_t resumable_bytes = kResumableBytes;  // of a file that is kept in part at all
  std::string boot_id = {};                    // of the machine; empty: the system is asked
};

// "1 SIZE MARK PRINCIPAL CONVERSATION COLLECTION FILE-ID", of one that is kept: the file id last,
// for it may hold spaces.
std::string EncodeStagingIdentity(const StagingIdentity& identity);
// kDataLoss: not such a text.
absl::StatusOr<StagingIdentity> ParseStagingIdentity(absl::string_view text);

// The log of ranges that stands beside a staged file that may be kept.
std::string RangeLogPath(absl::string_view staged_path);

// Of one store. Thread-safe; what gives up blocks. Lifetime: disks and accounts outlive it.
class StagedParts {
 public:
  explicit StagedParts(const StagingTerms& terms, size_t parked_max = kParkedMax)
      : term_(terms.kept), resumable_bytes_(terms.resumable_bytes), parked_max_(parked_max) {}

  // Whether a part of such a file would be kept.
  bool Keeps(const StagingIdentity& identity) const {
    return identity.size_bytes.value_or(0) >= resumable_bytes_ && !identity.key.mark.empty() &&
           !identity.key.principal.empty();
  }

  // A part on disk that waits, with its log of ranges.
  struct Parked {
    StagingIdentity identity;
    runtime::Disk* disk = nullptr;
    SpaceAccount* space = nullptr;  // of that disk
    std::string path;
    uint64_t bytes = 0;
    absl::Time written_at;  // wall clock
  };
  void Park(Parked parked);
  // The caller's from now on; nothing when there is none.
  std::optional<Parked> TakeUp(const StagingIdentity& identity);
  // The one on this disk that was written to the longest ago; false when there is none.
  bool GiveUpOldest(const SpaceAccount& space);
  // Those whose term is over; returns how many.
  uint64_t GiveUpOld(absl::Time wall_now);

  // One that comes in: listed as long as this lives.
  class Arrival {
   public:
    Arrival(StagedParts& parts, StagingIdentity identity, uint64_t bytes, absl::Time wall_now);
    ~Arrival();
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;
    const StagingIdentity& identity() const { return identity_; }
    void SetBytes(uint64_t bytes, absl::Time wall_now);
    uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    absl::Time written_at() const;

   private:
    friend class StagedParts;
    StagedParts& parts_;
    const StagingIdentity identity_;
    std::atomic<uint64_t> bytes_;
    std::atomic<int64_t> written_at_us_;
    std::list<const Arrival*>::iterator place_;
  };

  std::vector<StagedPart> List() const;

 private:
  static void Remove(const Parked& parked, absl::string_view why);
  // The oldest of those that `of` is true for.
  template <typename Of>
  std::optional<Parked> TakeOldest(Of of) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Duration term_;
  const uint64_t resumable_bytes_;
  const size_t parked_max_;
  mutable base::Mutex mutex_;
  std::list<Parked> parked_ ABSL_GUARDED_BY(mutex_);
  std::list<const Arrival*> arrivals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
