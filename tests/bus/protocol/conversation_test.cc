// SPDX-License-Identifier: Apache-2.0
// The conversation as a whole: its course when all goes well, and whom it waits for and asks.
#include "bus/protocol/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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
using samples::Progress;
using samples::Refused;
using samples::Routed;
using samples::SpecFor;
using samples::Undelivered;
using State = ContributorResult::State;
using ::testing::HasSubstr;

// ---- the life of one operation

TEST(Conversation, APutIdentifiesAsksAndEndsWhenAllHaveIt) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  EXPECT_EQ(bench.said().size(), 1u);
  EXPECT_EQ(bench.identify().destination.ToString(), "collection:books");
  IdentifyAll(bench, kThree);
  EXPECT_TRUE(bench.asked("p-1"));
  EXPECT_FALSE(bench.asked("p-2"));
  Accept(bench, "p-1");
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_TRUE(bench.asked("p-3"));
  Accept(bench, "p-2");
  Accept(bench, "p-3");
  for (const std::string& name : kThree) {
    EXPECT_FALSE(bench.machine().done());
    Complete(bench, name);
  }
  EXPECT_TRUE(bench.machine().done());
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.outcome().code, wire::OPERATION_COMPLETED);
  EXPECT_EQ(bench.machine().WakeAt(), absl::InfiniteFuture());
  EXPECT_EQ(bench.all_told().back().kind, EventKind::kComplete);
  EXPECT_EQ(bench.Count(EventKind::kComponentIdentified), 3u);
  EXPECT_EQ(bench.Count(EventKind::kRequestSent), 3u);
  EXPECT_EQ(bench.Count(EventKind::kComponentComplete), 3u);
}

// [C-3] Five kinds of message in this order, and one request to one pillar.
TEST(Conversation, AGetIsFiveKindsOfMessage) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(bench, kThree);
  EXPECT_EQ(bench.Count(EventKind::kRequestSent), 1u);
  EXPECT_TRUE(bench.asked("p-1"));
  Accept(bench, "p-1");
  EXPECT_EQ(bench.told().at(0).message->secret, "token-p-1");
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.all().size(), 2u) << "one identify, one request";
}

TEST(Conversation, TheFastestIsAsked) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE, 900));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE, 100));
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_FALSE(bench.asked("p-1"));
}

TEST(Conversation, EveryMessageCarriesTheConversation) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, kThree);
  bench.Cancel();
  ASSERT_EQ(bench.all().size(), 7u);
  for (const Envelope& message : bench.all()) {
    EXPECT_EQ(message.conversation(), bench.machine().id());
    EXPECT_EQ(message.header.from(), "alice");
    EXPECT_EQ(message.header.reply_to(), "alice.5f03");
  }
}

// ---- identify

TEST(ConversationIdentify, WaitsForAllThatWereAsked) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().phase(), Phase::kAsking);
}

// [C-5]
TEST(ConversationIdentify, WithOneAwayItWaitsUntilTheTimeOut) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}, {"p-3"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Milliseconds(2999));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Wait(absl::Milliseconds(1));
  EXPECT_EQ(bench.machine().phase(), Phase::kAsking);
  EXPECT_EQ(bench.Count(EventKind::kIdentifyTimeout), 1u);
  EXPECT_TRUE(bench.result("p-3").away);
  EXPECT_EQ(bench.result("p-3").state, State::kFailed);
  EXPECT_EQ(bench.result("p-3").code, wire::UNREACHABLE);
  Complete(bench, "p-1");
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(ExitCodeOf(bench.outcome().code), 5);
  EXPECT_THAT(bench.outcome().text, HasSubstr("p-3"));
}

TEST(ConversationIdentify, OneThatIsAwayMayComeBackInTime) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), {"p-1"}, {"p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Milliseconds(1300));
  ASSERT_EQ(bench.said().size(), 1u) << "asked again";
  EXPECT_EQ(ToFrames(bench.said()[0]), ToFrames(bench.identify()));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().counters().ignored, 1u);
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().phase(), Phase::kAsking);
}

// [C-6] For a get it is enough that one of those present can serve: who is not connected cannot.
TEST(ConversationIdentify, AGetDoesNotWaitForThoseThatAreAway) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}, {"p-3"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-2"));
}

TEST(ConversationIdentify, AGetThatNobodyPresentCanServeDoesWait) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1"}, {"p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Wait(absl::Seconds(3));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE) << "the one that is away may have it";
}

TEST(ConversationIdentify, WhatNobodyHasIsNotFound) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), kThree));
  for (const std::string& name : kThree) {
    bench.Hear(IdentifyReply(bench.identify(), name, wire::FILE_NOT_FOUND_FAILURE));
  }
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(ExitCodeOf(bench.outcome().code), 4);
  EXPECT_EQ(bench.all().size(), 1u) << "nobody was asked for it";
}

// [C-7]
TEST(ConversationIdentify, WhileTheBrokerSettlesItWaitsUntilTheTimeOut) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), {"p-1"}, {}, true));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Wait(absl::Milliseconds(1300));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}, {}, false));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().phase(), Phase::kAsking);
}

// [C-7]
TEST(ConversationIdentify, APutToABrokerThatHasJustStartedTellsOfThePillarThatIsAbsent) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  const auto hear_identify = [&](bool settling) {
    bench.Hear(settling ? Routed(bench.identify(), {"p-1", "p-2"}, {}, true)
                        : Routed(bench.identify(), {"p-1", "p-2"}, {"p-3"}));
    bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
    bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  };
  hear_identify(true);
  const absl::Time settled = bench.now() + absl::Seconds(5);
  while (bench.machine().phase() == Phase::kIdentifying) {
    bench.Wait(std::max(bench.machine().WakeAt() - bench.now(), absl::ZeroDuration()));
    if (!bench.said().empty() && bench.said()[0].header.kind() == wire::IDENTIFY) {
      hear_identify(bench.now() < settled);
    }
  }
  EXPECT_GE(bench.now(), settled) << "who is absent was not known before";
  Accept(bench, "p-1");
  Complete(bench, "p-1");
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(bench.result("p-3").state, State::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE);
}

// [C-7]
TEST(ConversationIdentify, WithoutAWordOnWhoIsAbsentThereIsNoSuccessOfAll) {
  for (const bool settling : {false, true}) {
    for (const uint32_t quorum : {0, 1}) {
      ConversationSpec spec = SpecFor(wire::PUT_FILE, Reach::kAll);
      spec.quorum = quorum;
      AskingBench bench(spec);
      if (settling) {
        bench.Hear(Routed(bench.identify(), {"p-1"}, {}, true));
      }
      bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
      bench.Wait(absl::Seconds(8));
      ASSERT_TRUE(bench.asked("p-1"));
      Complete(bench, "p-1");
      EXPECT_EQ(bench.outcome().verdict, quorum == 0 ? Verdict::kPartial : Verdict::kSuccess);
      EXPECT_EQ(bench.outcome().code, quorum == 0 ? wire::UNREACHABLE : wire::OPERATION_COMPLETED);
    }
  }
}

TEST(ConversationIdentify, WithoutACoordinatorNothingIsReached) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Wait(absl::Seconds(3));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE);
  EXPECT_THAT(bench.outcome().text, HasSubstr("coordinator"));
}

TEST(ConversationIdentify, ACollectionThatNobodyServes) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Routed(bench.identify(), {}, {}));
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE);
  EXPECT_THAT(bench.outcome().text, HasSubstr("books"));
}

TEST(ConversationIdentify, TheBrokersRefusalEndsItUnlessItIsBusy) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Hear(Refused(bench.identify(), wire::BUSY));
  EXPECT_EQ(bench.Count(EventKind::kWarning), 1u);
  EXPECT_FALSE(bench.machine().done());
  bench.Hear(Refused(bench.identify(), wire::DENIED));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::DENIED);
}

TEST(ConversationIdentify, NamedOnesAreAskedOneByOne) {
  ConversationSpec spec = SpecFor(wire::GET_STATUS, Reach::kAll);
  spec.named = {Name("p-1"), Name("p-2")};
  AskingBench bench(spec);
  EXPECT_EQ(bench.said().size(), 2u);
  bench.Hear(IdentifyReply(bench.identify("p-1"), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify("p-1"), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.machine().counters().foreign, 1u);
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(Undelivered(bench.identify("p-2")));
  EXPECT_EQ(bench.machine().phase(), Phase::kAsking);
  EXPECT_EQ(bench.result("p-2").code, wire::UNREACHABLE);
  EXPECT_TRUE(bench.asked("p-1"));
  EXPECT_FALSE(bench.asked("p-2"));
}

TEST(ConversationIdentify, JustAfterTheBusIsBackANamedOneIsWaitedFor) {
  ConversationSpec spec = SpecFor(wire::GET_STATUS, Reach::kAll);
  spec.named = {Name("p-1")};
  AskingBench bench(spec);
  bench.BusDown();
  bench.BusUp();
  bench.Hear(Undelivered(bench.identify("p-1")));
  EXPECT_EQ(bench.machine().phase(), Phase::kIdentifying);
  bench.Hear(IdentifyReply(bench.identify("p-1"), "p-1", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-1"));
}

// [C-4]
TEST(ConversationIdentify, MayBeSkippedWhenTheAskerKnowsWhom) {
  ConversationSpec spec = SpecFor(wire::GET_FILE, Reach::kOne);
  spec.named = {Name("p-2"), Name("p-1")};
  spec.identify_first = false;
  AskingBench bench(spec);
  EXPECT_EQ(bench.said().size(), 1u);
  EXPECT_TRUE(bench.asked("p-1"));
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

TEST(ConversationIdentify, ToTheCoordinatorThereIsNone) {
  ConversationSpec spec = SpecFor(wire::GET_ROSTER, Reach::kAll);
  spec.collection.reset();
  spec.to_coordinator = true;
  AskingBench bench(spec);
  ASSERT_EQ(bench.said().size(), 1u);
  EXPECT_EQ(bench.said()[0].destination.ToString(), "coordinator");
  bench.Hear(Final(bench.said()[0], "hub-1", wire::OPERATION_COMPLETED));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.result("coordinator").state, State::kDone);
}

TEST(ConversationIdentify, ASpecThatMakesNoMessageEndsAtOnce) {
  ConversationSpec spec = SpecFor(wire::PUT_FILE, Reach::kAll);
  spec.identify.mutable_put_file_identify()->set_file_id("../x");
  AskingBench bench(spec);
  EXPECT_TRUE(bench.machine().done());
  EXPECT_EQ(bench.outcome().code, wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_TRUE(bench.said().empty());

  ConversationSpec nobody = SpecFor(wire::PUT_FILE, Reach::kAll);
  nobody.identify_first = false;
  AskingBench alone(nobody);
  EXPECT_EQ(alone.outcome().code, wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

// ---- put on several pillars

TEST(ConversationPut, WhatIsHeldAlreadyIsDone) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(HeldAlready(bench.identify(), "p-1"));
  bench.Hear(HeldAlready(bench.identify(), "p-2"));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.all().size(), 1u);
  EXPECT_NE(bench.result("p-1").identify_reply, nullptr);
}

TEST(ConversationPut, OneThatHoldsItOpensTheWayToTheRest) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(HeldAlready(bench.identify(), "p-1"));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_TRUE(bench.asked("p-3"));
}

// [C-17]
TEST(ConversationPut, OtherBytesUnderTheIdAnywhereStopItEverywhere) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::DUPLICATE_FILE_FAILURE));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.machine().done());
  EXPECT_FALSE(bench.asked("p-1"));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(ExitCodeOf(bench.outcome().code), 7);
}

TEST(ConversationPut, WhoLosesTheRaceForAnIdAsksNobodyElse) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::CONFLICT));
  EXPECT_TRUE(bench.machine().done());
  EXPECT_FALSE(bench.asked("p-2"));
  EXPECT_EQ(bench.outcome().code, wire::CONFLICT);
  EXPECT_THAT(bench.result("p-3").text, HasSubstr("p-1"));
}

// [C-16]
TEST(ConversationPut, WhenTheFirstCannotTheNextIsTheFirst) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::NO_SPACE));
  EXPECT_TRUE(bench.asked("p-2"));
  EXPECT_FALSE(bench.asked("p-3"));
  Accept(bench, "p-2");
  EXPECT_TRUE(bench.asked("p-3"));
  Complete(bench, "p-2");
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(bench.outcome().code, wire::NO_SPACE);
}

TEST(ConversationPut, AQueuedFirstIsNotYetAnAcceptance) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kFirstThenRest));
  IdentifyAll(bench, kThree);
  bench.Hear(Progress(bench.request("p-1"), "p-1", 1, wire::QUEUED, wire::OPERATION_PROGRESS));
  EXPECT_FALSE(bench.asked("p-2"));
  // The ACCEPTED was lost: what comes after it tells as much.
  bench.Hear(
      Progress(bench.request("p-1"), "p-1", 3, wire::RECEIVING, wire::OPERATION_PROGRESS, "token"));
  EXPECT_TRUE(bench.asked("p-2"));
}

TEST(ConversationPut, AQuorumIsEnough) {
  ConversationSpec spec = SpecFor(wire::PUT_FILE, Reach::kAll);
  spec.quorum = 2;
  AskingBench bench(spec);
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::NO_SPACE));
  Complete(bench, "p-2");
  EXPECT_FALSE(bench.machine().done()) << "what the third does is worth knowing";
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

TEST(ConversationPut, LessThanTheQuorumIsPartial) {
  ConversationSpec spec = SpecFor(wire::PUT_FILE, Reach::kAll);
  spec.quorum = 2;
  AskingBench bench(spec);
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::NO_SPACE));
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::FAILURE));
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kPartial);
  EXPECT_EQ(bench.outcome().code, wire::NO_SPACE) << "tells more than FAILURE";
}

}  // namespace
}  // namespace bitrepo::protocol
