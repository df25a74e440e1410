// SPDX-License-Identifier: Apache-2.0
// Runs a real loop until something has come true, or has taken too long.
#pragma once

#include <functional>

#include "absl/time/time.h"
#include "base/runtime/event_loop.h"

namespace bitrepo::testing_support {

// True when `condition` came true within `patience`; it is asked after every turn of about a
// millisecond.
inline bool RunUntil(runtime::EventLoop& loop, const std::function<bool()>& condition,
                     absl::Duration patience = absl::Seconds(20)) {
  const absl::Time deadline = loop.Now() + patience;
  bool fulfilled = condition();
  while (!fulfilled && loop.Now() < deadline) {
    loop.RunAfter(absl::Milliseconds(1), [&loop] { loop.Stop(); });
    loop.Run();
    fulfilled = condition();
  }
  return fulfilled;
}

}  // namespace bitrepo::testing_support
