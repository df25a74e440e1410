// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/page_cursor.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"

namespace bitrepo::requests {
namespace {

constexpr char kVersion = 2;  // 1 is that of lists of files
constexpr size_t kQuestionDigestBytes = 16;
constexpr size_t kCheckBytes = 8;
constexpr size_t kPrefixBytes = 1 + kQuestionDigestBytes;

std::string DigestOf(absl::string_view question) {
  return base::Hasher::Of(base::Algorithm::kSha256, question)
      .bytes()
      .substr(0, kQuestionDigestBytes);
}

std::string CheckOf(const base::StoreId& store, absl::string_view content) {
  return base::HmacSha256(store.ToBytes(), content).substr(0, kCheckBytes);
}

}  // namespace

std::string SealCursor(const base::StoreId& store, absl::string_view question,
                       absl::string_view position) {
  const std::string content = absl::StrCat(std::string(1, kVersion), DigestOf(question), position);
  return content + CheckOf(store, content);
}

absl::StatusOr<std::string> OpenCursor(const base::StoreId& store, absl::string_view question,
                                       absl::string_view cursor) {
  const absl::Status refused =
      absl::InvalidArgumentError("the cursor is not one of this list: begin again without it");
  if (cursor.size() < kPrefixBytes + kCheckBytes || cursor[0] != kVersion) return refused;
  const absl::string_view content = cursor.substr(0, cursor.size() - kCheckBytes);
  if (!base::ConstantTimeEquals(CheckOf(store, content), cursor.substr(content.size())) ||
      content.substr(1, kQuestionDigestBytes) != DigestOf(question)) {
    return refused;
  }
  return std::string(content.substr(kPrefixBytes));
}

std::string SealCursor(const base::StoreId& store, absl::string_view question, uint64_t position) {
  return SealCursor(store, question, absl::string_view(absl::StrCat(position)));
}

absl::StatusOr<uint64_t> OpenNumberCursor(const base::StoreId& store, absl::string_view question,
                                          absl::string_view cursor) {
  BITREPO_ASSIGN_OR_RETURN(const std::string text, OpenCursor(store, question, cursor));
  uint64_t position = 0;
  if (!absl::SimpleAtoi(text, &position)) {
    return absl::InvalidArgumentError("the cursor is not one of this list: begin again without it");
  }
  return position;
}

}  // namespace bitrepo::requests
