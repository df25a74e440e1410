// SPDX-License-Identifier: Apache-2.0
// Reads one kept file whole, slice by slice, for digests that are not on record.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "pillar/requests/digest_wish.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Threads:  loop-confined; one worker of the read lane is busy with it at any time, or none.
// Lifetime: when it dies the reading ends after its slice, and `done` is dropped; store, workers
//           and loop outlive the work given away.
class DigestReader : public std::enable_shared_from_this<DigestReader> {
 public:
  // `done` on the loop, once: what the wish has to compute, in its order. kDataLoss: bytes are
  // damaged or missing, or the whole has not the recorded SHA-256 (looked at when it is to be
  // fresh); kResourceExhausted: the lane is full.
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::vector<wire::Digest>>)>;
  static std::shared_ptr<DigestReader> Start(const RequestParts& parts,
                                             const base::CollectionId& collection,
                                             const store::FileRecord& record,
                                             const DigestWish& wish, Done done);

  uint64_t bytes_done() const { return bytes_done_; }
  uint64_t bytes_total() const { return record_.size_bytes; }

 private:
  struct Reading;
  DigestReader(const RequestParts& parts, const base::CollectionId& collection,
               const store::FileRecord& record, Done done);
  void ReadSlice(std::shared_ptr<Reading> reading);
  void OnSlice(const std::shared_ptr<Reading>& reading);
  void End(absl::StatusOr<std::vector<wire::Digest>> digests);

  const RequestParts& parts_;
  const base::CollectionId collection_;
  const store::FileRecord record_;
  Done done_;
  uint64_t bytes_done_ = 0;
};

}  // namespace bitrepo::requests
