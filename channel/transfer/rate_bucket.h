// SPDX-License-Identifier: Apache-2.0
// One token bucket: how many bytes may come now under one rate.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/numeric/int128.h"
#include "absl/time/time.h"
#include "base/rate_table.h"
#include "channel/transfer/frame.h"

namespace bitrepo::transfer {

inline constexpr absl::Duration kRateBurst = absl::Milliseconds(100);
inline constexpr absl::Duration kRateSegment = absl::Milliseconds(50);
inline constexpr uint64_t kRateSegmentLeast = 4 * 1024;
// What was granted before there was the limit is charged, but no more of it than this.
inline constexpr absl::Duration kRateDebtMax = absl::Seconds(1);

uint64_t BytesIn(absl::Duration time, uint64_t rate);
// Credit under a rate is granted in pieces of this; senders cut their segments so.
uint64_t RateSegmentBytes(uint64_t rate);
// The most that comes at once: in any time T no more than rate * T and this.
uint64_t RateBurstBytes(uint64_t rate);

// Pure; loop-confined value. Bytes are spent when they arrive; what is granted and has not arrived
// is never more than there is to spend. So in any time T no more than rate * T + burst arrives:
// what may still come at its end is covered by what there is then, and that is what there was at
// its begin and has come in since, less what arrived.
class RateBucket {
 public:
  // Begins full, with what is under way already.
  RateBucket(base::Rate rate, absl::Time now);
  // Time goes on. Never backwards.
  void Advance(absl::Time now);
  // Requires: brought up to now. What has been saved stays, within the new burst.
  void SetRate(base::Rate rate);
  base::Rate rate() const { return rate_; }

  // Whole `segment`s at once: what may be granted beyond what is under way; less than a segment is
  // none. `mine` of what is under way is of who asks: a segment too large for the bucket passes
  // when that is full and nothing else is under way.
  uint64_t Room(uint64_t segment, uint64_t mine) const;
  // When Room will have a segment; infinite when it takes more than time.
  absl::Time RoomAt(uint64_t segment) const;

  void Grant(uint64_t bytes) { under_way_ += bytes; }
  void Arrive(uint64_t bytes);
  // It will not arrive, and was not spent.
  void Withdraw(uint64_t bytes) { under_way_ -= bytes; }
  uint64_t under_way() const { return under_way_; }
  int64_t level() const { return level_; }
  bool full() const { return !rate_ || level_ >= static_cast<int64_t>(RateBurstBytes(*rate_)); }

  // What arrived in the last whole second.
  uint64_t BytesLately(absl::Time now) const;

 private:
  void Count(uint64_t bytes);

  base::Rate rate_;
  int64_t level_ = 0;       // below zero: a debt
  uint64_t fraction_ = 0;   // of a byte, in billionths
  uint64_t under_way_ = 0;  // granted, not arrived
  absl::Time now_;
  absl::Time second_began_;
  uint64_t this_second_ = 0;
  uint64_t last_second_ = 0;
};

}  // namespace bitrepo::transfer
