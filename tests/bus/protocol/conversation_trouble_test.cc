// SPDX-License-Identifier: Apache-2.0
// The conversation in trouble: silence, absence, failure, withdrawal; and lists, page by page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/protocol/conversation.h"
#include "bus/protocol/limits.h"
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
using ::testing::HasSubstr;

// ---- trouble

// [C-11]
TEST(ConversationTrouble, SilenceEndsAsUnknown) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  Accept(bench, "p-1");
  bench.Wait(absl::Milliseconds(29999));
  EXPECT_FALSE(bench.machine().done());
  bench.Wait(absl::Milliseconds(1));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kUnknown);
  EXPECT_EQ(bench.outcome().code, wire::GONE);
  EXPECT_EQ(bench.result("p-1").state, State::kUnknown);
  EXPECT_EQ(bench.said().back().header.kind(), wire::CANCEL);
}

TEST(ConversationTrouble, ProgressAndBytesExtendItsPatience) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  for (uint32_t i = 1; i <= 10; ++i) {
    bench.Wait(absl::Seconds(25));
    bench.Hear(Progress(bench.request("p-1"), "p-1", i, wire::STORING, wire::OPERATION_PROGRESS));
  }
  for (int i = 0; i < 10; ++i) {
    bench.Wait(absl::Seconds(25));
    bench.Activity("p-1");
  }
  EXPECT_FALSE(bench.machine().done());
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

TEST(ConversationTrouble, AGetGoesOnWithTheNextBest) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(bench, kThree);
  bench.Hear(Undelivered(bench.request("p-1")));
  EXPECT_TRUE(bench.asked("p-2"));
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::DATA_LOSS));
  EXPECT_TRUE(bench.asked("p-3"));
  Complete(bench, "p-3");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.result("p-1").state, State::kFailed);
  EXPECT_EQ(bench.result("p-2").code, wire::DATA_LOSS);
}

TEST(ConversationTrouble, AGetWhoseBytesStopGoesOnWithWhatIsOwed) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(bench, kThree);
  Accept(bench, "p-1");
  wire::Body owed;
  owed.mutable_get_file_request()->mutable_range()->set_file_id("x");
  owed.mutable_get_file_request()->mutable_range()->set_offset(4096);
  bench.machine().SetRequest(owed);
  bench.TransferFailed("p-1", absl::UnavailableError("the session broke"));
  ASSERT_EQ(bench.said().size(), 2u);
  EXPECT_EQ(bench.said()[0].header.kind(), wire::CANCEL);
  EXPECT_EQ(bench.said()[1].body.get_file_request().range().offset(), 4096u);
  EXPECT_TRUE(bench.asked("p-2"));
  // That the first pillar thinks it is done brings no bytes.
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::OPERATION_COMPLETED));
  EXPECT_FALSE(bench.machine().done());
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  EXPECT_EQ(bench.result("p-1").code, wire::FILE_TRANSFER_FAILURE);
}

TEST(ConversationTrouble, WhenAllHaveFailedTheMostTellingIsTold) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  IdentifyAll(bench, kThree);
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::FAILURE));
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::DATA_LOSS, "block 4"));
  bench.Hear(Final(bench.request("p-3"), "p-3", wire::FILE_NOT_FOUND_FAILURE));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(bench.outcome().code, wire::DATA_LOSS);
  EXPECT_EQ(bench.outcome().text, "p-2: block 4");
}

TEST(ConversationTrouble, WithoutFailOverOnlyThePreferredIsAsked) {
  ConversationSpec spec = SpecFor(wire::GET_FILE, Reach::kOne);
  spec.prefer = Name("p-3");
  spec.fail_over = false;
  AskingBench bench(spec);
  bench.Hear(Routed(bench.identify(), kThree));
  bench.Hear(IdentifyReply(bench.identify(), "p-3", wire::IDENTIFICATION_POSITIVE));
  EXPECT_TRUE(bench.asked("p-3")) << "nobody else is worth waiting for";
  bench.Hear(Final(bench.request("p-3"), "p-3", wire::FAILURE));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kFailed);
  EXPECT_FALSE(bench.asked("p-1"));
}

TEST(ConversationTrouble, ThePreferredThatIsNotThereFailsByName) {
  ConversationSpec spec = SpecFor(wire::GET_FILE, Reach::kOne);
  spec.prefer = Name("p-9");
  spec.fail_over = false;
  AskingBench bench(spec);
  bench.Hear(Routed(bench.identify(), {"p-1"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE);
  EXPECT_THAT(bench.outcome().text, HasSubstr("p-9"));
}

TEST(ConversationTrouble, OneThatIdentifiesLateIsOneMoreToTry) {
  AskingBench bench(SpecFor(wire::GET_FILE, Reach::kOne));
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Seconds(3));
  EXPECT_TRUE(bench.asked("p-1"));
  bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::FAILURE));
  EXPECT_TRUE(bench.asked("p-2"));
}

// [C-15]
TEST(ConversationTrouble, WhenTheBusReturnsWhatIsUnansweredIsSentAgainAtOnce) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, kThree);
  Complete(bench, "p-1");
  Accept(bench, "p-2");
  bench.BusDown();
  bench.Wait(absl::Seconds(10));
  EXPECT_TRUE(bench.said().empty());
  bench.BusUp();
  ASSERT_EQ(bench.said().size(), 2u);
  EXPECT_EQ(ToFrames(bench.said()[0]), ToFrames(bench.request("p-2")));
  EXPECT_EQ(ToFrames(bench.said()[1]), ToFrames(bench.request("p-3")));
}

TEST(ConversationTrouble, JustAfterTheBusIsBackAnAbsentPillarIsWaitedFor) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  bench.BusDown();
  bench.BusUp();
  bench.Hear(Undelivered(bench.request("p-1")));
  EXPECT_EQ(bench.Count(EventKind::kWarning), 1u);
  bench.Wait(absl::Milliseconds(1300));
  EXPECT_EQ(bench.said().size(), 1u);
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

TEST(ConversationTrouble, TheWaitForAnAbsentPillarEnds) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  bench.BusDown();
  bench.BusUp();
  bench.Hear(Undelivered(bench.request("p-1")));
  bench.Wait(kReturnGrace);
  EXPECT_TRUE(bench.machine().done());
  EXPECT_EQ(bench.outcome().code, wire::UNREACHABLE);
}

TEST(ConversationTrouble, ALongAbsenceOfTheCoordinatorEndsIt) {
  AskingBench asked(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(asked, {"p-1"});
  asked.BusDown();
  asked.Wait(absl::Seconds(30));
  EXPECT_EQ(asked.outcome().verdict, Verdict::kUnknown);

  AskingBench unasked(SpecFor(wire::PUT_FILE, Reach::kAll));
  unasked.BusDown();
  unasked.Wait(absl::Milliseconds(29999));
  EXPECT_FALSE(unasked.machine().done());
  unasked.Wait(absl::Milliseconds(1));
  EXPECT_EQ(unasked.outcome().verdict, Verdict::kFailed);
  EXPECT_EQ(unasked.outcome().code, wire::UNREACHABLE);
}

// [C-18]
TEST(ConversationTrouble, ManyShortAbsencesDoNotKeepItForEver) {
  for (const bool identified : {false, true}) {
    AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
    if (identified) {
      IdentifyAll(bench, {"p-1"});
    }
    for (int i = 0; i < 40; ++i) {
      bench.BusDown();
      bench.Wait(absl::Seconds(1));
      bench.BusUp();
      bench.Wait(absl::Seconds(1));
    }
    EXPECT_TRUE(bench.machine().done());
  }
}

// [C-19]
TEST(ConversationTrouble, ACancelWithdrawsWhatIsOwed) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, kThree);
  Complete(bench, "p-1");
  bench.Cancel();
  EXPECT_EQ(bench.machine().phase(), Phase::kClosing);
  ASSERT_EQ(bench.said().size(), 2u);
  EXPECT_EQ(bench.cancel("p-2").body.cancel().request_id(),
            bench.request("p-2").header.message_id());
  EXPECT_EQ(bench.cancel("p-2").body.cancel().reason(), "stopped by the user");
  bench.Hear(Final(bench.request("p-2"), "p-2", wire::CANCELLED));
  bench.Hear(Final(bench.request("p-3"), "p-3", wire::CANCELLED));
  EXPECT_EQ(bench.outcome().verdict, Verdict::kCancelled);
  EXPECT_EQ(bench.outcome().code, wire::CANCELLED);
  EXPECT_EQ(bench.result("p-1").state, State::kDone);
}

TEST(ConversationTrouble, ACancelThatComesTooLateIsASuccess) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  bench.Cancel();
  Complete(bench, "p-1");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
}

TEST(ConversationTrouble, ACancelNobodyAnswersEndsSoon) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  bench.Cancel();
  bench.Wait(kWithdrawPatience);
  EXPECT_EQ(bench.outcome().verdict, Verdict::kCancelled);
  EXPECT_EQ(bench.result("p-1").state, State::kUnknown);
  EXPECT_EQ(bench.Count(EventKind::kFailed), 1u);
}

TEST(ConversationTrouble, ACancelBeforeAnyoneWasAskedEndsAtOnce) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  bench.Cancel();
  EXPECT_EQ(bench.outcome().verdict, Verdict::kCancelled);
  EXPECT_TRUE(bench.said().empty());
}

// ---- pages

// [C-30]
TEST(ConversationPages, EachIsARequestOfItsOwnWhenItIsWanted) {
  ConversationSpec spec = SpecFor(wire::GET_FILE_IDS, Reach::kAll);
  spec.request.mutable_page()->set_limit_items(1);
  spec.request.mutable_page()->clear_cursor();
  AskingBench bench(spec);
  IdentifyAll(bench, {"p-1", "p-2"});
  const std::string first = bench.request("p-1").header.message_id();
  bench.Hear(PageFinal(bench.request("p-1"), "p-1", "after-1"));
  EXPECT_EQ(bench.told().at(0).kind, EventKind::kPage);
  bench.Wait(absl::Minutes(10));
  EXPECT_EQ(bench.result("p-1").state, State::kWorking) << "the asker takes its time";
  bench.NextPage("p-1");
  ASSERT_EQ(bench.said().size(), 1u);
  EXPECT_EQ(bench.said()[0].body.page().cursor(), "after-1");
  EXPECT_EQ(bench.said()[0].body.page().limit_items(), 1u);
  EXPECT_NE(bench.said()[0].header.message_id(), first);
  bench.Hear(PageFinal(bench.request("p-1"), "p-1", ""));
  EXPECT_EQ(bench.result("p-1").state, State::kDone);
}

TEST(ConversationPages, ARepeatedPageIsNotTakenForTheNext) {
  AskingBench bench(SpecFor(wire::GET_FILE_IDS, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  const Envelope first = PageFinal(bench.request("p-1"), "p-1", "after-1");
  bench.Hear(first);
  bench.Hear(first);
  EXPECT_TRUE(bench.told().empty());
  bench.NextPage("p-1");
  bench.NextPage("p-1");
  EXPECT_TRUE(bench.said().empty()) << "asked for already";
  bench.Hear(first);
  EXPECT_EQ(bench.machine().counters().foreign, 1u);
  EXPECT_FALSE(bench.machine().done());
}

TEST(ConversationPages, AListThatHasBegunIsNotTakenOver) {
  AskingBench bench(SpecFor(wire::GET_FILE_IDS, Reach::kOne));
  IdentifyAll(bench, {"p-1", "p-2"});
  bench.Hear(PageFinal(bench.request("p-1"), "p-1", "after-1"));
  bench.NextPage("p-1");
  bench.Hear(Final(bench.request("p-1"), "p-1", wire::FAILURE));
  EXPECT_TRUE(bench.machine().done());
  EXPECT_FALSE(bench.asked("p-2"));
}

TEST(ConversationPages, ACancelEndsAPausedList) {
  AskingBench bench(SpecFor(wire::GET_FILE_IDS, Reach::kAll));
  IdentifyAll(bench, {"p-1"});
  bench.Hear(PageFinal(bench.request("p-1"), "p-1", "after-1"));
  bench.Cancel();
  EXPECT_EQ(bench.outcome().verdict, Verdict::kCancelled);
}

// ---- what has no effect

// [C-9]
TEST(ConversationNoise, IsIgnoredAndCounted) {
  AskingBench bench(SpecFor(wire::PUT_FILE, Reach::kAll));
  IdentifyAll(bench, {"p-1", "p-2"});
  const Envelope asked = bench.request("p-1");
  bench.Hear(Final(asked, "p-2", wire::OPERATION_COMPLETED));
  EXPECT_EQ(bench.machine().counters().foreign, 1u) << "not from the one that was asked";
  Envelope other = Final(asked, "p-1", wire::OPERATION_COMPLETED);
  other.header.set_conversation_id(samples::Id('x'));
  bench.Hear(other);
  EXPECT_EQ(bench.machine().counters().foreign, 2u) << "of another conversation";
  Complete(bench, "p-1");
  Complete(bench, "p-1");
  bench.Hear(Progress(asked, "p-1", 9, wire::STORING, wire::OPERATION_PROGRESS));
  EXPECT_EQ(bench.machine().counters().ignored, 2u);
  Complete(bench, "p-2");
  EXPECT_EQ(bench.outcome().verdict, Verdict::kSuccess);
  Complete(bench, "p-2");
  bench.Cancel();
  bench.BusUp();
  bench.TransferFailed("p-1", absl::InternalError("x"));
  bench.NextPage("p-1");
  bench.Wait(absl::Hours(1));
  EXPECT_EQ(bench.Count(EventKind::kComplete) + bench.Count(EventKind::kFailed), 1u);
  EXPECT_EQ(bench.all_told().back().kind, EventKind::kComplete);
}

}  // namespace
}  // namespace bitrepo::protocol
