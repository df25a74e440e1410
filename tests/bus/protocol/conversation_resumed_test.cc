// SPDX-License-Identifier: Apache-2.0
// A conversation that another process takes up where the first one left it.
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
using samples::Name;
using samples::PageFinal;
using samples::Progress;
using samples::Routed;
using samples::SpecFor;
using samples::Undelivered;
using State = ContributorResult::State;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kLaterSession[] = "alice.77";

// As a client keeps it: frames and names.
ConversationRemains Kept(const ConversationRemains& remains) {
  ConversationRemains read = remains;
  read.requests.clear();
  for (const Envelope& request : remains.requests) {
    EnvelopeFault fault;
    read.requests.push_back(*OpenEnvelope(ToFrames(request), fault));
  }
  return read;
}

ConversationSpec Later(wire::Operation operation, Reach reach, const AskingBench& earlier) {
  ConversationSpec spec = SpecFor(operation, reach);
  spec.session = kLaterSession;
  spec.wall_start += absl::Hours(2);
  spec.resumed = Kept(const_cast<AskingBench&>(earlier).machine().remains());
  return spec;
}

// [C-36] The same request by the three ids and the body that one effect is judged by; replies come
// here.
TEST(ResumedConversation, SaysItsRequestAgainFromTheNewSession) {
  AskingBench earlier(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(earlier, kThree);
  Accept(earlier, "p-1");
  AskingBench later(Later(wire::GET_FILE, Reach::kOne, earlier));
  ASSERT_EQ(later.said().size(), 1u);
  const Envelope& first = earlier.request("p-1");
  const Envelope& again = later.request("p-1");
  EXPECT_EQ(again.body_bytes, first.body_bytes);
  EXPECT_EQ(again.header.from(), first.header.from());
  EXPECT_EQ(again.header.conversation_id(), first.header.conversation_id());
  EXPECT_EQ(again.header.message_id(), first.header.message_id());
  EXPECT_EQ(again.header.issued_at_us(), first.header.issued_at_us());
  EXPECT_EQ(again.header.reply_to(), kLaterSession);
  EXPECT_EQ(again.destination, first.destination);
  EnvelopeFault fault;
  EXPECT_TRUE(OpenEnvelope(ToFrames(again), fault).ok()) << fault.text;
  EXPECT_EQ(later.machine().phase(), Phase::kAsking);
  EXPECT_EQ(later.Count(EventKind::kRequestSent, "p-1"), 1u);
}

// [C-36]
TEST(ResumedConversation, EndsWithTheAnswerOnRecord) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  IdentifyAll(earlier, kThree);
  Accept(earlier, "p-1");
  Complete(earlier, "p-1");
  AskingBench later(Later(wire::PUT_FILE, Reach::kFirstThenRest, earlier));
  EXPECT_EQ(later.said().size(), 3u) << "who has finished says so again";
  for (const std::string& name : kThree) {
    Complete(later, name);
  }
  EXPECT_EQ(later.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(later.outcome().contributors.size(), 3u);
}

// [C-36]
TEST(ResumedConversation, GetsItsTokenAgain) {
  AskingBench earlier(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(earlier, kThree);
  Accept(earlier, "p-1");
  AskingBench later(Later(wire::GET_FILE, Reach::kOne, earlier));
  later.Hear(Progress(later.request("p-1"), "p-1", 7, wire::SENDING, wire::OPERATION_PROGRESS,
                      "token-p-1"));
  EXPECT_EQ(later.told().at(0).message->secret, "token-p-1") << "it was told to another process";
}

// [C-32] [C-36]
TEST(ResumedConversation, AsksTheRestWhenTheFirstHasAccepted) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  IdentifyAll(earlier, kThree);
  const ConversationRemains remains = earlier.machine().remains();
  EXPECT_EQ(remains.requests.size(), 1u);
  EXPECT_THAT(remains.unasked, ElementsAre(Name("p-2"), Name("p-3")));
  AskingBench later(Later(wire::PUT_FILE, Reach::kFirstThenRest, earlier));
  EXPECT_FALSE(later.asked("p-2"));
  Accept(later, "p-1");
  EXPECT_TRUE(later.asked("p-2"));
  EXPECT_TRUE(later.asked("p-3"));
}

TEST(ResumedConversation, AsksThoseAgainThatCouldNotBeAskedBefore) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  earlier.Hear(Routed(earlier.identify(), {"p-1"}, {"p-2"}));
  earlier.Hear(IdentifyReply(earlier.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  earlier.Wait(absl::Seconds(3));
  AskingBench later(Later(wire::PUT_FILE, Reach::kAll, earlier));
  EXPECT_TRUE(later.asked("p-2")) << "it may have come back";
  Complete(later, "p-1");
  later.Hear(Undelivered(later.request("p-2")));
  EXPECT_EQ(later.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(later.result("p-2").state, State::kFailed);
}

TEST(ResumedConversation, FailsOverToThoseThatWereNext) {
  AskingBench earlier(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(earlier, kThree);
  earlier.Hear(Final(earlier.request("p-1"), "p-1", wire::DATA_LOSS));
  const ConversationRemains remains = earlier.machine().remains();
  ASSERT_EQ(remains.requests.size(), 1u) << "who has failed is not asked again";
  EXPECT_EQ(remains.requests[0].header.to(), "p-2");
  AskingBench later(Later(wire::GET_FILE, Reach::kOne, earlier));
  later.Hear(Final(later.request("p-2"), "p-2", wire::FAILURE));
  ASSERT_TRUE(later.asked("p-3"));
  Complete(later, "p-3");
  EXPECT_EQ(later.outcome().verdict, Verdict::kSuccess);
}

// [C-12] [C-36]
TEST(ResumedConversation, OneThatIsNotThereMayHaveHeardTheProcessBefore) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(earlier, {"p-1"});
  AskingBench later(Later(wire::PUT_FILE, Reach::kAll, earlier));
  later.Hear(Undelivered(later.request("p-1")));
  EXPECT_EQ(later.outcome().verdict, Verdict::kUnknown);
}

// [C-7]
TEST(ResumedConversation, WhatWasNotKnownOfThoseAbsentIsNotForgotten) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  earlier.Hear(Routed(earlier.identify(), {"p-1"}, {}, true));
  earlier.Hear(IdentifyReply(earlier.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  earlier.Wait(absl::Seconds(8));
  EXPECT_FALSE(earlier.machine().remains().attendance_known);
  AskingBench later(Later(wire::PUT_FILE, Reach::kAll, earlier));
  Complete(later, "p-1");
  EXPECT_EQ(later.outcome().verdict, Verdict::kPartial);
}

TEST(ResumedConversation, TurnsThePagesOfItsList) {
  AskingBench earlier(SpecFor(wire::GET_FILE_IDS, Reach::kOne));
  IdentifyAll(earlier, {"p-1"});
  earlier.Hear(PageFinal(earlier.request("p-1"), "p-1", "second"));
  earlier.NextPage("p-1");
  AskingBench later(Later(wire::GET_FILE_IDS, Reach::kOne, earlier));
  EXPECT_EQ(later.request("p-1").body.page().cursor(), "second");
  later.Hear(PageFinal(later.request("p-1"), "p-1", "third"));
  later.NextPage("p-1");
  EXPECT_EQ(later.request("p-1").body.page().cursor(), "third");
  EXPECT_EQ(later.request("p-1").header.reply_to(), kLaterSession);
}

// [C-19]
TEST(ResumedConversation, CanBeCancelled) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(earlier, {"p-1"});
  AskingBench later(Later(wire::PUT_FILE, Reach::kAll, earlier));
  later.Cancel();
  const Envelope& cancel = later.cancel("p-1");
  EXPECT_EQ(cancel.body.cancel().request_id(), earlier.request("p-1").header.message_id());
  later.Hear(Final(cancel, "p-1", wire::CANCELLED));
  EXPECT_EQ(later.outcome().verdict, Verdict::kCancelled);
}

TEST(ResumedConversation, TheCoordinatorIsAskedAgainToo) {
  ConversationSpec spec = SpecFor(wire::GET_ROSTER, Reach::kAll);
  spec.collection.reset();
  spec.to_coordinator = true;
  AskingBench earlier(spec);
  spec.resumed = Kept(earlier.machine().remains());
  AskingBench later(spec);
  ASSERT_EQ(later.said().size(), 1u);
  EXPECT_EQ(later.said()[0].destination.ToString(), "coordinator");
  later.Hear(Final(later.said()[0], "hub-1", wire::OPERATION_COMPLETED));
  EXPECT_EQ(later.outcome().verdict, Verdict::kSuccess);
}

TEST(ResumedConversation, WhileItIdentifiesNothingIsLeftToTakeUp) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  EXPECT_THAT(earlier.machine().remains().requests, IsEmpty());
  AskingBench later(Later(wire::PUT_FILE, Reach::kAll, earlier));
  EXPECT_TRUE(later.machine().done());
  EXPECT_EQ(later.outcome().code, wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST(ResumedConversation, RequestsOfAnotherConversationAreNotItsOwn) {
  AskingBench earlier(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(earlier, {"p-1"});
  ConversationSpec spec = Later(wire::PUT_FILE, Reach::kAll, earlier);
  spec.id = *base::ConversationId::FromBytes(samples::Id('z'));
  AskingBench later(spec);
  EXPECT_TRUE(later.machine().done());
  EXPECT_TRUE(later.said().empty());
  EXPECT_EQ(later.outcome().code, wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

// [C-38] What the final of a list by token says brings no item.
TEST(TransferOfAList, ThatFailsEndsItsPrimitive) {
  AskingBench bench(SpecFor(wire::GET_FILE_INFOS, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  ASSERT_TRUE(bench.request("p-1").body.page().by_token());
  Accept(bench, "p-1");
  bench.TransferFailed("p-1", absl::UnavailableError("the session broke"));
  EXPECT_TRUE(bench.machine().done());
  EXPECT_EQ(bench.result("p-1").state, State::kFailed);
  EXPECT_EQ(bench.cancel("p-1").header.kind(), wire::CANCEL);
}

// [C-14] The way up for its parameters, then the way down for its items.
TEST(TransferOfAList, BringsTwoTokensOneAfterTheOther) {
  AskingBench bench(SpecFor(wire::GET_FILE_INFOS, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  Accept(bench, "p-1");
  EXPECT_EQ(bench.told().at(0).message->secret, "token-p-1");
  bench.Hear(Progress(bench.request("p-1"), "p-1", 2, wire::SENDING, wire::OPERATION_PROGRESS,
                      "the-way-down"));
  EXPECT_EQ(bench.told().at(0).message->secret, "the-way-down");
  bench.Hear(Progress(bench.request("p-1"), "p-1", 3, wire::SENDING, wire::OPERATION_PROGRESS,
                      "the-way-down"));
  EXPECT_EQ(bench.told().at(0).message->secret, "");
}

}  // namespace
}  // namespace bitrepo::protocol
