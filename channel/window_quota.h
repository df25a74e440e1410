// SPDX-License-Identifier: Apache-2.0
// How often something that peers bring about may happen within one window of time.
#pragma once

#include "absl/time/time.h"

namespace bitrepo::channel {

// Loop-confined value. A window begins with the first take after the last one has passed.
class WindowQuota {
 public:
  WindowQuota(int most, absl::Duration window) : most_(most), window_(window) {}
  bool Take(absl::Time now) {
    if (now >= end_) {
      end_ = now + window_;
      taken_ = 0;
    }
    if (taken_ == most_) {
      return false;
    }
    ++taken_;
    return true;
  }

 private:
  const int most_;
  const absl::Duration window_;
  absl::Time end_ = absl::InfinitePast();
  int taken_ = 0;
};

}  // namespace bitrepo::channel
