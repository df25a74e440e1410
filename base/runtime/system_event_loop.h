// SPDX-License-Identifier: Apache-2.0
// The event loop of a daemon: epoll, an eventfd for posted work, a timerfd for timers.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/container/btree_map.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::runtime {

// Threads:  Post and Stop from any; all else on the thread that is in Run, or on any while none is.
// Lifetime: see EventLoop. A Stop is used up by the Run that it ends.
// Errors:   a kernel that gives no epoll, eventfd or timerfd stops the process.
class SystemEventLoop final : public EventLoop {
 public:
  SystemEventLoop();
  ~SystemEventLoop() override;
  SystemEventLoop(const SystemEventLoop&) = delete;
  SystemEventLoop& operator=(const SystemEventLoop&) = delete;

  const base::Clock& clock() const override { return clock_; }
  void Post(Callback callback) override;
  TimerId RunAt(absl::Time when, Callback callback) override;
  void CancelTimer(TimerId timer) override;
  WatchId WatchReadable(int descriptor, absl::AnyInvocable<void()> callback) override;
  void Unwatch(WatchId watch) override;
  void Run() override;
  void Stop() override;

 private:
  struct Watch {
    int descriptor;
    Callback callback;
  };

  void CheckThread() const;
  void Wake();
  void Wait();
  void ArmTimer();
  void RunDueTimers();
  bool HasPosted();
  void RunPosted();
  void DropAll();

  base::SystemClock clock_;
  ScopedFd epoll_;
  ScopedFd wake_;
  ScopedFd timer_;
  std::atomic<bool> stop_{false};
  std::atomic<std::thread::id> runner_{};

  base::Mutex mutex_;
  std::deque<Callback> posted_ ABSL_GUARDED_BY(mutex_);

  uint64_t last_id_ = 0;
  std::map<std::pair<absl::Time, TimerId>, Callback> timers_;
  absl::btree_map<TimerId, absl::Time> timer_times_;
  absl::Time armed_for_ = absl::InfiniteFuture();
  absl::btree_map<WatchId, std::shared_ptr<Watch>> watches_;
};

}  // namespace bitrepo::runtime
