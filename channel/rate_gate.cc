// SPDX-License-Identifier: Apache-2.0
#include "channel/rate_gate.h"

#include <utility>

#include "base/status.h"

namespace bitrepo::channel {
namespace {

uint32_t MinuteOfDay(absl::Time wall) {
  const absl::CivilMinute minute = absl::ToCivilMinute(wall, absl::LocalTimeZone());
  return static_cast<uint32_t>(minute.hour() * 60 + minute.minute());
}

}  // namespace

absl::Status RateGate::SetRules(const std::vector<transfer::RateRule>& rules) {
  limiter_.Advance(loop_.Now());
  BITREPO_RETURN_IF_ERROR(limiter_.SetRules(rules));
  LookAtTheClock();
  if (limiter_.follows_the_clock() && !std::exchange(follows_, true)) {
    FollowTheClock();
  }
  return absl::OkStatus();
}

std::vector<wire::RateUse> RateGate::Uses() {
  CatchUp();
  return limiter_.Uses();
}

std::unique_ptr<transfer::RateFlow> RateGate::Join(transfer::RateTerms terms) {
  limiter_.Advance(loop_.Now());
  return std::make_unique<transfer::RateFlow>(limiter_, std::move(terms));
}

void RateGate::LookAtTheClock() {
  limiter_.Advance(loop_.Now());
  limiter_.SetMinute(MinuteOfDay(loop_.clock().WallNow()));
  if (!waiters_.empty()) {
    WakeAt(loop_.Now());
  }
}

void RateGate::FollowTheClock() {
  loop_.RunAfter(kRateClockEvery, [weak = weak_from_this()] {
    const std::shared_ptr<RateGate> self = weak.lock();
    if (self == nullptr) {
      return;
    }
    if (MinuteOfDay(self->loop_.clock().WallNow()) != self->limiter_.minute()) {
      self->LookAtTheClock();
    }
    self->follows_ = self->limiter_.follows_the_clock();
    if (self->follows_) {
      self->FollowTheClock();
    }
  });
}

void RateGate::SetTimer() {
  const absl::Time wake = limiter_.WakeAt();
  // A timer that is early gives turns that nobody can use, and is set again.
  if (wake < timer_at_) {
    WakeAt(wake);
  }
}

void RateGate::WakeAt(absl::Time when) {
  loop_.CancelTimer(timer_);
  timer_at_ = when;
  timer_ = loop_.RunAt(when, [weak = weak_from_this()] {
    if (const std::shared_ptr<RateGate> self = weak.lock()) {
      self->timer_ = runtime::TimerId::kNone;
      self->timer_at_ = absl::InfiniteFuture();
      self->GiveTurns();
    }
  });
}

void RateGate::GiveTurns() {
  limiter_.Advance(loop_.Now());
  limiter_.BeginTurns();
  std::deque<std::weak_ptr<Waiter>> served;
  for (size_t turns = waiters_.size(); turns > 0; --turns) {
    std::weak_ptr<Waiter> weak = std::move(waiters_.front());
    waiters_.pop_front();
    const std::shared_ptr<Waiter> waiter = weak.lock();
    const Turn turn = waiter == nullptr ? Turn::kLeaves : waiter->OnTurn();
    if (turn == Turn::kWaits) {
      waiters_.push_back(std::move(weak));
    } else if (turn == Turn::kServed) {
      served.push_back(std::move(weak));
    }
  }
  for (std::weak_ptr<Waiter>& weak : served) {
    waiters_.push_back(std::move(weak));
  }
  Arm();
}

}  // namespace bitrepo::channel
