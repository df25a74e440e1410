// SPDX-License-Identifier: Apache-2.0
// The words of base/ as they stand on the wire, and back.
#pragma once

#include "absl/status/statusor.h"
#include "base/checksum.h"
#include "proto/types.pb.h"

namespace bitrepo::client {

wire::DigestAlgorithm ToWire(base::Algorithm algorithm);
wire::Digest ToWire(const base::Digest& digest);
// kInvalidArgument for algorithms base/checksum does not have, and values of another length.
absl::StatusOr<base::Digest> FromWire(const wire::Digest& digest);
// "sha256", "hmac-sha256"; empty for an unknown one.
absl::string_view AlgorithmWord(wire::DigestAlgorithm algorithm);
// kInvalidArgument lists the words there are.
absl::StatusOr<wire::DigestAlgorithm> ParseAlgorithmWord(absl::string_view word);
bool NeedsSalt(wire::DigestAlgorithm algorithm);

}  // namespace bitrepo::client
