// SPDX-License-Identifier: Apache-2.0
#include "base/rate_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1024 * 1024;

TEST(RateTable, OneRateHoldsAlways) {
  struct Row {
    const char* text;
    Rate rate;
  };
  for (const Row& row :
       {Row{"off", {}}, Row{"0", 0}, Row{"1", 1}, Row{"4096", 4096}, Row{"10K", 10 * 1024},
        Row{"10M", 10 * kMiB}, Row{"2G", 2048 * kMiB}, Row{"1048576G", kRateMax}}) {
    ASSERT_OK_AND_ASSIGN(const RateTable table, RateTable::Parse(row.text));
    EXPECT_EQ(table.At(0), row.rate) << row.text;
    EXPECT_EQ(table.At(kMinutesOfDay - 1), row.rate) << row.text;
    EXPECT_FALSE(table.changes());
  }
}

TEST(RateTable, AStepHoldsUntilTheNextAndOverMidnight) {
  ASSERT_OK_AND_ASSIGN(const RateTable table, RateTable::Parse("08:00,10M;19:00,off"));
  EXPECT_EQ(table.At(0), Rate()) << "since yesterday evening";
  EXPECT_EQ(table.At(8 * 60 - 1), Rate());
  EXPECT_EQ(table.At(8 * 60), Rate(10 * kMiB));
  EXPECT_EQ(table.At(19 * 60 - 1), Rate(10 * kMiB));
  EXPECT_EQ(table.At(19 * 60), Rate());
  EXPECT_TRUE(table.changes());
}

TEST(RateTable, IsWrittenAsItIsRead) {
  for (const char* text : {"off", "0", "1", "1000", "1K", "1536K", "10M", "3G",
                           "08:00,10M;19:00,off", "00:01,0", "00:00,1M;23:59,0"}) {
    ASSERT_OK_AND_ASSIGN(const RateTable table, RateTable::Parse(text));
    EXPECT_EQ(table.ToString(), text);
  }
}

TEST(RateTable, WhatIsNoRateSaysWhatIs) {
  for (const char* text : {"", "-1", "+1", " 1", "1 M", "M", "10MB", "10m", "1.5M", "fast", "OFF",
                           "08:00,", "08:00,x"}) {
    const auto table = RateTable::Parse(text);
    ASSERT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(table.status().message(), HasSubstr("write 10M")) << text;
  }
  for (const char* text : {",1", "8:00,1", "24:00,1", "08:60,1", "0800,1", "-1:00,1", "08:00,1M;",
                           "08:00,1M;9,2M", "08:00:00,1M"}) {
    const auto table = RateTable::Parse(text);
    ASSERT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(table.status().message(), HasSubstr("is no time of day")) << text;
  }
  EXPECT_THAT(RateTable::Parse("08:00,1M;08:00,2M").status().message(), HasSubstr("must rise"));
}

TEST(RateTable, HasLimits) {
  EXPECT_THAT(RateTable::Parse("1048577G").status().message(), HasSubstr("write off"));
  EXPECT_THAT(RateTable::Parse("18446744073709551615G").status().message(), HasSubstr("more than"));
  EXPECT_OK(RateTable::Of({{0, kRateMax}}));
  EXPECT_FALSE(RateTable::Of({{0, kRateMax + 1}}).ok());
  EXPECT_OK(RateTable::Of({{kMinutesOfDay - 1, 1}}));
  EXPECT_FALSE(RateTable::Of({{kMinutesOfDay, 1}}).ok());
  std::vector<RateTable::Step> steps;
  for (uint32_t i = 0; i < kRateStepsMax; ++i) steps.push_back({i, i});
  EXPECT_OK(RateTable::Of(steps));
  steps.push_back({kRateStepsMax, 1});
  EXPECT_FALSE(RateTable::Of(steps).ok());
}

}  // namespace
}  // namespace bitrepo::base
