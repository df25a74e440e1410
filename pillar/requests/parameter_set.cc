// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/parameter_set.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/item_stream.h"

namespace bitrepo::requests {
namespace {

constexpr uint64_t kItemBytesMin = 4;  // a length, a tag, the length of the id, an id of one byte
constexpr size_t kReadBytes = 256 * 1024;

}  // namespace

absl::Status CheckAnnouncement(const wire::ParameterSet& set) {
  if (set.items() > kParameterItemsMax || set.size_bytes() > kParameterBytesMax) {
    return absl::UnimplementedError(absl::StrCat("a parameter set has at most ", kParameterItemsMax,
                                                 " ids in ", kParameterBytesMax,
                                                 " bytes; ask for fewer at a time"));
  }
  if (set.size_bytes() / kItemBytesMin < set.items()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a parameter set of ", set.items(), " ids has more than ", set.size_bytes(), " bytes"));
  }
  if (set.digest().algorithm() != wire::SHA256) {
    return absl::InvalidArgumentError("the digest of a parameter set is its sha256");
  }
  return absl::OkStatus();
}

ParameterSource::ParameterSource(store::FileStore& store, const ListOrder& order,
                                 std::unique_ptr<store::StagedFile> staged)
    : store_(store), order_(order), staged_(std::move(staged)) {}

absl::StatusOr<EntryPage> ParameterSource::Page(absl::string_view /*cursor*/,
                                                protocol::PageLimits limits) {
  const wire::ParameterSet& set = order_.files.parameters();
  const size_t items = std::min<size_t>(limits.items, store::kFindManyMax);
  std::vector<base::FileId> file_ids;
  while (file_ids.size() < items && items_ < set.items()) {
    BITREPO_ASSIGN_OR_RETURN(base::FileId file_id, NextItem());
    file_ids.push_back(std::move(file_id));
  }
  const bool complete = items_ == set.items();
  const uint64_t left = set.size_bytes() - fetched_ + (buffer_.size() - taken_);
  if (complete && left > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the parameter set has ", left, " bytes behind the ", set.items(), " ids it announced"));
  }
  EntryPage page;
  BITREPO_ASSIGN_OR_RETURN(page.entries, LookUp(store_, order_, file_ids));
  if (!complete) page.next_cursor = absl::StrCat(items_);
  return page;
}

absl::StatusOr<base::FileId> ParameterSource::NextItem() {
  BITREPO_RETURN_IF_ERROR(Fill(protocol::kStreamReachBytes));
  const auto wrong = [this](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("item ", items_ + 1, " of the parameters ", what));
  };
  absl::string_view rest = absl::string_view(buffer_).substr(taken_);
  if (rest.empty()) return wrong("is missing");
  const absl::StatusOr<absl::string_view> bytes = protocol::TakeItem(rest);
  if (!bytes.ok()) return wrong(absl::StrCat("is ", bytes.status().message()));
  if (bytes->size() > kParameterItemBytesMax) {
    return wrong(absl::StrCat("has ", bytes->size(), " bytes; at most ", kParameterItemBytesMax));
  }
  wire::ParameterItem item;
  if (!item.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) return wrong("is none");
  absl::StatusOr<base::FileId> file_id = base::FileId::Parse(item.file_id());
  if (!file_id.ok()) return wrong(absl::StrCat("has no file id: ", file_id.status().message()));
  taken_ = buffer_.size() - rest.size();
  ++items_;
  return file_id;
}

absl::Status ParameterSource::Fill(size_t bytes) {
  const uint64_t size = order_.files.parameters().size_bytes();
  if (buffer_.size() - taken_ >= bytes || fetched_ == size) return absl::OkStatus();
  buffer_.erase(0, taken_);
  taken_ = 0;
  const size_t kept = buffer_.size();
  const auto more = static_cast<size_t>(std::min<uint64_t>(kReadBytes, size - fetched_));
  buffer_.resize(kept + more);
  BITREPO_RETURN_IF_ERROR(
      staged_->ReadBack(fetched_, std::as_writable_bytes(std::span(buffer_.data() + kept, more))));
  fetched_ += more;
  return absl::OkStatus();
}

}  // namespace bitrepo::requests
