// SPDX-License-Identifier: Apache-2.0
// Several digests of one run of bytes in one pass: plain ones, and HMACs with a salt.
#pragma once

#include <cstddef>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "base/hmac.h"
#include "proto/types.pb.h"

namespace bitrepo::requests {

// Digests for `algorithms`, in their order. HMAC: RFC 2104 over the algorithm's hash, the salt as
// its key. All are made by OpenSSL.
// Loop-confined; may be handed from one worker to the next.
class FileDigester {
 public:
  // kInvalidArgument for an algorithm that is not known.
  static absl::StatusOr<FileDigester> Make(const std::vector<wire::DigestAlgorithm>& algorithms,
                                           absl::string_view salt);
  void Update(std::span<const std::byte> bytes);
  std::vector<wire::Digest> Finish();  // Requires: called once; no Update after it

 private:
  struct Part {
    wire::DigestAlgorithm algorithm;
    std::variant<base::Hasher, base::Hmac> hasher;
  };
  FileDigester() = default;
  std::vector<Part> parts_;
};

}  // namespace bitrepo::requests
