// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::transfer {
namespace {

base::ByteRange Piece(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}

}  // namespace

Sender::Sender(SenderSpec spec, SenderOutbox& outbox)
    : segment_bytes_(spec.segment_bytes),
      credit_(spec.credit),
      remaining_(spec.ranges.begin(), spec.ranges.end()) {
  BITREPO_CHECK(segment_bytes_ > 0, "segments have a size");
  Pump(outbox);
}

void Sender::OnCredit(uint64_t limit, SenderOutbox& outbox) {
  credit_.Raise(limit);
  Forget();
  Pump(outbox);
}

void Sender::OnMissing(const std::vector<base::ByteRange>& missing, SenderOutbox& outbox) {
  std::deque<base::ByteRange> rest;
  for (const base::ByteRange& mine : remaining_) {
    for (const base::ByteRange& theirs : missing) {
      for (const base::ByteRange& left : planned_.Missing(mine.Intersect(theirs)).ranges()) {
        rest.push_back(left);
      }
    }
  }
  remaining_ = std::move(rest);
  Pump(outbox);
}

void Sender::OnRead(uint64_t number, absl::StatusOr<base::Buffer> bytes, SenderOutbox& outbox) {
  auto found = segments_.find(number);
  if (failed_ || found == segments_.end() || !found->second.reading) {
    return;
  }
  Segment& segment = found->second;
  segment.reading = false;
  --reads_;
  if (bytes.ok() && bytes->size() != segment.range.length()) {
    bytes = absl::AbortedError(
        absl::StrCat("the source gave ", bytes->size(), " bytes of ", segment.range.ToString()));
  }
  if (!bytes.ok()) {
    outbox.emplace_back(RefuseSegment{number, segment.range, bytes.status()});
    Fail(bytes.status(), false, outbox);
    return;
  }
  if (number < next_sent_) {
    segment.bytes = *std::move(bytes);
    Send(number, segment, outbox);
  } else {
    segment.bytes = *std::move(bytes);
    SendInOrder(outbox);
  }
  Pump(outbox);
}

void Sender::OnNack(uint64_t number, SenderOutbox& outbox) {
  if (failed_) {
    return;
  }
  auto found = segments_.find(number);
  if (found == segments_.end() || number >= next_sent_ || found->second.reading ||
      std::find(again_.begin(), again_.end(), number) != again_.end()) {
    Fail(absl::InvalidArgumentError(
             absl::StrCat("segment ", number, " was refused, which is not under way")),
         true, outbox);
    return;
  }
  if (found->second.tries >= kSegmentTriesMax) {
    Fail(
        absl::DataLossError(absl::StrCat("segment ", number, " at ", found->second.range.ToString(),
                                         " arrived damaged ", kSegmentTriesMax, " times")),
        false, outbox);
    return;
  }
  again_.push_back(number);
  Pump(outbox);
}

void Sender::OnBlocked(bool blocked, SenderOutbox& outbox) {
  blocked_ = blocked;
  Pump(outbox);
}

void Sender::Pump(SenderOutbox& outbox) {
  while (!failed_ && !blocked_ && reads_ < kReadsUnderWayMax) {
    // What was refused goes first; while it waits for credit nothing else takes that away.
    if (again_.empty() ? !PlanNext(outbox) : !PlanAgain(outbox)) {
      break;
    }
  }
  if (!failed_ && !told_all_sent_ && remaining_.empty() && again_.empty() &&
      next_sent_ == next_planned_ && reads_ == 0) {
    told_all_sent_ = true;
    outbox.emplace_back(AllSent{});
  }
}

bool Sender::wants_credit() const {
  if (failed_ || reads_ > 0 || next_sent_ != next_planned_) {
    return false;
  }
  return again_.empty() ? !remaining_.empty() && credit_.left() == 0
                        : credit_.left() < segments_.at(again_.front()).range.length();
}

bool Sender::PlanAgain(SenderOutbox& outbox) {
  const uint64_t number = again_.front();
  Segment& segment = segments_.at(number);
  if (!credit_.Spend(segment.range.length())) {
    return false;
  }
  again_.pop_front();
  StartRead(number, segment, outbox);
  return true;
}

bool Sender::PlanNext(SenderOutbox& outbox) {
  if (remaining_.empty()) {
    return false;
  }
  base::ByteRange& range = remaining_.front();
  const uint64_t length = std::min({range.length(), uint64_t{segment_bytes_}, credit_.left()});
  if (range.empty()) {
    remaining_.pop_front();
    return true;
  }
  if (length == 0 || !credit_.Spend(length)) {
    return false;
  }
  const uint64_t number = next_planned_++;
  Segment& segment = segments_[number];
  segment.range = Piece(range.offset(), length);
  planned_.Add(segment.range);
  if (length == range.length()) {
    remaining_.pop_front();
  } else {
    range = Piece(range.offset() + length, range.length() - length);
  }
  StartRead(number, segment, outbox);
  return true;
}

void Sender::StartRead(uint64_t number, Segment& segment, SenderOutbox& outbox) {
  segment.credit_end = credit_.spent();
  segment.reading = true;
  ++segment.tries;
  ++reads_;
  outbox.emplace_back(ReadSegment{number, segment.range});
}

void Sender::SendInOrder(SenderOutbox& outbox) {
  for (auto next = segments_.find(next_sent_);
       next != segments_.end() && next->second.bytes.has_value();
       next = segments_.find(next_sent_)) {
    Send(next_sent_++, next->second, outbox);
  }
}

void Sender::Send(uint64_t number, Segment& segment, SenderOutbox& outbox) {
  outbox.emplace_back(SendSegment{number, segment.range, *std::move(segment.bytes)});
  segment.bytes.reset();
}

// A receiver grants at most a window beyond what has arrived, and refuses on arrival: what lies
// deeper below the limit than that has come well.
void Sender::Forget() {
  while (!segments_.empty()) {
    const auto& [number, segment] = *segments_.begin();
    if (number >= next_sent_ || segment.reading ||
        std::find(again_.begin(), again_.end(), number) != again_.end() ||
        credit_.limit() < kStreamWindowBytes ||
        segment.credit_end > credit_.limit() - kStreamWindowBytes) {
      return;
    }
    segments_.erase(segments_.begin());
  }
}

void Sender::Fail(absl::Status why, bool violation, SenderOutbox& outbox) {
  failed_ = true;
  remaining_.clear();
  again_.clear();
  segments_.clear();
  outbox.emplace_back(SenderFailed{std::move(why), violation});
}

}  // namespace bitrepo::transfer
