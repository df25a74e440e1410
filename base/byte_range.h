// SPDX-License-Identifier: Apache-2.0
// A half-open range of bytes; the only place of the product that adds offsets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace bitrepo::base {

// Immutable value; offset + length never overflows. Ordered by offset, then length.
class ByteRange {
 public:
  constexpr ByteRange() = default;  // empty, at 0
  // kOutOfRange when offset + length passes 2^64 - 1.
  static absl::StatusOr<ByteRange> Make(uint64_t offset, uint64_t length);
  // The part of a file of `size` bytes that is asked for; an absent length means to the end.
  // kOutOfRange when it passes the end (offset == size with no or zero length is the empty range).
  static absl::StatusOr<ByteRange> Within(uint64_t size, uint64_t offset,
                                          std::optional<uint64_t> length);
  // All `size` bytes from 0.
  static ByteRange Whole(uint64_t size);

  uint64_t offset() const { return offset_; }
  uint64_t length() const { return length_; }
  uint64_t end() const { return offset_ + length_; }
  bool empty() const { return length_ == 0; }
  bool Contains(const ByteRange& other) const;
  // The common part; empty when there is none.
  ByteRange Intersect(const ByteRange& other) const;
  std::string ToString() const;  // "5+7"
  auto operator<=>(const ByteRange&) const = default;

 private:
  constexpr ByteRange(uint64_t offset, uint64_t length) : offset_(offset), length_(length) {}
  uint64_t offset_ = 0;
  uint64_t length_ = 0;
};

}  // namespace bitrepo::base
