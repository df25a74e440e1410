// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/token.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/check.h"
#include "base/checksum.h"

namespace bitrepo::transfer {
namespace {

constexpr size_t kMacBytes = 32;
constexpr size_t kKeyBytes = 32;
constexpr size_t kEpochBytes = 16;

absl::Status NoToken(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("the token is not valid: ", why));
}

// The body and its MAC, as sealed. Only the one spelling that Seal writes is a token.
absl::StatusOr<std::string> Unwrap(absl::string_view text) {
  if (text.size() > kTokenTextBytesMax) {
    return NoToken("it is too long");
  }
  absl::string_view encoded = text;
  if (!absl::ConsumePrefix(&encoded, kTokenPrefix)) {
    return NoToken(absl::StrCat("it does not begin with ", kTokenPrefix));
  }
  std::string sealed;
  if (!absl::WebSafeBase64Unescape(encoded, &sealed) ||
      absl::WebSafeBase64Escape(sealed) != encoded || sealed.size() <= kMacBytes) {
    return NoToken("it is cut or altered");
  }
  return sealed;
}

absl::StatusOr<wire::TokenBody> ParseBody(absl::string_view bytes) {
  wire::TokenBody body;
  if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return NoToken("its content is not readable");
  }
  return body;
}

// Names the key without telling it.
uint64_t KeyNumber(absl::string_view key) {
  const std::string tag = base::HmacSha256(key, "bitrepo token key number");
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) {
    number = number << 8 | static_cast<uint8_t>(tag[static_cast<size_t>(i)]);
  }
  return number;
}

}  // namespace

TokenMint::TokenMint(std::string key, std::string boot_epoch)
    : key_(std::move(key)), boot_epoch_(std::move(boot_epoch)) {
  BITREPO_CHECK(key_.size() == kKeyBytes, "the key of a token mint has 32 bytes");
  BITREPO_CHECK(boot_epoch_.size() == kEpochBytes, "the epoch of a token mint has 16 bytes");
}

std::string TokenMint::Seal(wire::TokenBody& body, absl::Time expires_at) const {
  body.set_key_number(KeyNumber(key_));
  body.set_boot_epoch(boot_epoch_);
  body.set_expires_at_boot_us(absl::ToUnixMicros(expires_at));
  std::string sealed = body.SerializeAsString();
  sealed += base::HmacSha256(key_, sealed);
  std::string text = absl::StrCat(kTokenPrefix, absl::WebSafeBase64Escape(sealed));
  BITREPO_CHECK(text.size() <= kTokenTextBytesMax, "a token fits its limit");
  return text;
}

absl::StatusOr<wire::TokenBody> TokenMint::Authenticate(absl::string_view text) const {
  absl::StatusOr<std::string> sealed = Unwrap(text);
  if (!sealed.ok()) {
    return sealed.status();
  }
  const absl::string_view all = *sealed;
  const absl::string_view bytes = all.substr(0, all.size() - kMacBytes);
  if (!base::ConstantTimeEquals(base::HmacSha256(key_, bytes), all.substr(bytes.size()))) {
    return NoToken("it is altered, of another issuer, or of an earlier run of this one");
  }
  absl::StatusOr<wire::TokenBody> body = ParseBody(bytes);
  if (!body.ok()) {
    return body;
  }
  if (body->boot_epoch() != boot_epoch_) {
    return absl::DeadlineExceededError("the token is of an earlier run of its issuer");
  }
  return body;
}

absl::StatusOr<wire::TokenBody> TokenMint::Verify(absl::string_view text, absl::Time now) const {
  absl::StatusOr<wire::TokenBody> body = Authenticate(text);
  if (body.ok() && now >= absl::FromUnixMicros(body->expires_at_boot_us())) {
    return absl::DeadlineExceededError("the token has expired");
  }
  return body;
}

absl::StatusOr<wire::TokenBody> ReadToken(absl::string_view text) {
  absl::StatusOr<std::string> sealed = Unwrap(text);
  if (!sealed.ok()) {
    return sealed.status();
  }
  return ParseBody(absl::string_view(*sealed).substr(0, sealed->size() - kMacBytes));
}

}  // namespace bitrepo::transfer
