// SPDX-License-Identifier: Apache-2.0
// Which job has which drive, in which phase, and how long each will take: decides, does nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "pillar/store/medium.h"

namespace bitrepo::store {

// What a drive takes its time for.
struct DriveSpeed {
  absl::Duration load;  // a volume in the place of another
  absl::Duration seek;
  uint64_t bytes_per_second = 1;
  double time_scale = 1;  // all of it times this; 0: no delay at all
};

// First come, first served, but that one volume is in one drive at a time: a job waits for the
// drive that has its volume.
// Threads: none of its own; the caller's loop. Errors: a job that is not known is left alone.
class DriveQueue {
 public:
  using JobId = uint64_t;
  struct Job {
    JobId id = 0;
    uint32_t volume = 0;
    uint64_t size_bytes = 0;
    bool write = false;  // and read back; else read
  };
  // What the caller is to do: tell the phase, and move bytes in those that move them; when `done`,
  // the job has given its drive back.
  struct Step {
    JobId id = 0;
    MediumPhase phase = MediumPhase::kQueued;
    bool done = false;
  };
  using Steps = std::vector<Step>;

  // Requires: at least one drive.
  DriveQueue(DriveSpeed speed, size_t drives);

  void Add(const Job& job, absl::Time now, Steps& steps);
  // Leaves the queue, or its drive at once.
  void Withdraw(JobId id, absl::Time now, Steps& steps);
  // The bytes of the phase that it is in have moved; the phase ends when its time has gone by, too.
  void OnMoved(JobId id, absl::Time now, Steps& steps);
  void OnTime(absl::Time now, Steps& steps);
  // When OnTime has something to do; InfiniteFuture when nothing waits for time.
  absl::Time WakeAt() const;

  // Nothing for one that is not under way.
  std::optional<MediumStep> StepOf(JobId id, absl::Time now);
  // How long such a job would take if it came now.
  absl::Duration TimeFor(const Job& job, absl::Time now) const;
  size_t size() const;  // jobs under way

 private:
  struct Waiting {
    Job job;
    absl::Time promised_end;  // the earliest end that was ever told
  };
  struct Part {
    MediumPhase phase;
    absl::Duration takes;
    bool moves_bytes;
  };
  struct Running {
    Job job;
    absl::Time promised_end;
    std::deque<Part> parts;  // the first is under way
    absl::Time part_ends;
    bool moved = false;  // the bytes of the first
  };
  struct Drive {
    std::optional<uint32_t> loaded;
    std::optional<Running> running;
  };
  // A drive as it will be.
  struct Outlook {
    absl::Time free_at;
    std::optional<uint32_t> loaded;
  };

  absl::Duration Scaled(absl::Duration real) const { return real * speed_.time_scale; }
  std::deque<Part> PartsOf(const Job& job, bool loaded) const;
  static absl::Duration TimeOf(const std::deque<Part>& parts);
  static size_t PickDrive(const std::vector<Outlook>& drives, uint32_t volume);
  std::vector<Outlook> OutlookAt(absl::Time now) const;
  // The end of each job that waits, and then of `more`.
  std::vector<absl::Time> PlannedEnds(absl::Time now, const Job* more) const;
  static absl::Time EndOf(const Running& running, absl::Time now);
  void StartWaiting(absl::Time now, Steps& steps);
  void Advance(Drive& drive, absl::Time now, Steps& steps);
  Drive* DriveOf(JobId id);

  const DriveSpeed speed_;
  std::vector<Drive> drives_;
  std::deque<Waiting> waiting_;
};

}  // namespace bitrepo::store
