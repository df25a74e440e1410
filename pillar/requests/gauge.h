// SPDX-License-Identifier: Apache-2.0
// What this pillar measures of itself: how fast its disk answered lately, and how much is moving
// now.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace bitrepo::requests {

// Older measurements fade; nothing measured reads as zero. Thread-safe.
class Gauge {
 public:
  // Bytes read from, or written to, the store for one piece of work, and how long that took.
  void AddRead(uint64_t bytes, absl::Duration took);
  void AddWrite(uint64_t bytes, absl::Duration took);
  // Of what was read, the part that leaves the pillar; digests are read and stay.
  void AddSent(uint64_t bytes);
  // From the arrival of a request to the moment it could deliver or receive.
  void AddStart(absl::Duration took);

  struct Reading {
    uint64_t read_bytes_per_second = 0;   // of the store while it reads
    uint64_t write_bytes_per_second = 0;  // of the store while it writes
    absl::Duration start;                 // of the last requests, smoothed
    uint64_t in_bytes_per_second = 0;     // traffic since the last Tick but one
    uint64_t out_bytes_per_second = 0;
  };
  Reading Read() const;
  // Closes an interval of traffic; call about once a second.
  void Tick(absl::Time now);

 private:
  struct Rate {
    double bytes = 0;
    double seconds = 0;
    void Add(uint64_t more, absl::Duration took);
    uint64_t PerSecond() const;
  };
  mutable base::Mutex mutex_;
  Rate read_ ABSL_GUARDED_BY(mutex_);
  Rate write_ ABSL_GUARDED_BY(mutex_);
  absl::Duration start_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t in_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t out_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t in_rate_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t out_rate_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time ticked_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace bitrepo::requests
