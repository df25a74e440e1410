// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_work.h"

#include <algorithm>
#include <limits>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/item_stream.h"
#include "bus/protocol/primitive.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr uint64_t kReadBytes = 1024 * 1024;  // of one read of the store
constexpr size_t kFlushBytes = 256 * 1024;    // of items, written at once
constexpr size_t kLossesOfASliceMax = 100;    // told to the operators

}  // namespace

ListWork::ListWork(store::FileStore& store, const base::Clock& clock, std::shared_ptr<Gauge> gauge,
                   std::shared_ptr<const ListOrder> order, std::unique_ptr<ListSource> source)
    : store_(store),
      clock_(clock),
      gauge_(std::move(gauge)),
      order_(std::move(order)),
      source_(std::move(source)),
      final_(FinalBody(order_->operation, wire::OPERATION_COMPLETED, "")) {}

ListWork::Slice ListWork::Run() {
  Slice slice;
  slice.status = Advance(slice);
  slice.bytes_total = next_cursor_.empty() || !order_->page.by_token() ? bytes_known_ : 0;
  return slice;
}

absl::Status ListWork::Advance(Slice& slice) {
  if (order_->page.by_token() && staged_.file == nullptr) {
    BITREPO_ASSIGN_OR_RETURN(staged_.file, store_.StageScratch(order_->collection, std::nullopt));
  }
  for (uint32_t answered = 0; answered < kSliceEntries;) {
    if (next_ == entries_.size() &&
        (turned_ || (order_->page.by_token() && !next_cursor_.empty()))) {
      BITREPO_RETURN_IF_ERROR(LoadPage());
      continue;
    }
    if (next_ == entries_.size() || verdict_) {
      slice.done = true;
      found_.clear();
      entries_ = {};  // here: memory goes back cheapest on the worker that took it
      next_ = 0;
      return order_->page.by_token() ? Seal() : absl::OkStatus();
    }
    const ListEntry& entry = entries_[next_];
    if (!IsRead(entry)) {
      BITREPO_RETURN_IF_ERROR(Answer(entry, slice));
    } else if (found_[next_]) {
      BITREPO_RETURN_IF_ERROR(AddRead(*std::move(found_[next_]), slice));
    } else {
      slice.readers = Readers();
      return absl::OkStatus();
    }
    ++next_;
    ++answered;
  }
  return absl::OkStatus();
}

protocol::PageLimits ListWork::Limits() const {
  if (order_->page.by_token()) {
    return {store::kFindManyMax, std::numeric_limits<size_t>::max()};
  }
  uint32_t items = order_->reads() ? kReadItemsMax : kRecordedItemsMax;
  if (order_->block_bytes > 0) {
    items = static_cast<uint32_t>(
        std::clamp<uint64_t>(kReadBlocksBytesMax / order_->block_bytes, 1, kRecordedItemsMax));
  }
  return protocol::EffectiveLimits(order_->page, {items, protocol::kPageBytesMax});
}

absl::Status ListWork::LoadPage() {
  BITREPO_RETURN_IF_ERROR(protocol::CheckCursor(order_->page.cursor()));
  BITREPO_ASSIGN_OR_RETURN(EntryPage page,
                           source_->Page(begun_ ? next_cursor_ : order_->page.cursor(), Limits()));
  begun_ = true;
  turned_ = false;
  entries_ = std::move(page.entries);
  next_ = 0;
  next_cursor_ = std::move(page.next_cursor);
  if (!order_->reads()) return absl::OkStatus();
  found_ = std::vector<std::optional<Finding>>(entries_.size());
  {
    base::MutexLock lock(mutex_);
    unread_ = 0;
  }
  for (const ListEntry& entry : entries_) bytes_known_ += entry.range.length();
  return absl::OkStatus();
}

// From the record.
absl::Status ListWork::Answer(const ListEntry& entry, Slice& slice) {
  Finding finding{entry, {}, clock_.WallNow(), absl::OkStatus()};
  if (!entry.record.ok()) {
    finding.trouble = entry.record.status();
  } else if (!entry.record->trouble.empty()) {
    finding.trouble = absl::DataLossError(absl::StrCat("the file is ", entry.record->trouble));
  } else {
    finding.calculated_at = entry.record->verified_at;
    if (!order_->algorithms.empty()) finding.digests.push_back(ToWire(entry.record->sha256));
  }
  return Add(std::move(finding), slice);
}

bool ListWork::IsRead(const ListEntry& entry) const {
  return order_->reads() && entry.record.ok() && entry.record->trouble.empty();
}

size_t ListWork::Readers() {
  const auto idle =
      std::stable_partition(readers_.begin(), readers_.end(),
                            [](const Reader& reader) { return reader.digester.has_value(); });
  const auto busy = static_cast<size_t>(idle - readers_.begin());
  base::MutexLock lock(mutex_);
  return std::min(kReadsAtOnce, busy + entries_.size() - unread_);
}

std::optional<size_t> ListWork::TakeUnread() {
  base::MutexLock lock(mutex_);
  while (unread_ < entries_.size()) {
    const size_t entry = unread_++;
    if (IsRead(entries_[entry])) return entry;
  }
  return std::nullopt;
}

uint64_t ListWork::Read(size_t reader) {
  Reader& self = readers_[reader];
  uint64_t budget_bytes = kSliceBytes;
  for (uint32_t read = 0; read < kSliceEntries && budget_bytes > 0; ++read) {
    if (!self.digester) {
      const std::optional<size_t> entry = TakeUnread();
      if (!entry) break;
      self.entry = *entry;
    }
    const absl::StatusOr<bool> ended = ReadOn(self, budget_bytes);
    if (ended.ok() && !*ended) break;
    found_[self.entry].emplace(Found(self, ended.status()));
  }
  return kSliceBytes - budget_bytes;
}

absl::Status ListWork::Open(Reader& reader) {
  const ListEntry& entry = entries_[reader.entry];
  reader.left = entry.range;
  if (reader.file == nullptr || reader.file->record().generation != entry.record->generation ||
      reader.file->record().file_id != entry.file_id) {
    reader.file.reset();
    BITREPO_ASSIGN_OR_RETURN(
        reader.file, store_.Open(order_->collection, entry.file_id, entry.record->generation));
  }
  BITREPO_ASSIGN_OR_RETURN(reader.digester, FileDigester::Make(order_->algorithms, order_->salt));
  return absl::OkStatus();
}

absl::StatusOr<bool> ListWork::ReadOn(Reader& reader, uint64_t& budget_bytes) {
  if (!reader.digester) BITREPO_RETURN_IF_ERROR(Open(reader));
  while (!reader.left.empty()) {
    if (budget_bytes == 0) return false;
    const uint64_t length = std::min({kReadBytes, reader.left.length(), budget_bytes});
    BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                             base::ByteRange::Make(reader.left.offset(), length));
    const absl::Time began = clock_.Now();
    // What is to be fresh comes from the medium.
    const absl::StatusOr<base::Buffer> bytes =
        order_->fresh ? reader.file->ReadFresh(range) : reader.file->Read(range);
    BITREPO_RETURN_IF_ERROR(bytes.status());
    gauge_->AddRead(length, clock_.Now() - began);
    reader.digester->Update(bytes->bytes());
    BITREPO_ASSIGN_OR_RETURN(reader.left,
                             base::ByteRange::Make(range.end(), reader.left.length() - length));
    budget_bytes -= length;
  }
  return true;
}

// Not without looking at the record: a whole SHA-256 must be the recorded one.
Finding ListWork::Found(Reader& reader, const absl::Status& how) {
  const ListEntry& entry = entries_[reader.entry];
  Finding finding{entry, {}, clock_.WallNow(), how};
  if (how.ok()) finding.digests = reader.digester->Finish();
  reader.digester.reset();
  for (const wire::Digest& digest : finding.digests) {
    if (digest.algorithm() == wire::SHA256 && entry.range.length() == entry.record->size_bytes &&
        digest.value() != entry.record->sha256.bytes()) {
      finding.trouble = absl::DataLossError("the bytes do not have the recorded digest");
    }
  }
  if (!finding.trouble.ok()) finding.digests.clear();
  return finding;
}

absl::Status ListWork::AddRead(Finding finding, Slice& slice) {
  if (!finding.trouble.ok() && order_->files.has_file_id()) verdict_ = TroubleOf(finding.trouble);
  return Add(std::move(finding), slice);
}

absl::Status ListWork::Add(Finding finding, Slice& slice) {
  if (absl::IsDataLoss(finding.trouble) && !order_->algorithms.empty() &&
      slice.losses.size() < kLossesOfASliceMax) {
    slice.losses.emplace_back(finding.entry.file_id.text(), finding.trouble.message());
  }
  const google::protobuf::MessageLite& item = order_->add_item(std::move(finding), final_);
  if (!order_->page.by_token()) return absl::OkStatus();
  protocol::AppendItem(item, unwritten_);
  return unwritten_.size() < kFlushBytes ? absl::OkStatus() : Flush();
}

absl::Status ListWork::Flush() {
  BITREPO_RETURN_IF_ERROR(staged_.file->Write(
      written_bytes_, std::as_bytes(std::span(unwritten_.data(), unwritten_.size()))));
  written_bytes_ += unwritten_.size();
  unwritten_.clear();
  protocol::SetEmptyContent(final_, protocol::ContentOf(wire::FINAL, order_->operation));
  return absl::OkStatus();
}

absl::Status ListWork::Seal() {
  BITREPO_RETURN_IF_ERROR(Flush());
  BITREPO_ASSIGN_OR_RETURN(staged_.facts, staged_.file->Seal(written_bytes_));
  return absl::OkStatus();
}

void ListWork::TurnPage() {
  turned_ = true;
  final_ = FinalBody(order_->operation, wire::OPERATION_COMPLETED, "");
}

wire::Body ListWork::TakeFinal() {
  if (!order_->page.by_token()) {
    switch (order_->operation) {
      case wire::GET_CHECKSUMS:
        final_.mutable_get_checksums_final()->mutable_page()->set_next_cursor(next_cursor_);
        break;
      case wire::GET_FILE_INFOS:
        final_.mutable_get_file_infos_final()->mutable_page()->set_next_cursor(next_cursor_);
        break;
      default:
        final_.mutable_get_file_ids_final()->mutable_page()->set_next_cursor(next_cursor_);
        break;
    }
  }
  if (verdict_) *final_.mutable_response() = *verdict_;
  return std::move(final_);
}

}  // namespace bitrepo::requests
