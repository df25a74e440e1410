// SPDX-License-Identifier: Apache-2.0
// UndeleteFile: brings a generation that was deleted or replaced back from quarantine.
#pragma once

#include <optional>

#include "pillar/requests/file_change.h"

namespace bitrepo::requests {

// Ends with one of: OPERATION_COMPLETED (durable, or that generation stands there already),
// FILE_NOT_FOUND_FAILURE (it is not in quarantine; or an old digest is named and no file stands
// there), DUPLICATE_FILE_FAILURE (a file stands there and no old digest is named),
// EXISTING_FILE_CHECKSUM_FAILURE, DATA_LOSS (its bytes are damaged), CONFLICT, CANCELLED, EXPIRED,
// BUSY, FAILURE, REQUEST_NOT_SUPPORTED.
class UndeleteFile final : public FileChange {
 public:
  using FileChange::FileChange;

 private:
  struct Found {
    absl::Status status;
    std::optional<store::FileRecord> live;
    std::optional<store::FileRecord> removed;  // the one that is asked for
  };
  absl::Status ReadRequest() override;
  void OnTurn() override;
  static Found Look(store::FileStore& store, const Target& target,
                    const base::GenerationId& generation);
  void OnFound(Found found);
  void Restore(const store::FileRecord& removed, const std::optional<store::FileRecord>& live);
  void OnRestored(absl::StatusOr<store::FileRecord> restored);

  DigestWish old_wish_;
  base::GenerationId generation_;  // zero: the one removed last
  wire::Body final_;               // being recorded with the restoration
};

}  // namespace bitrepo::requests
