// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/rate_bucket.h"

#include <algorithm>

#include "base/check.h"

namespace bitrepo::transfer {
namespace {

constexpr uint64_t kBillion = 1'000'000'000;
constexpr absl::Duration kMeter = absl::Seconds(1);

absl::uint128 Nanoseconds(absl::Duration time) {
  // A bucket is full long before.
  constexpr absl::Duration kLong = absl::Hours(24 * 365);
  return absl::uint128(static_cast<uint64_t>(absl::ToInt64Nanoseconds(std::min(time, kLong))));
}

}  // namespace

uint64_t BytesIn(absl::Duration time, uint64_t rate) {
  return static_cast<uint64_t>(Nanoseconds(time) * rate / kBillion);
}

uint64_t RateSegmentBytes(uint64_t rate) {
  return std::clamp(BytesIn(kRateSegment, rate), kRateSegmentLeast, uint64_t{kSegmentBytesMax});
}

uint64_t RateBurstBytes(uint64_t rate) {
  return std::max(RateSegmentBytes(rate), BytesIn(kRateBurst, rate));
}

RateBucket::RateBucket(base::Rate rate, absl::Time now)
    : rate_(rate), now_(now), second_began_(now) {
  if (rate_) level_ = static_cast<int64_t>(RateBurstBytes(*rate_));
}

void RateBucket::Advance(absl::Time now) {
  if (now <= now_) return;
  const absl::Duration passed = now - now_;
  now_ = now;
  if (!rate_) return;
  const auto most = static_cast<int64_t>(RateBurstBytes(*rate_));
  const absl::uint128 gained = Nanoseconds(passed) * *rate_ + fraction_;
  const absl::uint128 whole = gained / kBillion;
  // A debt is at most a second's worth, and a second more makes any bucket full.
  if (whole >= static_cast<uint64_t>(most - std::min<int64_t>(level_, most))) {
    level_ = most;
    fraction_ = 0;
  } else {
    level_ += static_cast<int64_t>(static_cast<uint64_t>(whole));
    fraction_ = static_cast<uint64_t>(gained % kBillion);
  }
}

void RateBucket::SetRate(base::Rate rate) {
  if (rate == rate_) return;
  const bool had_none = !rate_.has_value();
  rate_ = rate;
  fraction_ = 0;
  if (!rate_) return;
  const auto most = static_cast<int64_t>(RateBurstBytes(*rate_));
  level_ = had_none ? most : std::min(level_, most);
}

uint64_t RateBucket::Room(uint64_t segment, uint64_t mine) const {
  if (!rate_) return UINT64_MAX;
  if (*rate_ == 0) return 0;
  const int64_t room = level_ - static_cast<int64_t>(under_way_);
  if (room > 0 && static_cast<uint64_t>(room) >= segment) return static_cast<uint64_t>(room);
  return full() && segment > RateBurstBytes(*rate_) && under_way_ == mine ? segment : 0;
}

absl::Time RateBucket::RoomAt(uint64_t segment) const {
  if (!rate_) return now_;
  const uint64_t burst = RateBurstBytes(*rate_);
  const bool fits = segment <= burst;
  const uint64_t target = fits ? segment + under_way_ : burst;
  // Where so much is under way only an arrival makes room.
  if (*rate_ == 0 || target > burst) return absl::InfiniteFuture();
  if (level_ >= static_cast<int64_t>(target)) {
    return fits || under_way_ == 0 ? now_ : absl::InfiniteFuture();
  }
  const auto missing = static_cast<uint64_t>(static_cast<int64_t>(target) - level_);
  const absl::uint128 wait = (absl::uint128(missing) * kBillion + *rate_ - 1) / *rate_;
  constexpr uint64_t kLong = 1ULL << 62;
  return now_ + absl::Nanoseconds(static_cast<int64_t>(
                    static_cast<uint64_t>(std::min(wait, absl::uint128(kLong)))));
}

void RateBucket::Arrive(uint64_t bytes) {
  BITREPO_CHECK(bytes <= under_way_, "nothing arrives that was not granted");
  under_way_ -= bytes;
  Count(bytes);
  if (!rate_) return;
  const uint64_t debt_max = std::max(RateBurstBytes(*rate_), BytesIn(kRateDebtMax, *rate_));
  level_ = std::max(level_ - static_cast<int64_t>(bytes), -static_cast<int64_t>(debt_max));
}

void RateBucket::Count(uint64_t bytes) {
  if (now_ - second_began_ >= kMeter) {
    last_second_ = now_ - second_began_ < 2 * kMeter ? this_second_ : 0;
    this_second_ = 0;
    second_began_ = now_;
  }
  this_second_ += bytes;
}

uint64_t RateBucket::BytesLately(absl::Time now) const {
  const absl::Duration since = now - second_began_;
  if (since < kMeter) return last_second_;
  return since < 2 * kMeter ? this_second_ : 0;
}

}  // namespace bitrepo::transfer
