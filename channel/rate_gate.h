// SPDX-License-Identifier: Apache-2.0
// Where streams wait until a rate lets them go on: the limiter with a clock, and the line of those
// that wait.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/runtime/event_loop.h"
#include "channel/transfer/rate_limiter.h"

namespace bitrepo::channel {

// How soon a step of a day's table is noticed.
inline constexpr absl::Duration kRateClockEvery = absl::Seconds(1);

// Loop-confined; held by shared_ptr. The wall clock only picks the step of a table: a jump of it
// changes no count.
class RateGate : public std::enable_shared_from_this<RateGate> {
 public:
  enum class Turn {
    kLeaves,  // waits no more
    kServed,  // got something, and waits for more behind all others
    kWaits,   // got nothing, and keeps its place
  };
  class Waiter {
   public:
    virtual ~Waiter() = default;
    virtual Turn OnTurn() = 0;
  };
  explicit RateGate(runtime::EventLoop& loop) : loop_(loop), limiter_(loop.Now()) {}

  // kResourceExhausted as the limiter says it.
  absl::Status SetRules(const std::vector<transfer::RateRule>& rules);
  std::vector<wire::RateUse> Uses();
  // Something is limited now.
  bool limits() const { return limiter_.limits(); }

  std::unique_ptr<transfer::RateFlow> Join(transfer::RateTerms terms);
  // Before a flow is used. Without rules it costs nothing.
  void CatchUp() {
    if (limiter_.active()) limiter_.Advance(loop_.Now());
  }
  // Gets its turns, first come first served, until it leaves or dies. Call it once at a time.
  void Wait(std::weak_ptr<Waiter> waiter) { waiters_.push_back(std::move(waiter)); }
  // After a flow was used.
  void Arm() {
    if (!waiters_.empty()) SetTimer();
  }

 private:
  void SetTimer();
  void WakeAt(absl::Time when);
  void GiveTurns();
  void LookAtTheClock();
  void FollowTheClock();

  runtime::EventLoop& loop_;
  transfer::RateLimiter limiter_;
  std::deque<std::weak_ptr<Waiter>> waiters_;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  absl::Time timer_at_ = absl::InfiniteFuture();
  bool follows_ = false;
};

}  // namespace bitrepo::channel
