// SPDX-License-Identifier: Apache-2.0
// Where blocking work runs, in lanes, so that disks and digests never stop a loop.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace bitrepo::runtime {

enum class Lane { kRead, kWrite, kHash };

// Work of one strand runs one at a time and in order; work of different strands may run at once.
enum class StrandId : uint64_t { kNone = 0 };

// A seam: ThreadWorkerPool in daemons, one that runs on the simulated loop in the simulation.
// Threads:  thread-safe.
// Lifetime: the destructor finishes what was taken on, then joins. Work must not block on other
// work of the pool. Errors:   a full lane refuses with kResourceExhausted; nothing was taken on
// then.
class WorkerPool {
 public:
  static constexpr size_t kQueuedPerLaneMax = 4096;
  virtual ~WorkerPool() = default;
  virtual StrandId NewStrand() = 0;
  // Runs `work` on a thread of the lane. Results go back by EventLoop::Post in the work itself.
  virtual absl::Status Submit(Lane lane, StrandId strand, absl::AnyInvocable<void()> work) = 0;
};

}  // namespace bitrepo::runtime
