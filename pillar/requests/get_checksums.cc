// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_checksums.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/field_rules.h"
#include "pillar/requests/listing.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr uint32_t kRecordedItemsMax = 5000;
constexpr uint32_t kReadItemsMax = 100;       // of a page whose files must be read
constexpr uint64_t kReadBytes = 1024 * 1024;  // of one read of the store
constexpr size_t kTroubleTextBytesMax = 200;
// Field tags, lengths and numbers of one item, a digest of it, and its trouble: upper bounds.
constexpr size_t kItemBytesBesideId = 48;
constexpr size_t kDigestBytes = 64 + 8;
constexpr size_t kTroubleBytes = kTroubleTextBytesMax + 16;

// The one file, or a page of them.
absl::StatusOr<store::RecordPage> Look(store::FileStore& store, const store::ListQuery& query,
                                       const wire::PageSpec& page, uint32_t items_max,
                                       size_t digests) {
  if (query.only) {
    BITREPO_ASSIGN_OR_RETURN(store::FileRecord record, store.Find(query.collection, *query.only));
    return store::RecordPage{{std::move(record)}, ""};
  }
  const size_t beside_id = kItemBytesBesideId + std::max(digests * kDigestBytes, kTroubleBytes);
  return ReadPage(store, query, page, items_max, [beside_id](const store::FileRecord& record) {
    return record.file_id.text().size() + beside_id;
  });
}

absl::Status TroubleOf(const store::FileRecord& record) {
  return absl::DataLossError(absl::StrCat("the file is ", record.trouble));
}

std::optional<uint64_t> LengthOf(const wire::GetChecksumsRequest& asked) {
  return asked.has_length() ? std::optional<uint64_t>(asked.length()) : std::nullopt;
}

}  // namespace

void GetChecksums::Start() {
  const wire::GetChecksumsRequest& asked = request().body.get_checksums_request();
  for (int i = 0; i < asked.checksums().algorithms_size(); ++i) {
    algorithms_.push_back(asked.checksums().algorithms(i));
  }
  if (algorithms_.empty()) algorithms_.push_back(wire::SHA256);
  absl::StatusOr<store::ListQuery> query =
      QueryFor(request().header, asked.files(), asked.checksums().SerializeAsString());
  const absl::Status digester = FileDigester::Make(algorithms_, asked.checksums().salt()).status();
  if (!query.ok() || !digester.ok()) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
        query.ok() ? digester.message() : query.status().message());
    return;
  }
  query_ = *std::move(query);
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, query = *query_, page = request().body.page(),
       items_max = RecordedSuffices() ? kRecordedItemsMax : kReadItemsMax,
       digests = algorithms_.size()] { return Look(*store, query, page, items_max, digests); },
      &GetChecksums::OnPage);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read");
}

bool GetChecksums::RecordedSuffices() const {
  const wire::GetChecksumsRequest& asked = request().body.get_checksums_request();
  return !asked.checksums().fresh() && !asked.has_offset() && !asked.has_length() &&
         algorithms_.size() == 1 && algorithms_.front() == wire::SHA256;
}

void GetChecksums::OnPage(absl::StatusOr<store::RecordPage> page) {
  if (done_) return;
  if (!page.ok()) {
    End(CodeOfStore(page.status()), page.status().message());
    return;
  }
  page_ = *std::move(page);
  if (RecordedSuffices()) {
    for (const store::FileRecord& record : page_.records) {
      if (record.trouble.empty()) {
        AddItem(record, {ToWire(record.sha256)}, record.verified_at);
      } else {
        AddTrouble(record, TroubleOf(record));
      }
    }
    next_ = page_.records.size();
    EndWhenDone();
    return;
  }
  const wire::GetChecksumsRequest& asked = request().body.get_checksums_request();
  for (const store::FileRecord& record : page_.records) {
    const auto range = base::ByteRange::Within(record.size_bytes, asked.offset(), LengthOf(asked));
    if (!range.ok()) {
      End(wire::RANGE_ERROR, range.status().message());
      return;
    }
    bytes_total_ += range->length();
    range_ = *range;  // of a list they are all whole, and set again as each is read
  }
  ReadNext();
}

void GetChecksums::ReadNext() {
  for (; next_ < page_.records.size() && !page_.records[next_].trouble.empty(); ++next_) {
    AddTrouble(page_.records[next_], TroubleOf(page_.records[next_]));
  }
  if (next_ == page_.records.size()) {
    EndWhenDone();
    return;
  }
  const store::FileRecord& record = page_.records[next_];
  const wire::GetChecksumsRequest& asked = request().body.get_checksums_request();
  if (!query_->only) range_ = base::ByteRange::Whole(record.size_bytes);
  Reading reading;
  reading.digester =
      std::make_shared<FileDigester>(*FileDigester::Make(algorithms_, asked.checksums().salt()));
  reading.left = range_;
  unread_bytes_ = range_.length();
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, clock = &parts_.loop.clock(), gauge = parts_.gauge,
       collection = query_->collection, record, reading = std::move(reading)]() mutable {
        Reading opened = Open(*store, collection, record, std::move(reading));
        return opened.status.ok() ? ReadSlice(std::move(opened), *clock, *gauge) : opened;
      },
      &GetChecksums::OnSlice);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read");
}

GetChecksums::Reading GetChecksums::Open(store::FileStore& store,
                                         const base::CollectionId& collection,
                                         const store::FileRecord& record, Reading reading) {
  auto file = store.Open(collection, record.file_id, record.generation);
  reading.status = file.status();
  if (file.ok()) reading.file = *std::move(file);
  return reading;
}

GetChecksums::Reading GetChecksums::ReadSlice(Reading reading, const base::Clock& clock,
                                              Gauge& gauge) {
  uint64_t slice = std::min(kSliceBytes, reading.left.length());
  while (slice > 0) {
    const uint64_t length = std::min(kReadBytes, slice);
    const base::ByteRange range = *base::ByteRange::Make(reading.left.offset(), length);
    const absl::Time began = clock.Now();
    absl::StatusOr<base::Buffer> bytes = reading.file->Read(range);
    if (!bytes.ok()) {
      reading.status = bytes.status();
      return reading;
    }
    gauge.AddRead(length, clock.Now() - began);
    reading.digester->Update(bytes->bytes());
    reading.left = *base::ByteRange::Make(range.end(), reading.left.length() - length);
    slice -= length;
  }
  return reading;
}

void GetChecksums::Continue(Reading reading) {
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [clock = &parts_.loop.clock(), gauge = parts_.gauge, reading = std::move(reading)]() mutable {
        return ReadSlice(std::move(reading), *clock, *gauge);
      },
      &GetChecksums::OnSlice);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read");
}

void GetChecksums::OnSlice(Reading reading) {
  if (done_) return;
  const store::FileRecord& record = page_.records[next_];
  if (reading.status.ok()) {
    bytes_done_ += unread_bytes_ - reading.left.length();
    unread_bytes_ = reading.left.length();
    if (unread_bytes_ > 0) {
      Continue(std::move(reading));
      return;
    }
    AddComputed(record, reading.digester->Finish());
  } else {
    AddTrouble(record, reading.status);
  }
  ++next_;
  ReadNext();
}

void GetChecksums::AddComputed(const store::FileRecord& record, std::vector<wire::Digest> digests) {
  for (const wire::Digest& digest : digests) {
    if (digest.algorithm() == wire::SHA256 && range_.length() == record.size_bytes &&
        digest.value() != record.sha256.bytes()) {
      AddTrouble(record, absl::DataLossError("the bytes do not have the recorded digest"));
      return;
    }
  }
  AddItem(record, std::move(digests), parts_.loop.clock().WallNow());
}

void GetChecksums::AddItem(const store::FileRecord& record, std::vector<wire::Digest> digests,
                           absl::Time calculated_at) {
  wire::ChecksumItem* item = found_.add_items();
  item->set_file_id(record.file_id.text());
  item->set_size_bytes(record.size_bytes);
  item->set_calculated_at_us(std::max<int64_t>(0, absl::ToUnixMicros(calculated_at)));
  for (wire::Digest& digest : digests) *item->add_digests() = std::move(digest);
}

void GetChecksums::AddTrouble(const store::FileRecord& record, const absl::Status& why) {
  const wire::ResponseCode code = CodeOfStore(why);
  if (code == wire::DATA_LOSS) {
    parts_.host.RaiseAlarm("data-loss", why.message(), record.file_id.text());
  }
  wire::ChecksumItem* item = found_.add_items();
  item->set_file_id(record.file_id.text());
  item->set_size_bytes(record.size_bytes);
  item->set_calculated_at_us(
      std::max<int64_t>(0, absl::ToUnixMicros(parts_.loop.clock().WallNow())));
  *item->mutable_trouble() = MakeResponse(code, why.message());
  const std::string& text = item->trouble().text();
  if (text.size() > kTroubleTextBytesMax) {
    item->mutable_trouble()->set_text(
        protocol::FittingText(text.substr(0, kTroubleTextBytesMax - 4), kTroubleTextBytesMax));
  }
}

void GetChecksums::EndWhenDone() {
  found_.mutable_page()->set_next_cursor(page_.next_cursor);
  if (query_->only && found_.items_size() == 1 && found_.items(0).has_trouble()) {
    End(found_.items(0).trouble().code(), found_.items(0).trouble().text());
  } else {
    End(wire::OPERATION_COMPLETED, "");
  }
}

void GetChecksums::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (done_) return;
  found_.Clear();
  End(code, reason);
}

void GetChecksums::OnTime(absl::Time /*now*/) {
  if (done_ || bytes_total_ == 0) return;
  wire::Progress progress;
  progress.set_phase(wire::READING);
  progress.set_bytes_done(bytes_done_);
  progress.set_bytes_total(bytes_total_);
  context_.Progress(progress);
}

void GetChecksums::End(wire::ResponseCode code, absl::string_view text) {
  done_ = true;
  wire::Body final = FinalBody(wire::GET_CHECKSUMS, code, text);
  *final.mutable_get_checksums_final() = std::move(found_);
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests
