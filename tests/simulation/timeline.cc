// SPDX-License-Identifier: Apache-2.0
// What happened, line by line.
#include "tests/simulation/timeline.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bitrepo::simulation {

void Timeline::Note(absl::string_view who, absl::string_view what) {
  const double seconds = absl::ToDoubleSeconds(clock_.Now() - absl::FromUnixSeconds(1'000'000));
  std::string line = absl::StrFormat("%12.6f %-12s %s", seconds, who, what);
  hasher_.Update(line);
  hasher_.Update("\n");
  if (ring_.size() < kLinesKept) {
    ring_.push_back(std::move(line));
  } else {
    ring_[count_ % kLinesKept] = std::move(line);
  }
  ++count_;
}

std::vector<std::string> Timeline::lines() const {
  std::vector<std::string> lines;
  const size_t first = ring_.size() < kLinesKept ? 0 : count_ % kLinesKept;
  for (size_t i = 0; i < ring_.size(); ++i) lines.push_back(ring_[(first + i) % ring_.size()]);
  return lines;
}

}  // namespace bitrepo::simulation
