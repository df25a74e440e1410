// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace bitrepo::runtime {
namespace {

using ::testing::HasSubstr;

TEST(Features, AreAllThereOrNoneOrThoseNamed) {
  struct Row {
    const char* text;
    bool unasked_credit, direct_writes, several_sources;
  };
  const Row table[] = {
      {"all", true, true, true},
      {"none", false, false, false},
      {"unasked-credit", true, false, false},
      {"several-sources, direct-writes", false, true, true},
      {"direct-writes,direct-writes", false, true, false},
  };
  for (const Row& row : table) {
    const auto features = ParseFeatures(row.text);
    ASSERT_OK(features) << row.text;
    EXPECT_EQ(features->unasked_credit, row.unasked_credit) << row.text;
    EXPECT_EQ(features->direct_writes, row.direct_writes) << row.text;
    EXPECT_EQ(features->several_sources, row.several_sources) << row.text;
  }
}

TEST(Features, AreThoseOfTheEnvironmentWhereItNamesAny) {
  Features settings;
  settings.direct_writes = false;
  EXPECT_FALSE(FeaturesOr(settings, std::nullopt)->direct_writes);
  EXPECT_TRUE(FeaturesOr(settings, "all")->direct_writes);
  EXPECT_THAT(std::string(FeaturesOr(settings, "").status().message()),
              HasSubstr(kFeaturesVariable));
}

TEST(Features, WhatIsNoneIsRefusedWithThoseThereAre) {
  for (const char* text : {"", "fast", "direct-writes,", "all,none", "NONE"}) {
    const auto features = ParseFeatures(text);
    EXPECT_THAT(features, testing_support::StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(features.status().message()), HasSubstr("several-sources")) << text;
  }
}

}  // namespace
}  // namespace bitrepo::runtime
