// SPDX-License-Identifier: Apache-2.0
// The clocks of a component: one that only goes forward, for every time-out, and the calendar.
#pragma once

#include "absl/time/time.h"

namespace bitrepo::base {

// Thread-safe. Implementations: SystemClock here, SimClock in the simulation.
class Clock {
 public:
  virtual ~Clock() = default;
  // Time since the machine booted, sleep included (CLOCK_BOOTTIME), as an instant that only serves
  // to be compared and subtracted: never shown, stored or sent. Not moved by changes of the wall
  // clock.
  virtual absl::Time Now() const = 0;
  // The calendar (UTC), for records and people; may jump either way; decides nothing.
  virtual absl::Time WallNow() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Time WallNow() const override;
};

}  // namespace bitrepo::base
