// SPDX-License-Identifier: Apache-2.0
#include "client/item_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;
constexpr size_t kVarintBytesMax = 10;

}  // namespace

void AppendItem(const google::protobuf::MessageLite& item, std::string& out) {
  uint64_t length = item.ByteSizeLong();
  for (; length >= 0x80; length >>= 7) out.push_back(static_cast<char>(length | 0x80));
  out.push_back(static_cast<char>(length));
  item.AppendToString(&out);
}

absl::StatusOr<bool> ItemStream::Next(google::protobuf::MessageLite& item) {
  BITREPO_RETURN_IF_ERROR(Fill(kVarintBytesMax + kStreamItemBytesMax));
  absl::string_view rest = absl::string_view(buffer_).substr(taken_);
  if (rest.empty()) return false;
  uint64_t length = 0;
  size_t bytes = 0;
  for (unsigned shift = 0;; shift += 7, ++bytes) {
    if (bytes == rest.size() || bytes == kVarintBytesMax) {
      return absl::DataLossError(absl::StrCat("item ", items_ + 1, " has no whole length"));
    }
    length |= static_cast<uint64_t>(rest[bytes] & 0x7f) << shift;
    if ((rest[bytes] & 0x80) == 0) break;
  }
  rest.remove_prefix(bytes + 1);
  if (length > kStreamItemBytesMax || length > rest.size() ||
      !item.ParseFromArray(rest.data(), static_cast<int>(length))) {
    return absl::DataLossError(absl::StrCat("item ", items_ + 1, " is none"));
  }
  taken_ += bytes + 1 + length;
  ++items_;
  return true;
}

absl::Status ItemStream::Fill(size_t bytes) {
  const uint64_t size = bytes_->size_bytes();
  if (buffer_.size() - taken_ >= bytes || fetched_ == size) return absl::OkStatus();
  buffer_.erase(0, taken_);
  taken_ = 0;
  const size_t kept = buffer_.size();
  const auto more = static_cast<size_t>(std::min<uint64_t>(kChunkBytes, size - fetched_));
  buffer_.resize(kept + more);
  BITREPO_ASSIGN_OR_RETURN(
      const size_t got,
      bytes_->ReadAt(fetched_, std::as_writable_bytes(std::span(buffer_.data() + kept, more))));
  if (got != more) return absl::DataLossError("a temporary file became shorter");
  fetched_ += more;
  return absl::OkStatus();
}

}  // namespace bitrepo::client
