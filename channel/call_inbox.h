// SPDX-License-Identifier: Apache-2.0
// Calls from other threads on their way to the channel's loop, in the order in which they were
// made.
#pragma once

#include <deque>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "base/mutex.h"

namespace bitrepo::channel {

class ChannelCore;

// A grant made before a peer's frame was read must be known when the frame is looked at: the peer
// may have its token by another way that is faster than a post. So the loop looks in here before
// each frame, not only when it is posted to. Threads: thread-safe.
class CallInbox {
 public:
  using Call = absl::AnyInvocable<void(ChannelCore&)>;

  void Put(Call call) {
    const base::MutexLock lock(mutex_);
    calls_.push_back(std::move(call));
  }

  std::deque<Call> TakeAll() {
    const base::MutexLock lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  base::Mutex mutex_;
  std::deque<Call> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::channel
