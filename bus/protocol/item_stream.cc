// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/item_stream.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::protocol {
namespace {

constexpr size_t kVarintBytesMax = 10;
static_assert(kStreamReachBytes == kVarintBytesMax + kStreamItemBytesMax);

}  // namespace

void AppendItem(const google::protobuf::MessageLite& item, std::string& stream) {
  size_t length = item.ByteSizeLong();
  BITREPO_CHECK(length > 0 && length <= kStreamItemBytesMax, "an item of a stream has its limits");
  for (; length >= 0x80; length >>= 7) {
    stream.push_back(static_cast<char>(length | 0x80));
  }
  stream.push_back(static_cast<char>(length));
  item.AppendToString(&stream);
}

absl::StatusOr<absl::string_view> TakeItem(absl::string_view& stream) {
  BITREPO_CHECK(!stream.empty(), "there is something left to take an item from");
  uint64_t length = 0;
  size_t taken = 0;
  const size_t reach = std::min(stream.size(), kVarintBytesMax);
  for (bool more = true; more; ++taken) {
    if (taken == reach) {
      return absl::InvalidArgumentError("an item without a whole length");
    }
    const auto byte = static_cast<uint8_t>(stream[taken]);
    length |= static_cast<uint64_t>(byte & 0x7f) << (7 * taken);
    more = (byte & 0x80) != 0;
  }
  if (length == 0 || length > kStreamItemBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("an item of ", length, " bytes where 1 to ", kStreamItemBytesMax, " may be"));
  }
  if (length > stream.size() - taken) {
    return absl::InvalidArgumentError(absl::StrCat("an item of ", length, " bytes of which ",
                                                   stream.size() - taken, " are there"));
  }
  const absl::string_view item = stream.substr(taken, length);
  stream.remove_prefix(taken + length);
  return item;
}

}  // namespace bitrepo::protocol
