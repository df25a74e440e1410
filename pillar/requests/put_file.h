// SPDX-License-Identifier: Apache-2.0
// PutFile: keeps a new file, whole or not at all.
#pragma once

#include <optional>
#include <vector>

#include "pillar/requests/incoming_file.h"

namespace bitrepo::requests {

// Ends with one of: OPERATION_COMPLETED (durable, or already held with these bytes),
// DUPLICATE_FILE_FAILURE, CONFLICT (another change of the file is under way),
// NEW_FILE_CHECKSUM_FAILURE, NO_SPACE, FILE_TRANSFER_FAILURE, EXPIRED, CANCELLED, BUSY, FAILURE,
// REQUEST_NOT_SUPPORTED (digests that a pillar without bytes cannot make). Nothing is stored but in
// the first.
class PutFile final : public IncomingFile {
 public:
  using IncomingFile::IncomingFile;

 private:
  absl::Status ReadRequest() override;
  void Look() override;
  void OnPrepared(Prepared prepared);
  void OnArrived() override;
  void OnNotPublished(const absl::Status& why) override;
  void OnFoundOther(absl::StatusOr<store::FileRecord> existing);
  // The id is taken: by these bytes (success) or by others.
  void EndTaken(const store::FileRecord& existing, bool same);
  wire::Body Accepted(bool digest_only, uint64_t held_bytes) const override;
  wire::Body Completed(const wire::FileInfo& file, bool already_held,
                       std::vector<wire::Digest> digests) const override;

  // Taken before the bytes came; only they can tell whether it is the same.
  std::optional<store::FileRecord> existing_;
};

}  // namespace bitrepo::requests
