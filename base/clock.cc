// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace bitrepo::base {

absl::Time SystemClock::Now() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::TimeFromTimespec(now);
}

absl::Time SystemClock::WallNow() const { return absl::Now(); }

}  // namespace bitrepo::base
