// SPDX-License-Identifier: Apache-2.0
// The digests of bytes that come in, and whether they are those that were promised.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/checksum.h"
#include "proto/types.pb.h"

namespace bitrepo::client {

// Loop-confined.
class DigestProof {
 public:
  // `given`: a digest of the caller's for the bytes, of any algorithm.
  explicit DigestProof(std::optional<base::Digest> given);

  void Update(std::span<const std::byte> bytes);  // in order
  // OPERATION_COMPLETED, or DATA_LOSS that says which digest the bytes have and which they should.
  // Requires: called once, behind all bytes.
  wire::ResponseInfo Judge(const std::optional<base::Digest>& recorded);

 private:
  const std::optional<base::Digest> given_;
  base::Hasher sha256_{base::Algorithm::kSha256};
  std::optional<base::Hasher> other_;
};

// What a sink says of its bytes.
wire::ResponseInfo SinkAnswer(wire::ResponseCode code, std::string text);

}  // namespace bitrepo::client
