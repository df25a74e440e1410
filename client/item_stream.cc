// SPDX-License-Identifier: Apache-2.0
#include "client/item_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "bus/protocol/item_stream.h"

namespace bitrepo::client {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;

}  // namespace

absl::StatusOr<bool> ItemStream::Next(google::protobuf::MessageLite& item) {
  BITREPO_RETURN_IF_ERROR(Fill(protocol::kStreamReachBytes));
  absl::string_view rest = absl::string_view(buffer_).substr(taken_);
  if (rest.empty()) return false;
  const absl::StatusOr<absl::string_view> bytes = protocol::TakeItem(rest);
  if (!bytes.ok() || !item.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) {
    return absl::DataLossError(absl::StrCat("item ", items_ + 1, " is none"));
  }
  taken_ = buffer_.size() - rest.size();
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
