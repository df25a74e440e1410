// SPDX-License-Identifier: Apache-2.0
// One primitive with one contributor, to be driven by what makes its events happen on the wire.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "bus/protocol/leg.h"
#include "bus/protocol/limits.h"
#include "tests/bus/protocol/asking_bench.h"

namespace bitrepo::protocol {

inline constexpr char kPillar[] = "pillar-1";

// A leg whose events are made to happen by what makes them happen on the wire.
class LegBench {
 public:
  explicit LegBench(wire::Operation operation, bool holds_on = true, bool resumed = false)
      : asker_{samples::SpecFor(operation, Reach::kAll),
               samples::kStart,
               random_,
               true,
               samples::kStart,
               absl::InfinitePast(),
               {}},
        leg_(samples::Name(kPillar), Request(), holds_on, asker_, now_, out_, resumed) {}

  Envelope Request() {
    return *asker_.Make(wire::REQUEST, {Destination::Kind::kPillar, kPillar}, asker_.spec.request,
                        now_);
  }
  const Envelope& asked() const { return *last_request_; }

  void Hear(const Envelope& message) {
    ASSERT_TRUE(leg_.Owns(message));
    leg_.OnMessage(message, now_, out_);
  }
  // Brings the leg, fresh, into the state.
  void Reach(LegState state) {
    switch (state) {
      case LegState::kAsked:
        break;
      case LegState::kWorking:
        Do(LegEvent::kProgress);
        break;
      case LegState::kAway:
        Do(LegEvent::kAwayForNow);
        break;
      case LegState::kPaged:
        Do(LegEvent::kPage);
        break;
      case LegState::kWithdrawn:
        Do(LegEvent::kCancel);
        break;
      case LegState::kDone:
        Do(LegEvent::kCompleted);
        break;
      case LegState::kFailed:
        Do(LegEvent::kRefusal);
        break;
      case LegState::kUnknown:
        Do(LegEvent::kPatienceOver);
        break;
    }
    asker_.settled_at = absl::InfinitePast();
    if (!last_request_.has_value()) {
      last_request_.emplace(out_.messages.front());
    }
    out_ = {};
    now_ += absl::Milliseconds(1);
  }
  // False where the event cannot come about in that state: there is then no such moment to test.
  bool Do(LegEvent event) {
    if (!last_request_.has_value()) {
      last_request_.emplace(out_.messages.front());
    }
    const LegState state = leg_.state();
    const bool over = IsOver(state);
    switch (event) {
      case LegEvent::kProgress:
        Hear(samples::Progress(asked(), kPillar, ++sequence_, wire::SENDING,
                               wire::OPERATION_PROGRESS));
        return true;
      case LegEvent::kCompleted:
        Hear(PageFinalOrFinal(""));
        return true;
      case LegEvent::kPage:
        Hear(samples::PageFinal(asked(), kPillar, "next"));
        return true;
      case LegEvent::kRefusal:
        Hear(samples::Final(asked(), kPillar, wire::NO_SPACE));
        return true;
      case LegEvent::kBusy:
        Hear(samples::Final(asked(), kPillar, wire::BUSY));
        return true;
      case LegEvent::kUnreached:
        if (state == LegState::kAway) {
          return PassDeadline();
        }
        Hear(samples::Undelivered(asked()));
        return state != LegState::kWorking;  // one that was heard can be lost, not unreached
      case LegEvent::kLost:
        if (state == LegState::kAway) {
          SendOnceMore();
          return PassDeadline();
        }
        if (state == LegState::kAsked) {
          SendOnceMore();
        }
        Hear(samples::Undelivered(asked()));
        return true;
      case LegEvent::kAwayForNow:
        asker_.settled_at = now_ + kReturnGrace;
        Hear(samples::Undelivered(asked()));
        return true;
      case LegEvent::kTurnedAway:
        Hear(samples::Refused(asked(), wire::DENIED));
        return true;
      case LegEvent::kPostponed:
        Hear(samples::Refused(asked(), wire::BUSY));
        return true;
      case LegEvent::kActivity:
        leg_.OnActivity(now_, out_);
        return true;
      case LegEvent::kResendDue:
        if (over || state == LegState::kPaged) {
          return false;
        }
        now_ = leg_.WakeAt();
        leg_.OnTime(now_, out_);
        return true;
      case LegEvent::kPatienceOver:
        if (over || state == LegState::kPaged || state == LegState::kAway) {
          return false;  // of one that is away it is asked whether it can have heard: unreached,
                         // lost
        }
        return PassDeadline();
      case LegEvent::kBusUp:
        leg_.OnBusUp(now_, out_);
        return true;
      case LegEvent::kTransferFailed:
      case LegEvent::kFetchFailed:
        leg_.OnTransferFailed(absl::DataLossError("it fell apart"), now_, out_);
        return true;
      case LegEvent::kCancel:
        leg_.OnCancel("enough", now_, out_);
        return true;
      case LegEvent::kNextPage:
        if (state != LegState::kPaged) {
          return false;  // the conversation asks only where there is one
        }
        leg_.OnNextPage(Request(), now_, out_);
        return true;
    }
    return false;
  }
  // A copy of which nothing is heard: from now on it cannot be said that none has arrived.
  void SendOnceMore() {
    if (!last_request_.has_value()) {
      last_request_.emplace(out_.messages.front());
    }
    now_ = leg_.WakeAt();
    leg_.OnTime(now_, out_);
    out_ = {};
  }
  bool PassDeadline() {
    asker_.bus_up = false;  // so that nothing is sent again in between
    asker_.bus_changed = now_;
    now_ = leg_.WakeAt();
    leg_.OnTime(now_, out_);
    return true;
  }

  Leg& leg() { return leg_; }
  Asker& asker() { return asker_; }
  ConversationOutbox& out() { return out_; }
  absl::Time& now() { return now_; }

 private:
  Envelope PageFinalOrFinal(const std::string& cursor) {
    return asker_.spec.operation == wire::GET_FILE_IDS
               ? samples::PageFinal(asked(), kPillar, cursor)
               : samples::Final(asked(), kPillar, wire::OPERATION_COMPLETED);
  }

  absl::Time now_ = samples::kStart;
  base::SeededRandom random_{3};
  ConversationOutbox out_;
  Asker asker_;
  Leg leg_;
  std::optional<Envelope> last_request_;
  uint32_t sequence_ = 0;
};

}  // namespace bitrepo::protocol
