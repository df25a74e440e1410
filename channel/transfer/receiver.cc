// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/receiver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "channel/transfer/sender.h"

namespace bitrepo::transfer {
namespace {

// Requires: from + length does not overflow.
base::ByteRange From(uint64_t from, uint64_t length) {
  return base::ByteRange::Make(from, length).value();
}

}  // namespace

Receiver::Receiver(ReceiverSpec spec, CreditPool& pool)
    : spec_(std::move(spec)), window_(pool, spec_.window_bytes) {
  BITREPO_CHECK(spec_.wanted.size() <= kWantedRangesMax, "no more ranges are wanted than allowed");
  for (const base::ByteRange& range : spec_.wanted) {
    wanted_.Add(range);
  }
  Hold(spec_.held);
}

void Receiver::Hold(const base::RangeSet& held) {
  for (const base::ByteRange& wanted : wanted_.ranges()) {
    for (const base::ByteRange& range : held.ranges()) {
      const base::ByteRange part = wanted.Intersect(range);
      if (!part.empty() && have_.range_count() < kFragmentsMax) {
        have_.Add(part);
      }
    }
  }
  written_bytes_ = have_.bytes();
}

bool Receiver::OnOpened(uint64_t unasked, ReceiverOutbox& outbox, RateFlow* flow) {
  if (!window_.Begin(unasked, flow)) {
    return false;
  }
  open_ = true;
  held_before_ = have_;
  came_.clear();
  came_in_order_.clear();
  next_number_ = 0;
  refused_.clear();
  announced_.reset();
  if (!spec_.store) {
    GrantMore(false, outbox);
  }
  return true;
}

void Receiver::OnGranted(ReceiverOutbox& outbox) {
  if (written_bytes_ > 0) {
    told_stored_ = written_bytes_;
    outbox.emplace_back(TellStored{written_bytes_});
  }
  if (spec_.store) {
    GrantMore(false, outbox);
  } else {
    EndWhenComplete(outbox);
  }
}

void Receiver::OnClosed() {
  open_ = false;
  window_.End();
  failed_ = failed_ && !violated_;  // that was of this stream alone
  violated_ = false;
  if (commit_.has_value() && !done() && have_.bytes() != commit_->size_bytes) {
    commit_.reset();
  }
}

void Receiver::OnAck(uint64_t number, uint64_t offset, const AckPayload& ack,
                     ReceiverOutbox& outbox) {
  if (done()) {
    return;
  }
  absl::StatusOr<base::ByteRange> range = base::ByteRange::Make(offset, ack.length);
  if (spec_.store || announced_.has_value() || !range.ok()) {
    Fail(absl::InvalidArgumentError(
             absl::StrCat("segment ", number, " was acknowledged out of turn")),
         true, outbox);
    return;
  }
  if (ack.status == wire::OPERATION_COMPLETED) {
    announced_.emplace(number, *range);
  }
}

void Receiver::OnData(const FrameHeader& header, base::Buffer bytes, bool intact,
                      ReceiverOutbox& outbox) {
  const uint64_t number = header.number;
  if (failed_) {
    return;
  }
  if (spec_.digest_only) {
    Fail(absl::PermissionDeniedError("the token takes a digest, no bytes"), false, outbox);
    return;
  }
  absl::StatusOr<base::ByteRange> range = base::ByteRange::Make(header.offset, bytes.size());
  absl::Status fault = range.status();
  if (fault.ok()) {
    fault = JudgeSegment(number, *range);
  }
  const bool again = fault.ok() && Overlaps(*range);
  if (again && !intact) {
    fault = absl::DataLossError("a damaged segment is one of which bytes have come");
  }
  if (fault.ok()) {
    fault = window_.Arrive(bytes.size());
  }
  if (!fault.ok() && !intact) {
    outbox.emplace_back(StreamUnreadable{std::move(fault)});
    return;
  }
  if (!fault.ok()) {
    Fail(std::move(fault), true, outbox);
    return;
  }
  announced_.reset();
  if (number == next_number_) {
    ++next_number_;
  }
  if (again) {
    TakeAgain(*range, bytes, outbox);
  } else if (intact) {
    refused_.erase(number);
    KeepToCompare(header);
    TakeIntact(*range, std::move(bytes), outbox);
  } else {
    Refuse(number, *range, outbox);
  }
  GrantMore(false, outbox);
  EndWhenComplete(outbox);
}

absl::Status Receiver::JudgeSegment(uint64_t number, const base::ByteRange& range) const {
  const std::string name = absl::StrCat("segment ", number, " at ", range.ToString());
  if (complete_) {
    return absl::InvalidArgumentError(absl::StrCat(name, " came after the end"));
  }
  if (!spec_.store && announced_ != std::pair(number, range)) {
    return absl::InvalidArgumentError(absl::StrCat(name, " came without its acknowledgement"));
  }
  auto refused = refused_.find(number);
  if (number != next_number_ && (refused == refused_.end() || refused->second.range != range)) {
    return absl::InvalidArgumentError(absl::StrCat(name, " came where ", next_number_, " was due"));
  }
  if (!wanted_.Contains(range)) {
    return absl::OutOfRangeError(absl::StrCat(name, " is not of what may come"));
  }
  return absl::OkStatus();
}

// What was there when the stream began may come again: its sender need not have known.
bool Receiver::Overlaps(const base::ByteRange& range) const {
  return have_.Missing(range).bytes() != held_before_.Missing(range).bytes();
}

void Receiver::TakeAgain(const base::ByteRange& range, const base::Buffer& bytes,
                         ReceiverOutbox& outbox) {
  window_.Release(range.length());
  auto came = came_.find(range.offset());
  if (came == came_.end() || !IsPayloadOf(came->second, bytes.bytes())) {
    Fail(absl::FailedPreconditionError(absl::StrCat("other bytes came for ", range.ToString(),
                                                    ", of which some have come already")),
         false, outbox);
  }
}

void Receiver::KeepToCompare(const FrameHeader& header) {
  came_[header.offset] = header;
  came_in_order_.push_back(header.offset);
  if (came_in_order_.size() > kSegmentsComparedMax) {
    came_.erase(came_in_order_.front());
    came_in_order_.pop_front();
  }
}

void Receiver::TakeIntact(base::ByteRange range, base::Buffer bytes, ReceiverOutbox& outbox) {
  const base::RangeSet missing = have_.Missing(range);
  if (missing.empty()) {
    window_.Release(range.length());
    return;
  }
  have_.Add(range);
  const uint64_t segment = next_write_;
  segments_[segment] = Segment{range.length(), missing.range_count()};
  for (const base::ByteRange& part : missing.ranges()) {
    writes_[next_write_] = Part{segment, part.length()};
    outbox.emplace_back(WriteSegment{next_write_++, part,
                                     bytes.Part(part.offset() - range.offset(), part.length())});
  }
  if (have_.range_count() > kFragmentsMax) {
    Fail(absl::ResourceExhaustedError(
             absl::StrCat("what came lies in more than ", kFragmentsMax, " pieces")),
         true, outbox);
  }
}

void Receiver::Refuse(uint64_t number, base::ByteRange range, ReceiverOutbox& outbox) {
  window_.Release(range.length());
  Refused& refused = refused_[number];
  refused.range = range;
  if (++refused.times >= kSegmentTriesMax || refused_.size() > kRefusedMax) {
    Fail(absl::DataLossError(absl::StrCat("segment ", number, " at ", range.ToString(),
                                          " arrived damaged, too often for one stream")),
         false, outbox);
    return;
  }
  outbox.emplace_back(NackSegment{number, range});
}

void Receiver::OnWritten(uint64_t write, const absl::Status& how, ReceiverOutbox& outbox) {
  auto part = writes_.find(write);
  if (part == writes_.end()) {
    return;
  }
  auto segment = segments_.find(part->second.segment);
  const uint64_t length = part->second.length;
  writes_.erase(part);
  if (--segment->second.parts_left == 0) {
    window_.Release(segment->second.length);
    segments_.erase(segment);
  }
  if (failed_) {
    return;
  }
  if (!how.ok()) {
    Fail(how, false, outbox);
    return;
  }
  written_bytes_ += length;
  GrantMore(false, outbox);
  if (written_bytes_ - told_stored_ >= kStoredStepBytes || written_bytes_ == wanted_.bytes()) {
    told_stored_ = written_bytes_;
    outbox.emplace_back(TellStored{written_bytes_});
  }
  EndWhenComplete(outbox);
}

void Receiver::OnCommit(CommitRequest commit, ReceiverOutbox& outbox) {
  if (failed_) {
    return;
  }
  if (!spec_.store || commit_.has_value()) {
    Fail(absl::InvalidArgumentError("COMMIT came out of turn"), true, outbox);
    return;
  }
  const bool fits = spec_.size_known ? commit.size_bytes == wanted_.bytes()
                                     : commit.size_bytes <= wanted_.bytes();
  if (!fits) {
    Fail(absl::OutOfRangeError(absl::StrCat("COMMIT of ", commit.size_bytes,
                                            " bytes where the token grants ",
                                            spec_.size_known ? "" : "at most ", wanted_.bytes())),
         false, outbox);
    return;
  }
  commit_ = std::move(commit);
  EndWhenComplete(outbox);
}

void Receiver::OnPoolFreed(ReceiverOutbox& outbox) { GrantMore(true, outbox); }

void Receiver::OnRateTurn(ReceiverOutbox& outbox) { GrantMore(false, outbox); }

std::vector<base::ByteRange> Receiver::Missing() const {
  std::vector<base::ByteRange> missing;
  if (spec_.digest_only) {
    return missing;
  }
  for (const base::ByteRange& range : spec_.wanted) {
    for (const base::ByteRange& part : have_.Missing(range).ranges()) {
      missing.push_back(part);
    }
  }
  return missing;
}

uint64_t Receiver::to_come() const {
  if (spec_.digest_only) {
    return 0;
  }
  const uint64_t all = commit_.has_value() ? commit_->size_bytes : wanted_.bytes();
  return all - std::min(all, have_.bytes());
}

void Receiver::GrantMore(bool turn, ReceiverOutbox& outbox) {
  if (!open_ || done()) {
    return;
  }
  uint64_t again = 0;
  for (const auto& [number, refused] : refused_) {
    again = std::max(again, refused.range.length());
  }
  std::optional<uint64_t> limit = window_.Grow(to_come(), turn, again);
  if (!limit.has_value()) {
    return;
  }
  if (window_.limited()) {
    // It waits for the next one from now on, not only when this one has come.
    limit = window_.Grow(to_come(), turn, again).value_or(*limit);
  }
  outbox.emplace_back(RaiseCredit{*limit});
}

void Receiver::EndWhenComplete(ReceiverOutbox& outbox) {
  if (done()) {
    return;
  }
  uint64_t size = wanted_.bytes();
  if (spec_.store) {
    if (!commit_.has_value()) {
      return;
    }
    size = commit_->size_bytes;
    if (spec_.digest_only) {
      Complete(size, outbox);
      return;
    }
    const uint64_t from = spec_.wanted.empty() ? 0 : spec_.wanted.front().offset();
    if (have_.bytes() > size || (have_.bytes() == size && !have_.Contains(From(from, size)))) {
      Fail(absl::OutOfRangeError(
               absl::StrCat("COMMIT of ", size, " bytes where ", have_.ToString(), " has come")),
           false, outbox);
      return;
    }
    if (have_.bytes() < size && refused_.empty()) {
      Fail(absl::OutOfRangeError(
               absl::StrCat("COMMIT came ", size - have_.bytes(), " bytes too early")),
           false, outbox);
      return;
    }
  }
  if (have_.bytes() == size && writes_.empty()) {
    Complete(size, outbox);
  }
}

void Receiver::Complete(uint64_t size, ReceiverOutbox& outbox) {
  complete_ = true;
  window_.Complete();
  CommitSegments all;
  all.size_bytes = size;
  if (commit_.has_value()) {
    all.sha256 = commit_->sha256;
  }
  outbox.emplace_back(std::move(all));
}

void Receiver::Fail(absl::Status why, bool violation, ReceiverOutbox& outbox) {
  if (failed_) {
    return;
  }
  failed_ = true;
  violated_ = violation;
  outbox.emplace_back(ReceiverFailed{std::move(why), violation});
}

}  // namespace bitrepo::transfer
