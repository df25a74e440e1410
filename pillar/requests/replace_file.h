// SPDX-License-Identifier: Apache-2.0
// ReplaceFile: other bytes under an id that is taken, whole or not at all.
#pragma once

#include <optional>
#include <vector>

#include "pillar/requests/incoming_file.h"

namespace bitrepo::requests {

// Ends with one of: OPERATION_COMPLETED (durable, the old generation in quarantine; or the new
// bytes stood there already), FILE_NOT_FOUND_FAILURE, EXISTING_FILE_CHECKSUM_FAILURE (the old
// digest is not named, or is another; the true one is not told), and as a put does. Nothing is
// changed but in the first.
class ReplaceFile final : public IncomingFile {
 public:
  using IncomingFile::IncomingFile;

 private:
  absl::Status ReadRequest() override;
  void Look() override;
  void OnFound(absl::StatusOr<std::optional<store::FileRecord>> live);
  // The old file is proved: the new one may come.
  void MakeRoom(std::vector<wire::Digest> old_digests);
  void OnPrepared(Prepared prepared);
  void OnArrived() override;
  void OnNotPublished(const absl::Status& why) override;
  wire::Body Accepted(bool digest_only, uint64_t held_bytes) const override;
  wire::Body Completed(const wire::FileInfo& file, bool already_held,
                       std::vector<wire::Digest> digests) const override;

  DigestWish old_wish_;
  std::optional<store::FileRecord> old_;  // what stands there
  std::vector<wire::Digest> old_digests_;
};

}  // namespace bitrepo::requests
