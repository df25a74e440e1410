// SPDX-License-Identifier: Apache-2.0
// How fast a count of bytes has risen lately.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace bitrepo::transfer {

// Loop-confined value. Looks back between one span and two; what rose earlier says nothing.
class ProgressRate {
 public:
  static constexpr absl::Duration kSpan = absl::Seconds(5);

  // `bytes` is the count at `now`; the first call begins the measurement.
  void Note(absl::Time now, uint64_t bytes);
  // In bytes per second; the first second of a measurement counts whole.
  uint64_t PerSecond(absl::Time now) const;

 private:
  struct Mark {
    absl::Time at;
    uint64_t bytes = 0;
  };
  // The rate is measured from the older mark; when the younger is a span old it takes its place.
  std::optional<Mark> older_;
  Mark younger_;
  uint64_t bytes_ = 0;
};

}  // namespace bitrepo::transfer
