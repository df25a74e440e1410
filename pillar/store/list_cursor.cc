// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/list_cursor.h"

#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace bitrepo::store {
namespace {

constexpr char kVersion = 1;
constexpr size_t kQueryDigestBytes = 16;
constexpr size_t kNumberBytes = 8;
constexpr size_t kCheckBytes = 8;
constexpr size_t kAsOfAt = 1 + kQueryDigestBytes;
constexpr size_t kLastNumberAt = kAsOfAt + kNumberBytes;
constexpr size_t kPrefixBytes = kLastNumberAt + kNumberBytes;

std::string BigEndian(uint64_t value) {
  std::string bytes(kNumberBytes, '\0');
  for (size_t i = 0; i < kNumberBytes; ++i) {
    bytes[kNumberBytes - 1 - i] = static_cast<char>(value >> (8 * i));
  }
  return bytes;
}

uint64_t FromBigEndian(absl::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) {
    value = value << 8 | static_cast<unsigned char>(c);
  }
  return value;
}

// A window with an open end is no other than the widest one.
std::string TextOf(const Window& window) {
  return absl::StrCat(BigEndian(static_cast<uint64_t>(absl::ToUnixMicros(window.from))),
                      BigEndian(static_cast<uint64_t>(absl::ToUnixMicros(window.until))));
}

// Each part with its length before it, so that no two queries look alike.
std::string QueryDigest(const ListQuery& query) {
  const std::string only = query.only.has_value() ? query.only->text() : "";
  const std::string text =
      absl::StrCat(BigEndian(query.collection.text().size()), query.collection.text(),
                   BigEndian(query.prefix.size()), query.prefix, BigEndian(only.size()), only,
                   BigEndian(query.question.size()), query.question, TextOf(query.stored),
                   TextOf(query.verified), query.removed ? "removed" : "held");
  return base::Hasher::Of(base::Algorithm::kSha256, text).bytes().substr(0, kQueryDigestBytes);
}

std::string CheckOf(const base::StoreId& store, absl::string_view content) {
  return base::HmacSha256(store.ToBytes(), content).substr(0, kCheckBytes);
}

}  // namespace

std::string EncodeCursor(const base::StoreId& store, const ListQuery& query,
                         const ListCursor& cursor) {
  std::string content =
      absl::StrCat(std::string(1, kVersion), QueryDigest(query), BigEndian(cursor.as_of),
                   BigEndian(cursor.last_number), cursor.last_id);
  const std::string check = CheckOf(store, content);
  return content + check;
}

absl::StatusOr<ListCursor> DecodeCursor(const base::StoreId& store, const ListQuery& query,
                                        absl::string_view text) {
  const absl::Status refused =
      absl::InvalidArgumentError("the cursor is not one of this list: begin again without it");
  if (text.size() < kPrefixBytes + kCheckBytes || text[0] != kVersion) {
    return refused;
  }
  const absl::string_view content = text.substr(0, text.size() - kCheckBytes);
  if (!base::ConstantTimeEquals(CheckOf(store, content), text.substr(content.size())) ||
      content.substr(1, kQueryDigestBytes) != QueryDigest(query)) {
    return refused;
  }
  ListCursor cursor;
  cursor.as_of = FromBigEndian(content.substr(kAsOfAt, kNumberBytes));
  cursor.last_number = FromBigEndian(content.substr(kLastNumberAt, kNumberBytes));
  cursor.last_id = std::string(content.substr(kPrefixBytes));
  return cursor;
}

}  // namespace bitrepo::store
