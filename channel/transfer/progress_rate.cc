// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/progress_rate.h"

#include <algorithm>
#include <utility>

namespace bitrepo::transfer {

void ProgressRate::Note(absl::Time now, uint64_t bytes) {
  if (!older_.has_value()) {
    older_ = younger_ = Mark{now, bytes};
  } else if (now - younger_.at >= 2 * kSpan) {
    older_ = younger_ = Mark{now, bytes_};  // the pause is not measured, what ends it is
  } else if (now - younger_.at >= kSpan) {
    older_ = std::exchange(younger_, Mark{now, bytes});
  }
  bytes_ = bytes;
}

uint64_t ProgressRate::PerSecond(absl::Time now) const {
  if (!older_.has_value() || now - younger_.at >= 2 * kSpan) {
    return 0;
  }
  const double seconds = std::max(1.0, absl::ToDoubleSeconds(now - older_->at));
  return static_cast<uint64_t>(static_cast<double>(bytes_ - std::min(older_->bytes, bytes_)) /
                               seconds);
}

}  // namespace bitrepo::transfer
