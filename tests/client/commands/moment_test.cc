// SPDX-License-Identifier: Apache-2.0
#include "client/commands/moment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/pillar_choice.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::IsOkAndHolds;
using testing_support::StatusIs;

TEST(Moment, IsADayAnInstantOrSoLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_THAT(ParseMoment("2026-01-31", now),
              IsOkAndHolds(absl::FromCivil(absl::CivilDay(2026, 1, 31), absl::UTCTimeZone())));
  EXPECT_THAT(ParseMoment("2026-01-31T12:00:00Z", now),
              IsOkAndHolds(absl::FromCivil(absl::CivilHour(2026, 1, 31, 12), absl::UTCTimeZone())));
  EXPECT_THAT(ParseMoment("2026-01-31T13:00:00+01:00", now),
              IsOkAndHolds(absl::FromCivil(absl::CivilHour(2026, 1, 31, 12), absl::UTCTimeZone())));
  EXPECT_THAT(ParseMoment("7d", now), IsOkAndHolds(now - absl::Hours(7 * 24)));
  EXPECT_THAT(ParseMoment("-90s", now), IsOkAndHolds(now - absl::Seconds(90)));
}

TEST(Moment, WhatIsNoneIsShownWithThoseThatAre) {
  for (const char* text : {"", "yesterday", "2026-13-01", "7 days"}) {
    EXPECT_THAT(ParseMoment(text, absl::UnixEpoch()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("7d for so long ago")))
        << text;
  }
}

std::string NameOf(const base::ComponentId& id) { return id.text(); }

TEST(PillarChoice, NamesEachOnceOrAllAndNeverAllBySayingNothing) {
  const auto chosen = [](const std::vector<std::string>& names, bool all) {
    PillarChoice choice;
    std::vector<FlagRow> flags = choice.Flags();
    *std::get<std::vector<std::string>*>(flags[0].target) = names;
    *std::get<bool*>(flags[1].target) = all;
    return choice.Chosen();
  };
  EXPECT_THAT(chosen({}, false), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("--pillar NAME, or say --all-pillars")));
  EXPECT_THAT(chosen({"p1"}, true),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("do not go together")));
  EXPECT_THAT(chosen({"P 1"}, false),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--pillar")));
  ASSERT_OK(chosen({}, true).status());
  EXPECT_TRUE(chosen({}, true)->empty());
  ASSERT_OK(chosen({"p2", "p1", "p2"}, false).status());
  const auto two = *chosen({"p2", "p1", "p2"}, false);
  ASSERT_EQ(two.size(), 2u);
  EXPECT_THAT((std::vector<std::string>{NameOf(two[0]), NameOf(two[1])}), ElementsAre("p2", "p1"));
}

}  // namespace
}  // namespace bitrepo::commands
