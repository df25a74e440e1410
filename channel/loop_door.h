// SPDX-License-Identifier: Apache-2.0
// The way back to a loop for callbacks of other threads, which may come after its owner has gone.
#pragma once

#include <utility>

#include "base/mutex.h"
#include "base/runtime/event_loop.h"

namespace bitrepo::channel {

// Threads:  thread-safe.
// Lifetime: held by shared_ptr by all who may post; the loop outlives the time until Close.
class LoopDoor {
 public:
  explicit LoopDoor(runtime::EventLoop& loop) : loop_(&loop) {}

  // Runs `callback` on the loop; drops it, unrun, when the door is closed.
  void Post(runtime::EventLoop::Callback callback) {
    const base::MutexLock lock(mutex_);
    if (loop_ != nullptr) {
      loop_->Post(std::move(callback));
    }
  }

  // The loop is not touched again after this.
  void Close() {
    const base::MutexLock lock(mutex_);
    loop_ = nullptr;
  }

 private:
  base::Mutex mutex_;
  runtime::EventLoop* loop_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::channel
