// SPDX-License-Identifier: Apache-2.0
// An event loop whose time goes forward only when a test says so.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "base/check.h"
#include "base/runtime/event_loop.h"
#include "tests/support/manual_clock.h"

namespace bitrepo::testing_support {

// Loop-confined: no other thread posts to it. Nothing runs until RunReady or Advance.
class ManualEventLoop final : public runtime::EventLoop {
 public:
  const base::Clock& clock() const override { return clock_; }
  void Post(Callback callback) override { posted_.push_back(std::move(callback)); }
  runtime::TimerId RunAt(absl::Time when, Callback callback) override {
    timers_.emplace(std::pair(when, ++last_timer_), std::move(callback));
    return runtime::TimerId{last_timer_};
  }
  void CancelTimer(runtime::TimerId timer) override {
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (runtime::TimerId{it->first.second} == timer) {
        timers_.erase(it);
        return;
      }
    }
  }
  runtime::WatchId WatchReadable(int /*descriptor*/, absl::AnyInvocable<void()>) override {
    base::CheckFailed(__FILE__, __LINE__, "a manual loop watches no descriptors");
  }
  void Unwatch(runtime::WatchId /*watch*/) override {}
  void Run() override {
    while (!std::exchange(stopped_, false)) {
      BITREPO_CHECK(!posted_.empty(), "a manual loop has something to run, or was stopped");
      RunReady();
    }
  }
  void Stop() override { stopped_ = true; }

  // Runs what was posted and what is due, and what that brings, without moving time.
  void RunReady() {
    for (;;) {
      if (!posted_.empty()) {
        Callback next = std::move(posted_.front());
        posted_.pop_front();
        next();
      } else if (!timers_.empty() && timers_.begin()->first.first <= Now()) {
        Callback next = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        next();
      } else {
        return;
      }
    }
  }

  // Moves time on by `by`, stopping at each timer on the way.
  void Advance(absl::Duration by) {
    const absl::Time end = Now() + by;
    RunReady();
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      clock_.Advance(timers_.begin()->first.first - Now());
      RunReady();
    }
    clock_.Advance(end - Now());
    RunReady();
  }

  size_t timer_count() const { return timers_.size(); }
  ManualClock& manual_clock() { return clock_; }

 private:
  ManualClock clock_;
  uint64_t last_timer_ = 0;
  bool stopped_ = false;
  std::deque<Callback> posted_;
  std::map<std::pair<absl::Time, uint64_t>, Callback> timers_;
};

}  // namespace bitrepo::testing_support
