// SPDX-License-Identifier: Apache-2.0
// A contributor that is busy: asked again where nobody else would be, for as long as is said.
#include <gtest/gtest.h>

#include "tests/bus/protocol/leg_bench.h"

namespace bitrepo::protocol {
namespace {

using samples::Final;
using samples::Undelivered;

// [C-46]
TEST(Leg, ABusyOneIsAskedAgainWithTheSameRequestUntilItTakesIt) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  for (int i = 0; i < 20; ++i) {
    bench.Hear(Final(bench.asked(), kPillar, wire::BUSY, "too many"));
    ASSERT_EQ(bench.leg().state(), LegState::kAsked);
    EXPECT_EQ(bench.leg().Result().code, wire::BUSY);
    bench.now() = bench.leg().WakeAt();
    bench.leg().OnTime(bench.now(), bench.out());
    ASSERT_EQ(bench.leg().state(), LegState::kAsked);
    EXPECT_EQ(ToFrames(bench.out().messages.back()), ToFrames(bench.asked()));
  }
  bench.Do(LegEvent::kCompleted);
  EXPECT_EQ(bench.leg().state(), LegState::kDone);
}

// [C-46]
TEST(Leg, AfterFiveMinutesOfItBusyIsTheAnswer) {
  for (const bool over : {false, true}) {
    LegBench bench(wire::PUT_FILE);
    bench.Reach(LegState::kAsked);
    bench.Do(LegEvent::kBusy);
    bench.now() += kBusyPatience - absl::Milliseconds(over ? 0 : 1);
    bench.Do(LegEvent::kBusy);
    EXPECT_EQ(bench.leg().state(), over ? LegState::kFailed : LegState::kAsked);
    EXPECT_EQ(bench.leg().Result().code, wire::BUSY);
  }
}

// [C-46]
TEST(Leg, AnyOtherWordBeginsThePatienceWithABusyOneAnew) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  bench.Do(LegEvent::kProgress);
  bench.now() += kBusyPatience;
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kAsked);
}

// [C-46]
TEST(Leg, WhereAnotherWouldBeAskedABusyOneIsLeft) {
  LegBench bench(wire::GET_FILE, false);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kFailed);
  EXPECT_EQ(bench.leg().Result().code, wire::BUSY);
}

// [C-46] But for the pages of a list: nobody else goes on with those.
TEST(Leg, ABusyOneInTheMiddleOfItsListIsWaitedFor) {
  LegBench bench(wire::GET_FILE_IDS, false);
  bench.Reach(LegState::kPaged);
  bench.Do(LegEvent::kNextPage);
  bench.Hear(Final(bench.out().messages.back(), kPillar, wire::BUSY));
  EXPECT_EQ(bench.leg().state(), LegState::kAsked);
}

// [C-46] [C-12]
TEST(Leg, ACopyThatMetABusyOneHasHadNoEffect) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  bench.SendOnceMore();
  bench.Hear(Undelivered(bench.asked()));
  EXPECT_EQ(bench.leg().state(), LegState::kFailed) << "nothing can have been done";
}

// [C-46] [C-19]
TEST(Leg, AWithdrawnOneEndsWhenEachCopyWasInVain) {
  LegBench bench(wire::PUT_FILE);
  bench.Reach(LegState::kAsked);
  bench.SendOnceMore();
  bench.Do(LegEvent::kCancel);
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kWithdrawn) << "the other copy may have been taken";
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kFailed);
}

// [C-46]
TEST(Leg, WhereSomeAreEnoughABusyOneIsNotWaitedFor) {
  LegBench bench(wire::PUT_FILE);
  bench.asker().spec.quorum = 2;
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kFailed);
}

// [C-46]
TEST(Leg, WhoAsksHowThingsAreIsToldThatItIsBusy) {
  LegBench bench(wire::GET_STATUS);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  EXPECT_EQ(bench.leg().state(), LegState::kFailed);
  EXPECT_EQ(bench.leg().Result().code, wire::BUSY);
}

// [C-46]
TEST(Leg, WhenAnotherCanBeAskedAfterAllABusyOneIsLeft) {
  LegBench bench(wire::GET_FILE);
  bench.Reach(LegState::kAsked);
  bench.Do(LegEvent::kBusy);
  ASSERT_EQ(bench.leg().state(), LegState::kAsked);
  bench.leg().OnAlternative(bench.now(), bench.out());
  EXPECT_EQ(bench.leg().state(), LegState::kFailed);
  EXPECT_EQ(bench.leg().Result().code, wire::BUSY);
}

}  // namespace
}  // namespace bitrepo::protocol
