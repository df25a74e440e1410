// SPDX-License-Identifier: Apache-2.0
// The worker pool of a daemon: a few threads for each lane.
#pragma once

#include <array>
#include <deque>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/mutex.h"
#include "base/runtime/worker_pool.h"

namespace bitrepo::runtime {

// Threads:  thread-safe.
// Lifetime: see WorkerPool; destroyed on a thread that is not its own.
class ThreadWorkerPool final : public WorkerPool {
 public:
  struct LaneThreads {
    int read = 2;
    int write = 2;
    int hash = 2;
  };
  explicit ThreadWorkerPool(LaneThreads threads);
  ~ThreadWorkerPool() override;
  ThreadWorkerPool(const ThreadWorkerPool&) = delete;
  ThreadWorkerPool& operator=(const ThreadWorkerPool&) = delete;

  StrandId NewStrand() override;
  absl::Status Submit(Lane lane, StrandId strand, absl::AnyInvocable<void()> work) override;

 private:
  static constexpr size_t kLanes = 3;
  struct Task {
    Lane lane;
    StrandId strand;
    absl::AnyInvocable<void()> work;
  };
  struct LaneState {
    std::deque<Task> ready;  // may run now
    size_t queued = 0;       // ready, or waiting in a strand
    base::Condition changed;
  };

  LaneState& StateOf(Lane lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return lanes_[static_cast<size_t>(lane)];
  }
  void Serve(Lane lane);
  void Finished(Lane lane, StrandId strand) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  base::Mutex mutex_;
  std::array<LaneState, kLanes> lanes_ ABSL_GUARDED_BY(mutex_);
  // A strand is here while work of it is ready or running; in it, what must wait for that.
  absl::btree_map<StrandId, std::deque<Task>> busy_strands_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_strand_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t unfinished_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace bitrepo::runtime
