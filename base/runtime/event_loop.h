// SPDX-License-Identifier: Apache-2.0
// The loop that protocol state lives on: timers, readable descriptors, posted work: a seam.
#pragma once

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"

namespace bitrepo::runtime {

enum class TimerId : uint64_t { kNone = 0 };
enum class WatchId : uint64_t { kNone = 0 };

// A seam: SystemEventLoop (epoll) in daemons, SimEventLoop in the simulation.
// Threads:  Post and Stop are thread-safe; all else only on the loop's thread (or before Run).
// Lifetime: callbacks not yet run are dropped, unrun, when the loop dies. What a callback uses must
// outlive it.
class EventLoop {
 public:
  using Callback = absl::AnyInvocable<void()>;
  virtual ~EventLoop() = default;

  virtual const base::Clock& clock() const = 0;
  absl::Time Now() const { return clock().Now(); }

  // Runs `callback` on the loop, soon, in the order of posting; never from inside this call.
  virtual void Post(Callback callback) = 0;
  // Runs `callback` once, at or after `when`. Timers due together run in the order of `when`, then
  // of the call.
  virtual TimerId RunAt(absl::Time when, Callback callback) = 0;
  TimerId RunAfter(absl::Duration delay, Callback callback) {
    return RunAt(Now() + delay, std::move(callback));
  }
  // Unknown and past timers are fine. After it the callback will not run.
  virtual void CancelTimer(TimerId timer) = 0;
  // Calls `callback` whenever the descriptor is readable (level-triggered). Requires: real
  // descriptors, so a real loop.
  virtual WatchId WatchReadable(int descriptor, absl::AnyInvocable<void()> callback) = 0;
  virtual void Unwatch(WatchId watch) = 0;

  // Runs until Stop; returns at once when Stop was called before.
  virtual void Run() = 0;
  virtual void Stop() = 0;
};

}  // namespace bitrepo::runtime
