// SPDX-License-Identifier: Apache-2.0
// One primitive with one contributor: each cell of its table, and what the table alone does not
// say.
#include "bus/protocol/leg.h"

#include <gtest/gtest.h>

#include "bus/protocol/limits.h"
#include "tests/bus/protocol/leg_bench.h"

namespace bitrepo::protocol {
namespace {

using samples::Final;
using samples::kStart;
using samples::Name;
using samples::PageFinal;
using samples::Progress;
using samples::Refused;
using samples::Undelivered;

wire::Operation OperationFor(LegState state, LegEvent event) {
  const bool listed = state == LegState::kPaged || event == LegEvent::kPage;
  if (event == LegEvent::kFetchFailed && !listed) {
    return wire::GET_FILE;
  }
  return listed ? wire::GET_FILE_IDS : wire::PUT_FILE;
}

void ExpectAction(LegAction action, const Envelope& request, const ConversationOutbox& out) {
  const auto told = [&out](EventKind kind) {
    return out.events.size() == 1 && out.events[0].kind == kind &&
           out.events[0].component == kPillar;
  };
  switch (action) {
    case LegAction::kIgnore:
    case LegAction::kWait:
      EXPECT_TRUE(out.messages.empty());
      EXPECT_TRUE(out.events.empty());
      break;
    case LegAction::kReport:
      EXPECT_TRUE(told(EventKind::kProgress));
      break;
    case LegAction::kComplete:
      EXPECT_TRUE(told(EventKind::kComponentComplete));
      EXPECT_TRUE(out.messages.empty());
      break;
    case LegAction::kTurnPage:
      EXPECT_TRUE(told(EventKind::kPage));
      EXPECT_TRUE(out.messages.empty());
      break;
    case LegAction::kFail:
    case LegAction::kLose:
      EXPECT_TRUE(told(EventKind::kComponentFailed));
      EXPECT_TRUE(out.messages.empty());
      break;
    case LegAction::kGiveUp:
    case LegAction::kDrop:
      EXPECT_TRUE(told(EventKind::kComponentFailed));
      ASSERT_EQ(out.messages.size(), 1u);
      EXPECT_EQ(out.messages[0].header.kind(), wire::CANCEL);
      break;
    case LegAction::kHold:
    case LegAction::kPostpone:
    case LegAction::kWarn:
      EXPECT_TRUE(told(EventKind::kWarning));
      EXPECT_TRUE(out.messages.empty());
      break;
    case LegAction::kResend:
      EXPECT_TRUE(out.events.empty());
      ASSERT_EQ(out.messages.size(), 1u);
      break;
    case LegAction::kWithdraw:
      ASSERT_EQ(out.messages.size(), 1u);
      EXPECT_EQ(out.messages[0].header.kind(), wire::CANCEL);
      EXPECT_EQ(out.messages[0].body.cancel().request_id(), request.header.message_id());
      break;
    case LegAction::kAsk:
      EXPECT_TRUE(told(EventKind::kRequestSent));
      ASSERT_EQ(out.messages.size(), 1u);
      EXPECT_EQ(out.messages[0].header.kind(), wire::REQUEST);
      EXPECT_NE(out.messages[0].header.message_id(), request.header.message_id());
      break;
  }
}

// How many cells came about, each as the table says.
size_t DriveEachCell(bool resumed) {
  size_t driven = 0;
  for (size_t s = 0; s < kLegStates; ++s) {
    for (size_t e = 0; e < kLegEvents; ++e) {
      const auto state = static_cast<LegState>(s);
      const auto event = static_cast<LegEvent>(e);
      SCOPED_TRACE(std::string(NameOf(state)) + " x " + std::string(NameOf(event)));
      const LegCell cell = CellOf(state, event);
      LegBench bench(OperationFor(state, event), event != LegEvent::kLost, resumed);
      if (state == LegState::kWithdrawn && (event == LegEvent::kLost || event == LegEvent::kBusy)) {
        bench.SendOnceMore();
      }
      bench.Reach(state);
      EXPECT_EQ(bench.leg().state(), state);
      const Envelope request = bench.asked();
      const uint64_t ignored = bench.asker().counters.ignored;
      // One that an earlier process has asked may have been reached by that.
      if ((resumed && event == LegEvent::kUnreached) || !bench.Do(event)) {
        continue;
      }
      ++driven;
      EXPECT_EQ(bench.leg().state(), cell.next);
      EXPECT_EQ(bench.asker().counters.ignored - ignored,
                cell.action == LegAction::kIgnore ? 1u : 0u);
      ExpectAction(cell.action, request, bench.out());
      if (cell.action == LegAction::kResend && state != LegState::kWithdrawn) {
        EXPECT_EQ(ToFrames(bench.out().messages[0]), ToFrames(request)) << "byte for byte";
      }
    }
  }
  return driven;
}

// [C-10] Each cell of the table that can come about: the leg is brought into the state, the event
// happens on the wire, and what the cell says follows.
TEST(LegTable, EachCellIsWhatTheLegDoes) {
  // A next page where there is none, a timer where none runs, and "unreached" of one that was
  // heard.
  constexpr size_t kCannotComeAbout = 7 + 9 + 1;
  EXPECT_EQ(DriveEachCell(false), kLegStates * kLegEvents - kCannotComeAbout);
}

// [C-36]
TEST(LegTable, ALegThatIsTakenUpAgainDoesTheSame) {
  constexpr size_t kCannotComeAbout = 7 + 9 + kLegStates;
  EXPECT_EQ(DriveEachCell(true), kLegStates * kLegEvents - kCannotComeAbout);
}

// [C-36]
TEST(Leg, OneThatIsTakenUpAgainIsNeverKnownToBeUnreached) {
  LegBench bench(wire::PUT_FILE, false, true);
  bench.Reach(LegState::kAsked);
  for (int copies = 0; copies < 4 && bench.leg().state() == LegState::kAsked; ++copies) {
    bench.Hear(Undelivered(bench.asked()));
  }
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown);
}

// The rules that hold in the table whatever may come about.
TEST(LegTable, HasNoWayOutOfAnEnd) {
  for (size_t s = 0; s < kLegStates; ++s) {
    const auto state = static_cast<LegState>(s);
    for (size_t e = 0; e < kLegEvents; ++e) {
      const LegCell cell = CellOf(state, static_cast<LegEvent>(e));
      if (IsOver(state)) {
        EXPECT_EQ(cell.next, state);
        EXPECT_TRUE(cell.action == LegAction::kIgnore || cell.action == LegAction::kWait);
      }
      const bool tells_end = cell.action == LegAction::kComplete ||
                             cell.action == LegAction::kFail || cell.action == LegAction::kLose ||
                             cell.action == LegAction::kGiveUp || cell.action == LegAction::kDrop;
      EXPECT_EQ(tells_end, IsOver(cell.next) && !IsOver(state)) << "an end is told, once";
      EXPECT_EQ(cell.action == LegAction::kComplete,
                cell.next == LegState::kDone && !IsOver(state));
    }
  }
}

// [C-12]
TEST(Leg, OneThatWasHeardAndIsLostIsUnknown) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kWorking);
  ASSERT_TRUE(bench.Do(LegEvent::kAwayForNow));
  bench.PassDeadline();
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown);
  EXPECT_EQ(bench.leg().Result().code, wire::GONE);
}

TEST(Leg, ASecondCopyThatIsUndeliveredSaysNothingOfTheFirst) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kResendDue);
  bench.Hear(Undelivered(bench.asked()));
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown);
}

// [C-9] [C-12]
TEST(Leg, TheSameWordTwiceSaysNothingOfAnotherCopy) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kResendDue);
  bench.asker().settled_at = bench.now() + kReturnGrace;
  const Envelope word = Undelivered(bench.asked());
  bench.Hear(word);
  bench.Hear(word);
  ASSERT_EQ(bench.leg().state(), LegState::kAway);
  bench.PassDeadline();
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown) << "one copy may have arrived";
}

// [C-12]
TEST(Leg, ACancelThatIsUndeliveredSaysNothingOfTheRequest) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.leg().OnCancel("enough", bench.now(), bench.out());
  ASSERT_EQ(bench.leg().state(), LegState::kWithdrawn);
  bench.Hear(Undelivered(bench.out().messages.back()));
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown) << "the request may have arrived";
}

TEST(Leg, AWithdrawnOneThatIsLostIsUnknown) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kWorking);
  bench.Do(LegEvent::kCancel);
  bench.out() = {};
  bench.asker().settled_at = absl::InfinitePast();
  // Heard, so it is held on to; its patience as a withdrawn one is short.
  bench.Hear(Undelivered(bench.asked()));
  EXPECT_EQ(bench.leg().state(), LegState::kWithdrawn);
  bench.PassDeadline();
  EXPECT_EQ(bench.leg().state(), LegState::kUnknown);
}

// [C-13]
TEST(Leg, SendsAgainAfterOneTwoFourSecondsAndThenEveryEight) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  absl::Time last = kStart;
  for (const int seconds : {1, 2, 4, 8, 8}) {
    const absl::Duration pause = bench.leg().WakeAt() - last;
    EXPECT_GE(pause, absl::Seconds(seconds) * 0.79);
    EXPECT_LE(pause, absl::Seconds(seconds) * 1.21);
    last = bench.leg().WakeAt();
    bench.now() = last;
    bench.leg().OnTime(last, bench.out());
    EXPECT_EQ(bench.out().messages.back().header_bytes, bench.asked().header_bytes);
  }
}

TEST(Leg, OneThatTellsProgressIsNotAskedAgainBetweenItsHeartbeats) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  for (int i = 0; i < 20; ++i) {
    bench.Do(LegEvent::kProgress);
    bench.now() += absl::Seconds(2);
    bench.leg().OnTime(bench.now(), bench.out());
  }
  EXPECT_TRUE(bench.out().messages.empty());
  EXPECT_EQ(bench.leg().state(), LegState::kWorking);
}

TEST(Leg, WhileTheBusIsDownNothingIsSentAgain) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.asker().bus_up = false;
  bench.asker().bus_changed = bench.now();
  EXPECT_EQ(bench.leg().WakeAt(), bench.now() + bench.asker().spec.patience.bus_absence);
}

// [C-14]
TEST(Leg, ATokenIsToldOnce) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  const auto hear = [&](uint32_t sequence, const std::string& secret) {
    bench.out() = {};
    bench.Hear(Progress(bench.asked(), kPillar, sequence, wire::ACCEPTED,
                        wire::OPERATION_ACCEPTED_PROGRESS, secret));
    return bench.out().events.empty() ? "nothing" : bench.out().events[0].message->secret;
  };
  EXPECT_EQ(hear(1, "token-1"), "token-1");
  EXPECT_EQ(hear(2, "token-1"), "");
  EXPECT_EQ(hear(2, "token-1"), "nothing") << "not newer";
  EXPECT_EQ(hear(1, "token-2"), "token-2") << "the pillar has begun again";
  EXPECT_EQ(hear(5, "token-1"), "") << "late; that token is past";
  EXPECT_GT(bench.asker().counters.stale, 0u);
}

TEST(Leg, TokensHaveALimit) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  for (size_t i = 1; i <= kTokensMax + 1; ++i) {
    bench.out() = {};
    bench.Hear(Progress(bench.asked(), kPillar, static_cast<uint32_t>(i), wire::RECEIVING,
                        wire::OPERATION_PROGRESS, "token-" + std::to_string(i)));
    EXPECT_EQ(bench.out().events.at(0).message->secret.empty(), i > kTokensMax) << i;
  }
}

TEST(Leg, AStaleProgressStillKeepsItAlive) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.Hear(Progress(bench.asked(), kPillar, 100, wire::RECEIVING, wire::OPERATION_PROGRESS));
  for (int i = 1; i <= 20; ++i) {
    bench.now() += absl::Seconds(3);
    bench.Hear(Progress(bench.asked(), kPillar, 1, wire::RECEIVING, wire::OPERATION_PROGRESS));
    bench.leg().OnTime(bench.now(), bench.out());
  }
  EXPECT_EQ(bench.leg().state(), LegState::kWorking);
}

TEST(Leg, ItsFinalSaysMoreThanItsCancel) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kWorking);
  bench.leg().OnTransferFailed(absl::UnavailableError("the session broke"), bench.now(),
                               bench.out());
  ASSERT_EQ(bench.leg().state(), LegState::kWithdrawn);
  bench.Hear(Final(bench.asked(), kPillar, wire::NO_SPACE, "full"));
  EXPECT_EQ(bench.leg().Result().code, wire::NO_SPACE);

  LegBench other(wire::PUT_FILE);
  other.Reach(LegState::kWorking);
  other.leg().OnTransferFailed(absl::DataLossError("bytes differ"), other.now(), other.out());
  other.Hear(Final(other.asked(), kPillar, wire::CANCELLED));
  EXPECT_EQ(other.leg().Result().code, wire::DATA_LOSS);
  EXPECT_EQ(other.leg().Result().text, "bytes differ");
}

}  // namespace
}  // namespace bitrepo::protocol
