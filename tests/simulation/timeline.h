// SPDX-License-Identifier: Apache-2.0
// What happened in a simulated world, line by line, and the digest by which two runs are compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "tests/simulation/sim_scheduler.h"

namespace bitrepo::simulation {

// Loop-confined. Keeps the last kLinesKept lines; the digest covers all.
class Timeline {
 public:
  static constexpr size_t kLinesKept = 4000;
  explicit Timeline(const SimScheduler& clock) : clock_(clock), hasher_(base::Algorithm::kSha256) {}
  // "   12.345678 p1         what happened"
  void Note(absl::string_view who, absl::string_view what);
  // Requires: called once, last.
  std::string Digest() { return hasher_.Finish().Hex(); }
  uint64_t count() const { return count_; }
  std::vector<std::string> lines() const;

 private:
  const SimScheduler& clock_;
  base::Hasher hasher_;
  uint64_t count_ = 0;
  std::vector<std::string> ring_;
};

}  // namespace bitrepo::simulation
