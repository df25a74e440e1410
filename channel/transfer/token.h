// SPDX-License-Identifier: Apache-2.0
// Tokens: who may move which bytes, where and until when, sealed by the issuer, who alone can
// verify it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/channel.pb.h"

namespace bitrepo::transfer {

inline constexpr size_t kTokenTextBytesMax = 4096;
inline constexpr absl::string_view kTokenPrefix = "brt1_";

// The issuer's key and its clock's epoch; made at start, never leaves the process. Immutable;
// thread-safe. MAC: HMAC-SHA-256 (RFC 2104) over the serialized body, checked in constant time
// before the body is parsed.
class TokenMint {
 public:
  // `key`: 32 random bytes. `boot_epoch`: 16 bytes; tokens of another epoch are expired.
  TokenMint(std::string key, std::string boot_epoch);
  // Fills in key_number and boot_epoch; `expires_at` is an instant of the issuer's Clock::Now().
  std::string Seal(wire::TokenBody& body, absl::Time expires_at) const;
  // kInvalidArgument: altered, truncated, of another issuer or key (INVALID_TOKEN);
  // kDeadlineExceeded: expired, or of another run with the same key.
  absl::StatusOr<wire::TokenBody> Verify(absl::string_view text, absl::Time now) const;
  // As Verify, of a token that may have expired: to tell what became of it, never to serve it.
  absl::StatusOr<wire::TokenBody> Authenticate(absl::string_view text) const;

 private:
  std::string key_;
  std::string boot_epoch_;
};

// What the text says, without any proof: for the holder (where to dial) and for people.
// kInvalidArgument for what is no token.
absl::StatusOr<wire::TokenBody> ReadToken(absl::string_view text);

}  // namespace bitrepo::transfer
