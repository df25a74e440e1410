// SPDX-License-Identifier: Apache-2.0
// HMACs of bytes that come piece by piece, over every hash of base/checksum.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "absl/strings/string_view.h"
#include "base/checksum.h"

namespace bitrepo::base {

// HMAC (RFC 2104), made by OpenSSL. Takes bytes in order, gives their code once. Loop-confined;
// movable.
class Hmac {
 public:
  Hmac(Algorithm hash, absl::string_view key);
  ~Hmac();
  Hmac(Hmac&&) noexcept;
  Hmac& operator=(Hmac&&) noexcept;
  void Update(std::span<const std::byte> bytes);
  // As a digest of the hash: it has the same length. Requires: called once; no Update after it.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::base
