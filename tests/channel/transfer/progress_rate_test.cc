// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/progress_rate.h"

#include <gtest/gtest.h>

namespace bitrepo::transfer {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1000);

TEST(ProgressRate, IsThatOfTheLastSpans) {
  ProgressRate rate;
  EXPECT_EQ(rate.PerSecond(kStart), 0u);
  for (int second = 0; second <= 100; ++second) {
    rate.Note(kStart + absl::Seconds(second), 1000 + static_cast<uint64_t>(second) * 70);
  }
  EXPECT_NEAR(static_cast<double>(rate.PerSecond(kStart + absl::Seconds(100))), 70, 8);
  for (int second = 101; second <= 120; ++second) {
    rate.Note(kStart + absl::Seconds(second), 8000 + static_cast<uint64_t>(second - 100) * 7000);
  }
  EXPECT_NEAR(static_cast<double>(rate.PerSecond(kStart + absl::Seconds(120))), 7000, 800)
      << "what was before says nothing";
}

TEST(ProgressRate, WhatWasThereAtTheBeginningDoesNotCount) {
  ProgressRate rate;
  rate.Note(kStart, 1'000'000);
  rate.Note(kStart + absl::Seconds(2), 1'000'200);
  EXPECT_EQ(rate.PerSecond(kStart + absl::Seconds(2)), 100u);
}

TEST(ProgressRate, FallsToNothingWhenNothingMoves) {
  ProgressRate rate;
  rate.Note(kStart, 0);
  rate.Note(kStart + absl::Seconds(1), 1000);
  EXPECT_EQ(rate.PerSecond(kStart + absl::Seconds(1)), 1000u);
  EXPECT_LT(rate.PerSecond(kStart + absl::Seconds(9)), 1000u);
  EXPECT_EQ(rate.PerSecond(kStart + 2 * ProgressRate::kSpan), 0u);
  rate.Note(kStart + absl::Minutes(1), 1500);
  EXPECT_EQ(rate.PerSecond(kStart + absl::Minutes(1)), 500u) << "the pause is not measured";
}

}  // namespace
}  // namespace bitrepo::transfer
