// SPDX-License-Identifier: Apache-2.0
// A conversation whose asker says whom else to ask, and when it has enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/protocol/conversation.h"
#include "tests/bus/protocol/asking_bench.h"

namespace bitrepo::protocol {
namespace {

using samples::Accept;
using samples::AskingBench;
using samples::Complete;
using samples::Final;
using samples::IdentifyAll;
using samples::IdentifyReply;
using samples::kThree;
using samples::Routed;
using samples::SpecFor;
using samples::Undelivered;
using State = ContributorResult::State;

// Three have identified, and the best one has been asked.
class Several : public ::testing::Test {
 protected:
  Several() { IdentifyAll(bench_, kThree); }

  AskingBench bench_{SpecFor(wire::GET_FILE, Reach::kSome)};
};

wire::Body Part(uint64_t offset, uint64_t length) {
  wire::Body body;
  wire::FileRange& range = *body.mutable_get_file_request()->mutable_range();
  range.set_file_id("a/b");
  range.set_offset(offset);
  range.set_length(length);
  return body;
}

// [C-40]
TEST_F(Several, TheBestOneIsAskedFirstAndTheOthersWhenTheyAreNamed) {
  EXPECT_TRUE(bench_.asked("p-1"));
  EXPECT_FALSE(bench_.asked("p-2"));
  bench_.Ask("p-3", Part(10, 5));
  ASSERT_TRUE(bench_.asked("p-3"));
  EXPECT_EQ(bench_.request("p-3").body.get_file_request().range().offset(), 10u);
  EXPECT_EQ(bench_.request("p-3").conversation(), bench_.request("p-1").conversation());
  EXPECT_NE(bench_.request("p-3").message_id(), bench_.request("p-1").message_id());
  EXPECT_FALSE(bench_.asked("p-2"));
}

// [C-41]
TEST_F(Several, OneThatIsDoneWaitsToBeAskedForMoreHoweverLong) {
  Complete(bench_, "p-1");
  bench_.Wait(absl::Hours(2));
  EXPECT_FALSE(bench_.machine().done());
  EXPECT_FALSE(bench_.asked("p-2")) << "the asker has one that it can ask";
  const base::MessageId first = bench_.request("p-1").message_id();
  bench_.Ask("p-1", Part(0, 7));
  EXPECT_NE(bench_.request("p-1").message_id(), first);
  EXPECT_EQ(bench_.result("p-1").state, State::kWorking);
}

TEST_F(Several, AnAnswerToAnEarlierRequestOfTheSameContributorSaysNothing) {
  const Envelope first = bench_.request("p-1");
  Complete(bench_, "p-1");
  bench_.Ask("p-1", Part(0, 7));
  bench_.Hear(Final(first, "p-1", wire::FAILURE));
  EXPECT_EQ(bench_.result("p-1").state, State::kWorking);
  EXPECT_EQ(bench_.machine().counters().foreign, 1u);
}

TEST_F(Several, WhoIsBeingAskedOrHasNotIdentifiedIsNotAskedBeside) {
  for (const char* nobody : {"p-1", "p-9"}) {
    const uint64_t ignored = bench_.machine().counters().ignored;
    bench_.Ask(nobody, Part(0, 7));
    EXPECT_TRUE(bench_.said().empty()) << nobody;
    EXPECT_EQ(bench_.machine().counters().ignored, ignored + 1) << nobody;
  }
}

TEST(SeveralOfOne, WhereOneIsToDoItAllNobodyElseCanBeNamed) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(bench, kThree);
  bench.Ask("p-2", Part(0, 7));
  EXPECT_FALSE(bench.asked("p-2"));
  bench.Enough();
  EXPECT_FALSE(bench.machine().done());
  Complete(bench, "p-1");
  EXPECT_TRUE(bench.machine().done());
}

// [C-42]
TEST_F(Several, EndsAsASuccessWithTheFinalsThatAreOwedWhenTheAskerHasEnough) {
  Accept(bench_, "p-1");
  bench_.Ask("p-2", Part(10, 5));
  Accept(bench_, "p-2");
  Complete(bench_, "p-1");
  bench_.Enough();
  EXPECT_FALSE(bench_.machine().done()) << "p-2 still owes its final";
  Complete(bench_, "p-2");
  ASSERT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kSuccess);
  EXPECT_FALSE(bench_.asked("p-3"));
}

TEST_F(Several, WithoutEnoughItIsNoSuccessWhateverSomeHaveDone) {
  Complete(bench_, "p-1");
  bench_.Cancel();
  ASSERT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kCancelled);
}

TEST_F(Several, WhenTheOnlyOneAskedFailsTheNextBestIsAsked) {
  bench_.Hear(Final(bench_.request("p-1"), "p-1", wire::BUSY));
  EXPECT_TRUE(bench_.asked("p-2"));
  EXPECT_FALSE(bench_.asked("p-3"));
}

TEST_F(Several, WhileOthersAreAskedAFailureAsksNobody) {
  bench_.Ask("p-2", Part(10, 5));
  bench_.Hear(Final(bench_.request("p-1"), "p-1", wire::DATA_LOSS));
  EXPECT_FALSE(bench_.asked("p-3"));
  EXPECT_EQ(bench_.result("p-1").state, State::kFailed);
}

TEST_F(Several, FailsWithTheMostTellingCodeWhenAllHaveFailed) {
  bench_.Ask("p-2", Part(10, 5));
  bench_.Ask("p-3", Part(20, 5));
  bench_.Hear(Final(bench_.request("p-1"), "p-1", wire::BUSY));
  bench_.Hear(Final(bench_.request("p-3"), "p-3", wire::DATA_LOSS));
  EXPECT_FALSE(bench_.machine().done());
  bench_.Hear(Final(bench_.request("p-2"), "p-2", wire::BUSY));
  ASSERT_TRUE(bench_.machine().done());
  EXPECT_EQ(bench_.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench_.outcome().code, wire::DATA_LOSS);
}

// [C-45]
TEST_F(Several, OneThatSaidDoneAndWhoseBytesDidNotComeHasFailed) {
  bench_.Ask("p-2", Part(10, 5));
  Complete(bench_, "p-1");
  bench_.TransferFailed("p-1", absl::UnavailableError("cut"));
  EXPECT_EQ(bench_.result("p-1").state, State::kFailed);
  EXPECT_EQ(bench_.Count(EventKind::kComponentFailed, "p-1"), 1u);
  bench_.Ask("p-1", Part(0, 7));
  EXPECT_TRUE(bench_.said().empty()) << "it is not trusted again";
  bench_.Hear(Final(bench_.request("p-2"), "p-2", wire::FAILURE));
  EXPECT_TRUE(bench_.asked("p-3"));
  bench_.Hear(Final(bench_.request("p-3"), "p-3", wire::FAILURE));
  EXPECT_TRUE(bench_.machine().done());
}

// [C-43]
TEST_F(Several, WhoWasRelievedIsAskedAgainWhenNobodyElseIsLeft) {
  bench_.Ask("p-2", Part(10, 5));
  bench_.Ask("p-3", Part(20, 5));
  const base::MessageId first = bench_.request("p-1").message_id();
  bench_.Relieved("p-1");
  EXPECT_EQ(bench_.said().at(0).header.kind(), wire::CANCEL);
  EXPECT_EQ(bench_.result("p-1").state, State::kFailed);
  bench_.Hear(Final(bench_.request("p-2"), "p-2", wire::BUSY));
  EXPECT_EQ(bench_.request("p-1").message_id(), first) << "p-3 is there";
  bench_.Hear(Final(bench_.request("p-3"), "p-3", wire::BUSY));
  EXPECT_NE(bench_.request("p-1").message_id(), first);
  EXPECT_FALSE(bench_.machine().done());
}

TEST_F(Several, ADeadOneIsNotWaitedForWhereOthersCouldGoOn) {
  Accept(bench_, "p-1");
  bench_.Ask("p-2", Part(10, 5));
  Accept(bench_, "p-2");
  bench_.Ask("p-3", Part(20, 5));
  Accept(bench_, "p-3");
  bench_.Hear(Undelivered(bench_.request("p-3"), wire::GONE));
  EXPECT_EQ(bench_.result("p-3").state, State::kUnknown);
}

TEST_F(Several, OneThatIdentifiesLateCanBeNamedToo) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kSome));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Seconds(3));
  bench.Ask("p-2", Part(10, 5));
  EXPECT_FALSE(bench.asked("p-2"));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Ask("p-2", Part(10, 5));
  EXPECT_TRUE(bench.asked("p-2"));
}

// [C-44]
TEST_F(Several, TheAskerCanTellTheOperatorsOfIt) {
  bench_.Alarm("bad-source");
  ASSERT_EQ(bench_.said().size(), 1u);
  const Envelope& alarm = bench_.said()[0];
  EXPECT_EQ(alarm.header.kind(), wire::ALARM);
  EXPECT_EQ(alarm.destination.kind, Destination::Kind::kOperators);
  EXPECT_EQ(alarm.conversation(), bench_.request("p-1").conversation());
  EXPECT_EQ(alarm.body.alarm().code(), "bad-source");
  bench_.Enough();
  Complete(bench_, "p-1");
  bench_.Alarm("bad-source");
  EXPECT_TRUE(bench_.said().empty()) << "after its end it says nothing";
}

}  // namespace
}  // namespace bitrepo::protocol
