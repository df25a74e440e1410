// SPDX-License-Identifier: Apache-2.0
// DeleteFile: puts what stands under an id into quarantine, when the asker knows what it is and
// that copies of it stay.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pillar/requests/file_change.h"

namespace bitrepo::requests {

// A proof that another pillar keeps the file is good for so long after it read the bytes; and its
// clock may be so much ahead of ours.
inline constexpr absl::Duration kCopyProofTerm = absl::Hours(24);
inline constexpr absl::Duration kClockAhead = absl::Minutes(5);

// Other pillars than `self` that keep bytes with this digest, each once, by proofs that are still
// good.
uint32_t CountCopies(const wire::DeleteFileRequest& request, const base::Digest& sha256,
                     absl::string_view self, absl::Time wall_now);

// Ends with one of: OPERATION_COMPLETED (durable, or this very content was deleted here before),
// FILE_NOT_FOUND_FAILURE, EXISTING_FILE_CHECKSUM_FAILURE (the digest is not named, or is another),
// DENIED (too few copies would stay), DATA_LOSS (digests are wanted of what cannot be read; with
// its recorded SHA-256 alone it can be deleted), CONFLICT, CANCELLED, EXPIRED, BUSY, FAILURE,
// REQUEST_NOT_SUPPORTED.
class DeleteFile final : public FileChange {
 public:
  using FileChange::FileChange;

 private:
  // What a worker found under the id.
  struct Found {
    absl::Status status;
    std::optional<store::FileRecord> live;
    std::optional<store::FileRecord> removed;  // the last one; only where nothing is live
  };
  absl::Status ReadRequest() override;
  void OnTurn() override;
  static Found Look(store::FileStore& store, const Target& target);
  void OnFound(Found found);
  // True when fewer copies would stay than must, and that was said.
  bool RefusesForCopies(const store::FileRecord& live);
  void Remove(const store::FileRecord& live, std::vector<wire::Digest> digests);
  void OnRemoved(absl::StatusOr<store::FileRecord> removed);

  DigestWish wish_;
  wire::Body final_;  // being recorded with the removal
};

}  // namespace bitrepo::requests
