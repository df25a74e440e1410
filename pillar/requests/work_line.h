// SPDX-License-Identifier: Apache-2.0
// The disk work of one transfer, one piece at a time and in order, holding at most one place in a
// lane.
#pragma once

#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "base/runtime/worker_pool.h"

namespace bitrepo::requests {

// Many transfers with many segments each never fill a lane, and every transfer gets its turn.
// Threads:  thread-safe.
// Lifetime: held by shared_ptr; what was added runs even when the last other holder is gone.
class WorkLine : public std::enable_shared_from_this<WorkLine> {
 public:
  // Called exactly once: with OK on a worker, or, when the lane takes nothing, with
  // kResourceExhausted on any thread.
  using Work = absl::AnyInvocable<void(absl::Status)>;

  WorkLine(runtime::WorkerPool& workers, runtime::Lane lane) : workers_(workers), lane_(lane) {}
  void Add(Work work);

 private:
  void Submit();
  void RunOne();

  runtime::WorkerPool& workers_;
  const runtime::Lane lane_;
  base::Mutex mutex_;
  std::deque<Work> waiting_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace bitrepo::requests
