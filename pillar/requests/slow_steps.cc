// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/slow_steps.h"

#include <algorithm>

namespace bitrepo::requests {
namespace {

wire::Phase PhaseOf(store::MediumPhase phase) {
  switch (phase) {
    case store::MediumPhase::kQueued:
      return wire::QUEUED;
    case store::MediumPhase::kLocating:
      return wire::LOCATING;
    case store::MediumPhase::kLoading:
      return wire::LOADING;
    case store::MediumPhase::kSeeking:
      return wire::SEEKING;
    case store::MediumPhase::kStaging:
      return wire::STAGING;
    case store::MediumPhase::kVerifying:
      return wire::VERIFYING;
    case store::MediumPhase::kWriting:
      return wire::WRITING;
    case store::MediumPhase::kReadingBack:
      return wire::READING_BACK;
  }
  return wire::PHASE_UNSPECIFIED;
}

}  // namespace

wire::Progress ProgressOf(const store::MediumStep& step) {
  wire::Progress progress;
  progress.set_phase(PhaseOf(step.phase));
  progress.set_queue_place(step.queue_place);
  // 0 would say that it is not known.
  progress.set_eta_us(
      static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Microseconds(step.left))));
  return progress;
}

}  // namespace bitrepo::requests
