// SPDX-License-Identifier: Apache-2.0
#include "client/id_list.h"

#include <utility>

#include "base/status.h"
#include "bus/protocol/item_stream.h"
#include "bus/protocol/limits.h"
#include "client/wire_words.h"

namespace bitrepo::client {
namespace {

constexpr size_t kWriteBytes = 256 * 1024;

}  // namespace

absl::Status IdList::Add(const base::FileId& file_id) {
  ++count_;
  named_bytes_ += file_id.text().size();
  if (file_ == nullptr && count_ <= protocol::kFileListMax && named_bytes_ <= kNamedBytesMax) {
    named_.push_back(file_id.text());
    return absl::OkStatus();
  }
  if (file_ == nullptr) {
    BITREPO_ASSIGN_OR_RETURN(file_, NamelessFile::Create(directory_));
    for (const std::string& named : named_) BITREPO_RETURN_IF_ERROR(Spill(named));
    named_.clear();
    named_.shrink_to_fit();
  }
  return Spill(file_id.text());
}

absl::Status IdList::Spill(absl::string_view file_id) {
  wire::ParameterItem item;
  item.set_file_id(std::string(file_id));
  protocol::AppendItem(item, unwritten_);
  return unwritten_.size() < kWriteBytes ? absl::OkStatus() : Write();
}

absl::Status IdList::Write() {
  sha256_.Update(unwritten_);
  BITREPO_RETURN_IF_ERROR(file_->Append(unwritten_));
  unwritten_.clear();
  return absl::OkStatus();
}

absl::Status IdList::Finish() {
  if (file_ == nullptr) return absl::OkStatus();
  BITREPO_RETURN_IF_ERROR(Write());
  parameters_.set_items(count_);
  parameters_.set_size_bytes(file_->size_bytes());
  *parameters_.mutable_digest() = ToWire(sha256_.Finish());
  return absl::OkStatus();
}

wire::FileSelection IdList::Selection() const {
  wire::FileSelection files;
  if (file_ != nullptr) {
    *files.mutable_parameters() = parameters_;
  } else {
    for (const std::string& file_id : named_) files.mutable_list()->add_file_ids(file_id);
  }
  return files;
}

}  // namespace bitrepo::client
