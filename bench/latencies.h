// SPDX-License-Identifier: Apache-2.0
// What a run of many requests took, told to paired_runs.py in one line of words and numbers.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace bitrepo::bench {

// How long each took, in any order, and all of them together.
class Latencies {
 public:
  void Add(absl::Duration one) { all_.push_back(one); }
  size_t count() const { return all_.size(); }

  // "p50_us 171.0 p99_us 402.5 per_second 5800.2 peak_mib 12.5". Requires: one was added,
  // `together` > 0.
  void Print(absl::Duration together) {
    std::sort(all_.begin(), all_.end());
    std::printf("p50_us %.1f p99_us %.1f per_second %.1f peak_mib %.1f\n", Micros(all_.size() / 2),
                Micros(all_.size() * 99 / 100),
                static_cast<double>(all_.size()) / absl::ToDoubleSeconds(together), PeakMib());
  }

 private:
  // The most memory that this process has held (VmHWM).
  static double PeakMib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("VmHWM:", 0) == 0) return std::atof(line.c_str() + 6) / 1024;
    }
    return 0;
  }
  double Micros(size_t rank) const { return absl::ToDoubleMicroseconds(all_[rank]); }

  std::vector<absl::Duration> all_;
};

}  // namespace bitrepo::bench
