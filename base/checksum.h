// SPDX-License-Identifier: Apache-2.0
// Digests of bytes: SHA-2, SHA-1, MD5, HMAC-SHA-256 for tokens, XXH3 for blocks and segments.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::base {

enum class Algorithm {
  kMd5,
  kSha1,
  kSha256,
  kSha384,
  kSha512
};  // never renumber: stored in catalogues

size_t DigestBytes(Algorithm algorithm);
absl::string_view AlgorithmName(Algorithm algorithm);  // "md5" "sha1" "sha256" "sha384" "sha512"
// kInvalidArgument lists the names there are.
absl::StatusOr<Algorithm> ParseAlgorithm(absl::string_view name);

// An algorithm and as many bytes as it says. Immutable value.
class Digest {
 public:
  // kInvalidArgument for a value of another length.
  static absl::StatusOr<Digest> FromBytes(Algorithm algorithm, absl::string_view bytes);
  static absl::StatusOr<Digest> FromHex(Algorithm algorithm, absl::string_view hex);  // either case
  // "sha256:9f86..."; kInvalidArgument says what is wrong.
  static absl::StatusOr<Digest> Parse(absl::string_view text);
  Algorithm algorithm() const { return algorithm_; }
  const std::string& bytes() const { return bytes_; }
  std::string Hex() const;       // lower case
  std::string ToString() const;  // "sha256:9f86..."
  bool operator==(const Digest&) const = default;

 private:
  Digest(Algorithm algorithm, std::string bytes)
      : algorithm_(algorithm), bytes_(std::move(bytes)) {}
  Algorithm algorithm_;
  std::string bytes_;
};

// Takes bytes in order, gives their digest once. Loop-confined; movable.
class Hasher {
 public:
  explicit Hasher(Algorithm algorithm);
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void Update(std::span<const std::byte> bytes);
  void Update(absl::string_view bytes);
  Digest Finish();  // Requires: called once; no Update after it
  // Of all at once.
  static Digest Of(Algorithm algorithm, absl::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// HMAC-SHA-256 (RFC 2104), 32 bytes.
std::string HmacSha256(absl::string_view key, absl::string_view message);
// True when equal; takes the same time wherever they differ.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

// XXH3-128, canonical (big-endian) bytes: the digest of a 1 MiB block. Not for hostile input alone:
// every file has its SHA-256 too.
using BlockDigest = std::array<uint8_t, 16>;
BlockDigest DigestBlock(std::span<const std::byte> block);
// XXH3-64 of the concatenation: the check of a data frame.
uint64_t FrameCheck(std::span<const std::byte> header, std::span<const std::byte> payload);

}  // namespace bitrepo::base
