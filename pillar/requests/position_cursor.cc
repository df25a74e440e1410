// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/position_cursor.h"

#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace bitrepo::requests {
namespace {

constexpr size_t kPositionBytes = 8;
constexpr size_t kCheckBytes = 16;

std::string Check(const base::StoreId& store, absl::string_view question,
                  absl::string_view position) {
  return base::HmacSha256(store.ToBytes(), absl::StrCat("list position", position, question))
      .substr(0, kCheckBytes);
}

}  // namespace

std::string EncodePosition(const base::StoreId& store, absl::string_view question,
                           uint64_t position) {
  std::string cursor;
  for (size_t i = 0; i < kPositionBytes; ++i) {
    cursor.push_back(static_cast<char>(position >> (8 * (kPositionBytes - 1 - i))));
  }
  return cursor + Check(store, question, cursor);
}

absl::StatusOr<uint64_t> DecodePosition(const base::StoreId& store, absl::string_view question,
                                        absl::string_view cursor) {
  const absl::string_view bytes = cursor.substr(0, kPositionBytes);
  if (cursor.size() != kPositionBytes + kCheckBytes ||
      Check(store, question, bytes) != cursor.substr(kPositionBytes)) {
    return absl::InvalidArgumentError("the cursor belongs to another list; begin without one");
  }
  uint64_t position = 0;
  for (const char c : bytes) position = position << 8 | static_cast<uint8_t>(c);
  return position;
}

}  // namespace bitrepo::requests
