// SPDX-License-Identifier: Apache-2.0
// Signals as events on the loop (signalfd): SIGTERM and SIGINT to stop, SIGHUP, SIGUSR1 to tell.
#pragma once

#include <initializer_list>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/runtime/event_loop.h"

namespace bitrepo::runtime {

// Blocks the given signals in this thread and those it starts later: create it before any other
// thread. Also ignores SIGPIPE. Loop-confined; unwatches when it dies.
class Signals {
 public:
  static absl::StatusOr<std::unique_ptr<Signals>> Watch(EventLoop& loop,
                                                        std::initializer_list<int> signals,
                                                        absl::AnyInvocable<void(int)> on_signal);
  ~Signals();

 private:
  Signals(EventLoop& loop, int descriptor);
  EventLoop& loop_;
  int descriptor_;
  WatchId watch_ = WatchId::kNone;
  absl::AnyInvocable<void(int)> on_signal_;
};

// Raises RLIMIT_NOFILE to the hard limit and says how many descriptors that is.
absl::StatusOr<uint64_t> RaiseDescriptorLimit();
// How all programs of ours run; call once, first in main, before any other thread is there. The
// allocator gives large buffers back to the system. The scheduler lets a thread finish what it does
// before it runs another that it has woken on the same core (SCHED_BATCH, sched(7)): they hand each
// other many small messages, and take them in batches so.
void TuneProcess();
// sd_notify without libsystemd: "READY=1", "STOPPING=1"; nothing where NOTIFY_SOCKET is not set.
void NotifyServiceManager(const char* state);

}  // namespace bitrepo::runtime
