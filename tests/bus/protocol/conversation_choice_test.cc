// SPDX-License-Identifier: Apache-2.0
// Whom a conversation chooses, whom it passes over, and what counts as done before anyone is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/protocol/conversation.h"
#include "bus/protocol/response_code.h"
#include "tests/bus/protocol/asking_bench.h"

namespace bitrepo::protocol {
namespace {

using samples::Accept;
using samples::AskingBench;
using samples::Complete;
using samples::Final;
using samples::HeldAlready;
using samples::IdentifyAll;
using samples::IdentifyReply;
using samples::kThree;
using samples::Name;
using samples::Routed;
using samples::SpecFor;
using State = ContributorResult::State;
using ::testing::HasSubstr;

ConversationSpec GetFrom(const std::string& preferred, bool fail_over) {
  ConversationSpec spec = SpecFor(wire::GET_FILE, Reach::kOne);
  spec.prefer = Name(preferred);
  spec.fail_over = fail_over;
  return spec;
}

// ---- one that is busy

// [C-46]
TEST(ConversationChoice, OneThatIsBusyWhenItIsToIdentifyIsAskedAllTheSame) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::BUSY));
  EXPECT_EQ(bench.Count(EventKind::kWarning, "p-2"), 1u);
  EXPECT_EQ(bench.Count(EventKind::kComponentFailed), 0u);
  ASSERT_TRUE(bench.asked("p-1"));
  ASSERT_TRUE(bench.asked("p-2"));
  Complete(bench, "p-1");
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// [C-46]
TEST(ConversationChoice, WhereOneIsEnoughABusyOneIsAskedAfterAllOthers) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::BUSY));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE, 1'000'000));
  ASSERT_TRUE(bench.asked("p-2"));
  ASSERT_FALSE(bench.asked("p-1"));
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::DATA_LOSS));
  ASSERT_TRUE(bench.asked("p-1"));
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::BUSY));
  EXPECT_FALSE(bench.machine().done()) << "nobody else is left: it is waited for";
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// [C-46]
TEST(ConversationChoice, ABusyOneIsLeftForOneThatIdentifiesLate) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Seconds(3));
  ASSERT_TRUE(bench.asked("p-1"));
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::BUSY));
  ASSERT_FALSE(bench.machine().done());
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  ASSERT_TRUE(bench.asked("p-2"));
  EXPECT_EQ(bench.result("p-1").code, wire::BUSY);
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// ---- the preferred one

// [C-34]
TEST(ConversationChoice, WhenThePreferredOneHasAnsweredNobodyElseIsWaitedForNorCalledAbsent) {
  for (const bool fail_over : {false, true}) {
    AskingBench bench(GetFrom("p-2", fail_over));
    bench.Hear(Routed(bench.identify(), kThree));
    bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE, 900));
    ASSERT_TRUE(bench.asked("p-2"));
    Complete(bench, "p-2");
    EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
    for (const char* other : {"p-1", "p-3"}) {
      EXPECT_EQ(bench.result(other).state, State::kWaiting);
      EXPECT_TRUE(bench.result(other).passed_over);
      EXPECT_EQ(bench.result(other).text, "not asked");
      EXPECT_EQ(bench.result(other).code, wire::RESPONSE_CODE_UNSPECIFIED);
    }
    EXPECT_EQ(bench.Count(EventKind::kComponentFailed), 0u);
    EXPECT_EQ(bench.Count(EventKind::kIdentifyTimeout), 0u);
  }
}

// [C-34]
TEST(ConversationChoice, WhenThePreferredOneCannotTheOthersAreWaitedFor) {
  AskingBench bench(GetFrom("p-2", true));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-1"));
}

// [C-34] State asking, identify reply and all answered.
TEST(ConversationChoice, WhoeverIdentifiesMeanwhileTakesOverFromThePreferredOne) {
  AskingBench bench(GetFrom("p-2", true));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  EXPECT_FALSE(bench.asked("p-1"));
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::DATA_LOSS));
  EXPECT_TRUE(bench.asked("p-1"));
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// A get whose preferred pillar has failed before another was heard.
class ListensForOthers : public testing::Test {
 protected:
  void SetUp() override {
    bench_.Hear(Routed(bench_.identify(), {"p-1", "p-2"}));
    bench_.Hear(IdentifyReply(bench_.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
    bench_.Hear(Final(bench_.request("p-2"), "p-2", wire::FAILURE));
    ASSERT_EQ(bench_.machine().phase(), Phase::kAsking);
  }
  AskingBench bench_{GetFrom("p-2", true)};
};

// [C-34]
TEST_F(ListensForOthers, AndAsksTheOneThatIdentifies) {
  bench_.Hear(IdentifyReply(bench_.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  ASSERT_TRUE(bench_.asked("p-1"));
  Complete(bench_, "p-1");
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kSuccess);
}

// [C-34]
TEST_F(ListensForOthers, AndEndsWhenAllHaveRefused) {
  bench_.Hear(IdentifyReply(bench_.identify(), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench_.result("p-1").code, wire::FILE_NOT_FOUND_FAILURE);
}

// [C-34] State asking, resend due.
TEST_F(ListensForOthers, AndIdentifiesAgain) {
  bench_.Wait(absl::Milliseconds(1300));
  ASSERT_EQ(bench_.said().size(), 1u);
  EXPECT_EQ(ToFrames(bench_.said()[0]), ToFrames(bench_.identify()));
  EXPECT_EQ(bench_.machine().phase(), Phase::kAsking);
}

// [C-34] State asking, identify time-out: only now can it be said that the other did not answer.
TEST_F(ListensForOthers, UntilTheTimeOutOfTheIdentify) {
  bench_.Wait(absl::Milliseconds(2999));
  EXPECT_FALSE(bench_.machine().done());
  bench_.Wait(absl::Milliseconds(1));
  EXPECT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.result("p-1").state, State::kFailed);
  EXPECT_EQ(bench_.result("p-1").code, wire::UNREACHABLE);
  EXPECT_EQ(bench_.outcome().code, wire::UNREACHABLE);
}

TEST_F(ListensForOthers, UntilItIsCancelled) {
  bench_.Cancel();
  EXPECT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kCancelled);
  EXPECT_TRUE(bench_.result("p-1").passed_over);
}

TEST_F(ListensForOthers, ThoughTheBusIsAway) {
  bench_.BusDown();
  bench_.Wait(absl::Minutes(2));
  EXPECT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kFailed);
}

// ---- pillars of another kind

// [C-35]
TEST(ConversationChoice, APillarThatNeverServesBytesIsPassedOverInSilence) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::REQUEST_NOT_SUPPORTED));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.Count(EventKind::kComponentFailed), 0u);
  EXPECT_TRUE(bench.result("p-1").passed_over);
  EXPECT_EQ(bench.result("p-1").code, wire::REQUEST_NOT_SUPPORTED);
}

// [C-35]
TEST(ConversationChoice, WhatTheOthersSayExplainsTheEndNotThatOneNeverServes) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::REQUEST_NOT_SUPPORTED));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(ExitCodeOf(bench.outcome().code), 4);
}

TEST(ConversationChoice, WhereNobodyServesThatIsTheReason) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::REQUEST_NOT_SUPPORTED));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::REQUEST_NOT_SUPPORTED);
}

TEST(ConversationChoice, OneThatIsAskedForByNameSaysThatItDoesNotServe) {
  AskingBench bench(GetFrom("p-1", false));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::REQUEST_NOT_SUPPORTED));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.result("p-1").state, State::kFailed);
  EXPECT_EQ(bench.Count(EventKind::kComponentFailed, "p-1"), 1u);
}

// [B-5] [B-6] A component of another version fails alone, and says why.
TEST(ConversationChoice, AnOlderPillarIsToldByItsCodeAndTheOthersGoOn) {
  for (const auto code : {wire::VERSION_NOT_SUPPORTED, wire::REQUEST_NOT_SUPPORTED}) {
    AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
    bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
    bench.Hear(IdentifyReply(bench.identify(), "p-1", code));
    bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
    Complete(bench, "p-2");
    EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
    EXPECT_EQ(bench.outcome().code, code);
    EXPECT_EQ(ExitCodeOf(bench.outcome().code), 7);
    EXPECT_EQ(bench.Count(EventKind::kComponentFailed, "p-1"), 1u);
  }
}

// ---- operations that change a store

// [C-37]
TEST(ConversationReplace, WhatIsHeldAlreadyIsDoneAndOpensTheWayToTheRest) {
  AskingBench bench(SpecFor(wire::REPLACE_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(HeldAlready(bench.identify(), "p-1"));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_TRUE(bench.asked("p-3"));
  Complete(bench, "p-2");
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// [C-32] Two askers, each with other bytes for the same old ones.
TEST(ConversationReplace, WhoLosesTheRaceReplacesNothingElsewhere) {
  AskingBench winner(SpecFor(wire::REPLACE_FILE, Reach::kFirstThenRest));
  AskingBench loser(SpecFor(wire::REPLACE_FILE, Reach::kFirstThenRest));
  IdentifyAll(winner, kThree);
  IdentifyAll(loser, kThree);
  Accept(winner, "p-1");
  EXPECT_TRUE(winner.asked("p-3"));
  loser.Hear(
      Final(loser.request("p-1"), "p-1", wire::EXISTING_FILE_CHECKSUM_FAILURE, "other bytes"));
  EXPECT_TRUE(loser.machine().done());
  EXPECT_FALSE(loser.asked("p-2"));
  EXPECT_EQ(ExitCodeOf(loser.outcome().code), 7);
  EXPECT_THAT(loser.result("p-3").text, HasSubstr("p-1"));
}

TEST(ConversationReplace, OneThatNeverHadTheFileStopsNobody) {
  AskingBench bench(SpecFor(wire::REPLACE_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(bench.outcome().code, wire::FILE_NOT_FOUND_FAILURE);
}

// [C-33]
TEST(ConversationDelete, WhatIsNotThereIsDeleted) {
  ConversationSpec spec = SpecFor(wire::DELETE_FILE, Reach::kFirstThenRest);
  spec.named = {Name("p-1")};
  AskingBench bench(spec);
  bench.Hear(IdentifyReply(bench.identify("p-1"), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.result("p-1").code, wire::OPERATION_COMPLETED);
  EXPECT_FALSE(bench.asked("p-1"));
  EXPECT_EQ(bench.Count(EventKind::kComponentFailed), 0u);
  EXPECT_EQ(bench.Count(EventKind::kComponentComplete, "p-1"), 1u);
}

// [C-33] That one does not have it says nothing of what the others have: they are asked in turn.
TEST(ConversationDelete, OneWithoutTheFileDoesNotOpenTheWayToTheRest) {
  AskingBench bench(SpecFor(wire::DELETE_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_FALSE(bench.asked("p-3"));
  Complete(bench, "p-2");
  EXPECT_TRUE(bench.asked("p-3"));
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

// [C-32]
TEST(ConversationDelete, OtherBytesThanNamedStopItEverywhere) {
  AskingBench bench(SpecFor(wire::DELETE_FILE, Reach::kFirstThenRest));
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::EXISTING_FILE_CHECKSUM_FAILURE));
  EXPECT_TRUE(bench.machine().done());
  EXPECT_FALSE(bench.asked("p-2"));
}

TEST(ConversationDelete, ARequestThatFindsNothingIsToldSo) {
  ConversationSpec spec = SpecFor(wire::DELETE_FILE, Reach::kAll);
  spec.named = {Name("p-1")};
  spec.identify_first = false;
  AskingBench bench(spec);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(ExitCodeOf(bench.outcome().code), 4);
}

// [C-32]
TEST(ConversationUndelete, GoesToTheFirstAndThenToTheRest) {
  AskingBench bench(SpecFor(wire::UNDELETE_FILE, Reach::kFirstThenRest));
  IdentifyAll(bench, kThree);
  EXPECT_FALSE(bench.asked("p-2"));
  Complete(bench, "p-1");
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_TRUE(bench.asked("p-3"));
  AskingBench stopped(SpecFor(wire::UNDELETE_FILE, Reach::kFirstThenRest));
  IdentifyAll(stopped, kThree);
  stopped.Hear(Final(stopped.request("p-1"), "p-1", wire::DUPLICATE_FILE_FAILURE));
  EXPECT_TRUE(stopped.machine().done());
  EXPECT_FALSE(stopped.asked("p-2"));
}

}  // namespace
}  // namespace bitrepo::protocol
