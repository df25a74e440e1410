// SPDX-License-Identifier: Apache-2.0
// A clock that goes forward only when a test says so.
#pragma once

#include "base/clock.h"

namespace bitrepo::testing_support {

// Loop-confined. Now() starts at an hour after boot, WallNow() at 2026-01-01.
class ManualClock final : public base::Clock {
 public:
  absl::Time Now() const override { return now_; }
  absl::Time WallNow() const override { return wall_now_; }

  // Both clocks.
  void Advance(absl::Duration by) {
    now_ += by;
    wall_now_ += by;
  }
  // Someone sets the calendar; the other clock does not notice.
  void SetWall(absl::Time wall_now) { wall_now_ = wall_now; }

 private:
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  absl::Time wall_now_ = absl::FromUnixSeconds(1767225600);
};

}  // namespace bitrepo::testing_support
