// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace bitrepo::base {
namespace {

absl::Time Read(clockid_t clock) {
  timespec now{};
  EXPECT_EQ(clock_gettime(clock, &now), 0);
  return absl::TimeFromTimespec(now);
}

// [D-10] Time-outs and expiry stand on a clock that nobody can set and that goes on in sleep.
TEST(SystemClock, TellsTheTimeSinceBootAndTheCalendarApart) {
  const SystemClock clock;
  const absl::Time before = Read(CLOCK_BOOTTIME);
  const absl::Time now = clock.Now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, Read(CLOCK_BOOTTIME));
  const absl::Time wall_before = Read(CLOCK_REALTIME);
  const absl::Time wall_now = clock.WallNow();
  EXPECT_LE(wall_before, wall_now);
  EXPECT_LE(wall_now, Read(CLOCK_REALTIME));
}

}  // namespace
}  // namespace bitrepo::base
