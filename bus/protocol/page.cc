// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/page.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bitrepo::protocol {
namespace {

// Of an item in its list: the tag and the length before it.
constexpr size_t kItemOverheadBytes = 4;

}  // namespace

PageLimits EffectiveLimits(const wire::PageSpec& asked, PageLimits own) {
  PageLimits limits{std::min<uint32_t>(own.items, kPageItemsMax),
                    std::min<size_t>(own.bytes, kPageBytesMax)};
  if (asked.limit_items() != 0) {
    limits.items = std::min(limits.items, asked.limit_items());
  }
  if (asked.limit_bytes() != 0) {
    limits.bytes = std::min<size_t>(limits.bytes, asked.limit_bytes());
  }
  return limits;
}

absl::Status CheckCursor(absl::string_view cursor) {
  if (cursor.size() > kCursorBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a cursor of ", cursor.size(), " bytes; at most ", kCursorBytesMax));
  }
  return absl::OkStatus();
}

bool PagePacker::TryAdd(const google::protobuf::MessageLite& item) {
  const size_t bytes = item.ByteSizeLong() + kItemOverheadBytes;
  if (full_ || (items_ > 0 && (items_ >= limits_.items || bytes_ + bytes > limits_.bytes))) {
    full_ = true;
    return false;
  }
  ++items_;
  bytes_ += bytes;
  return true;
}

}  // namespace bitrepo::protocol
