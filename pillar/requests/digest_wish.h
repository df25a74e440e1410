// SPDX-License-Identifier: Apache-2.0
// Which digests of one file a request needs: those it asks for, and the one it names to be held
// against the bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "proto/types.pb.h"

namespace bitrepo::requests {

// Each algorithm is computed once, however often it is needed. Immutable value.
class DigestWish {
 public:
  // Nothing is wanted, nothing named.
  DigestWish() = default;
  // `wanted`: nullptr asks for none, without algorithms for SHA-256.
  DigestWish(const wire::ChecksumSpec* wanted, const std::optional<base::Digest>& named);

  // What is to be computed, in the order that the other calls want it in. SHA-256 is not of it:
  // whoever takes bytes in, or keeps them, knows that one.
  const std::vector<wire::DigestAlgorithm>& computed() const { return computed_; }
  const std::string& salt() const { return salt_; }
  // The asker wants digests that are read now, whatever is on record.
  bool fresh() const { return fresh_; }
  const std::optional<base::Digest>& named() const { return named_; }

  // True when none is named or the named one is that of the bytes.
  bool Agrees(const base::Digest& sha256, const std::vector<wire::Digest>& computed) const;
  // What is asked for, in that order.
  std::vector<wire::Digest> Answer(const base::Digest& sha256,
                                   const std::vector<wire::Digest>& computed) const;

 private:
  std::vector<wire::DigestAlgorithm> wanted_;
  std::vector<wire::DigestAlgorithm> computed_;
  std::string salt_;
  bool fresh_ = false;
  std::optional<base::Digest> named_;
};

}  // namespace bitrepo::requests
