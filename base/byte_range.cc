// SPDX-License-Identifier: Apache-2.0
#include "base/byte_range.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace bitrepo::base {

absl::StatusOr<ByteRange> ByteRange::Make(uint64_t offset, uint64_t length) {
  if (length > std::numeric_limits<uint64_t>::max() - offset) {
    return absl::OutOfRangeError(
        absl::StrCat("the range ", offset, "+", length, " passes the largest offset there is"));
  }
  return ByteRange(offset, length);
}

absl::StatusOr<ByteRange> ByteRange::Within(uint64_t size, uint64_t offset,
                                            std::optional<uint64_t> length) {
  if (offset > size || length.value_or(0) > size - offset) {
    return absl::OutOfRangeError(absl::StrCat("the range ", offset, "+",
                                              length ? absl::StrCat(*length) : "end",
                                              " passes the end of a file of ", size, " bytes"));
  }
  return ByteRange(offset, length.value_or(size - offset));
}

ByteRange ByteRange::Whole(uint64_t size) { return ByteRange(0, size); }

bool ByteRange::Contains(const ByteRange& other) const {
  return other.offset_ >= offset_ && other.end() <= end();
}

ByteRange ByteRange::Intersect(const ByteRange& other) const {
  const uint64_t from = std::max(offset_, other.offset_);
  const uint64_t to = std::min(end(), other.end());
  return from < to ? ByteRange(from, to - from) : ByteRange();
}

std::string ByteRange::ToString() const { return absl::StrCat(offset_, "+", length_); }

}  // namespace bitrepo::base
