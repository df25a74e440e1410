// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/rate_bucket.h"

#include <gtest/gtest.h>

namespace bitrepo::transfer {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
const absl::Time kStart = absl::FromUnixSeconds(1000);

// [D-50]
TEST(RateBucket, SegmentsAreFiftyMillisecondsAndTheBurstIsAHundred) {
  struct Row {
    uint64_t rate, segment, burst;
  };
  for (const Row& row : {Row{0, 4096, 4096}, Row{1, 4096, 4096}, Row{80'000, 4096, 8000},
                         Row{81'920, 4096, 8192}, Row{1'000'000, 50'000, 100'000},
                         Row{20 * kMiB, kMiB, 2 * kMiB}, Row{1000 * kMiB, kMiB, 100 * kMiB}}) {
    EXPECT_EQ(RateSegmentBytes(row.rate), row.segment) << row.rate;
    EXPECT_EQ(RateBurstBytes(row.rate), row.burst) << row.rate;
  }
}

TEST(RateBucket, WhatIsUnderWayIsNeverMoreThanThereIsToSpend) {
  RateBucket bucket(1'000'000, kStart);
  EXPECT_EQ(bucket.Room(50'000, 0), 100'000u);
  bucket.Grant(50'000);
  EXPECT_EQ(bucket.Room(50'000, 0), 50'000u);
  bucket.Grant(50'000);
  EXPECT_EQ(bucket.Room(1, 0), 0u);
  bucket.Arrive(50'000);
  EXPECT_EQ(bucket.Room(1, 0), 0u) << "what came was spent";
  EXPECT_EQ(bucket.RoomAt(50'000), kStart + absl::Milliseconds(50));
  bucket.Advance(kStart + absl::Milliseconds(50));
  EXPECT_EQ(bucket.Room(50'000, 0), 50'000u);
}

TEST(RateBucket, WhileNothingArrivesOnlyThatMakesRoom) {
  RateBucket bucket(1'000'000, kStart);
  bucket.Grant(100'000);
  bucket.Advance(kStart + absl::Hours(1));
  EXPECT_EQ(bucket.Room(1, 0), 0u);
  EXPECT_EQ(bucket.RoomAt(1), absl::InfiniteFuture());
}

TEST(RateBucket, SlowRatesLoseNoFractions) {
  RateBucket bucket(3, kStart);
  bucket.Grant(4096);
  bucket.Arrive(4096);
  absl::Time now = kStart;
  for (int i = 0; i < 10'000; ++i) bucket.Advance(now += absl::Milliseconds(1));
  EXPECT_EQ(bucket.level(), 30);
}

TEST(RateBucket, NoRateLetsAllThrough) {
  RateBucket bucket(std::nullopt, kStart);
  bucket.Grant(1ULL << 40);
  EXPECT_EQ(bucket.Room(kMiB, 0), UINT64_MAX);
  EXPECT_EQ(bucket.RoomAt(kMiB), kStart);
}

TEST(RateBucket, ZeroLetsNothingThrough) {
  RateBucket bucket(0, kStart);
  EXPECT_EQ(bucket.Room(1, 0), 0u);
  EXPECT_EQ(bucket.RoomAt(1), absl::InfiniteFuture());
  bucket.SetRate(1000);
  EXPECT_EQ(bucket.Room(4096, 0), 4096u);
}

// [D-52]
TEST(RateBucket, WhatWasGrantedBeforeTheLimitIsADebtOfAtMostASecond) {
  RateBucket bucket(std::nullopt, kStart);
  bucket.Grant(16 * kMiB);
  bucket.SetRate(kMiB);
  EXPECT_EQ(bucket.Room(1, 0), 0u);
  bucket.Arrive(16 * kMiB);
  EXPECT_EQ(bucket.level(), -static_cast<int64_t>(kMiB));
  EXPECT_EQ(bucket.RoomAt(kRateSegmentLeast),
            kStart + absl::Seconds(1) + absl::Nanoseconds(3'906'250));
}

TEST(RateBucket, ALowerRateKeepsNoMoreThanItsOwnBurst) {
  RateBucket bucket(10 * kMiB, kStart);
  bucket.SetRate(2 * kMiB);
  EXPECT_EQ(bucket.Room(1, 0), RateBurstBytes(2 * kMiB));
  bucket.SetRate(10 * kMiB);
  EXPECT_EQ(bucket.Room(1, 0), RateBurstBytes(2 * kMiB)) << "a higher one is earned";
}

TEST(RateBucket, ASegmentTooLargeForItPassesWhenItIsFull) {
  RateBucket bucket(1000, kStart);
  bucket.Grant(1);
  EXPECT_EQ(bucket.Room(kMiB, 0), 0u) << "another has something under way";
  EXPECT_EQ(bucket.Room(kMiB, 1), kMiB);
  bucket.Grant(kMiB);
  bucket.Arrive(kMiB + 1);
  EXPECT_EQ(bucket.Room(kMiB, 0), 0u);
  EXPECT_EQ(bucket.level(), -4096) << "of the second, or the burst";
  EXPECT_EQ(bucket.RoomAt(kMiB), kStart + absl::Microseconds(8'192'000));
}

TEST(RateBucket, TellsWhatCameInTheLastSecond) {
  RateBucket bucket(std::nullopt, kStart);
  bucket.Grant(300);
  bucket.Advance(kStart + absl::Milliseconds(500));
  bucket.Arrive(100);
  EXPECT_EQ(bucket.BytesLately(kStart + absl::Milliseconds(900)), 0u) << "the second is not over";
  bucket.Advance(kStart + absl::Milliseconds(1100));
  bucket.Arrive(200);
  EXPECT_EQ(bucket.BytesLately(kStart + absl::Milliseconds(1200)), 100u);
  EXPECT_EQ(bucket.BytesLately(kStart + absl::Milliseconds(2200)), 200u);
  EXPECT_EQ(bucket.BytesLately(kStart + absl::Milliseconds(3200)), 0u);
}

}  // namespace
}  // namespace bitrepo::transfer
