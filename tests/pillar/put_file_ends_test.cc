// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(PutFile, CanBeWithdrawnBeforeItIsLookedUp) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Send(rig.CancelOf(put));
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::CANCELLED);
  EXPECT_EQ(rig.Finals(put), 1);
}

TEST(PutFile, CanBeWithdrawnWhileItIsPreparedOrReceives) {
  PillarRig rig;
  for (int milliseconds = 0; milliseconds < 6; ++milliseconds) {
    const Envelope put = rig.Put("a", 5);
    rig.Send(put);
    rig.Run(absl::Milliseconds(milliseconds));
    rig.Send(rig.CancelOf(put));
    rig.Run();
    EXPECT_EQ(rig.Code(put), wire::CANCELLED) << milliseconds;
    if (rig.Token(put).empty()) continue;
    const auto push = rig.Push(rig.Token(put), "hello");
    rig.Run();
    EXPECT_THAT(*push->end, Not(testing_support::IsOk()));
  }
  EXPECT_EQ(rig.Stored("a"), "");
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

TEST(PutFile, ACancelAtAnyMomentLeavesOneFinalThatIsTrue) {
  for (int milliseconds = 0; milliseconds < 12; ++milliseconds) {
    PillarRig rig;
    const Envelope put = rig.Put("a", 5);
    rig.Send(put);
    rig.Run();
    rig.Push(rig.Token(put), "hello");
    rig.Run(absl::Milliseconds(milliseconds));
    const int before = rig.Finals(put);
    rig.Send(rig.CancelOf(put));
    rig.Run();
    EXPECT_EQ(rig.Finals(put), before + 1);  // after its final: the final again
    const bool stored = rig.Stored("a") == "hello";
    EXPECT_EQ(rig.Code(put), stored ? wire::OPERATION_COMPLETED : wire::CANCELLED) << milliseconds;
  }
}

TEST(PutFile, ACancelThatOvertakesItsRequestKeepsItFromBeginning) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(rig.CancelOf(put));
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::CANCELLED);
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::CANCELLED);
  EXPECT_EQ(rig.store.stages, 0);
}

TEST(PutFile, ACancelAfterARestartIsAnsweredFromTheRecord) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  rig.Restart();
  rig.heard.clear();
  rig.Send(rig.CancelOf(put));
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

// ---- time

TEST(PutFile, TellsHowFarItIsAtLeastEveryTwoSeconds) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run(absl::Seconds(10));
  EXPECT_GE(rig.Progress(put).size(), 5u);
  EXPECT_EQ(rig.Progress(put).back().body.progress().phase(), wire::RECEIVING);
  EXPECT_EQ(rig.Progress(put).back().body.progress().bytes_total(), 5u);
}

TEST(PutFile, FailsWhenNoByteComesForTooLong) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run(absl::Minutes(14));
  EXPECT_EQ(rig.Final(put), nullptr);
  rig.Run(absl::Minutes(2));
  EXPECT_THAT(rig.Code(put), ::testing::AnyOf(wire::FILE_TRANSFER_FAILURE, wire::EXPIRED));
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

TEST(PutFile, IsRefusedPastItsTimeButItsRecordedAnswerIsGiven) {
  PillarRig rig;
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.body.mutable_put_file_request()->set_file_id("a");
  ask.expires = rig.loop.clock().WallNow() + absl::Seconds(10);
  const Envelope in_time = rig.Request(ask);
  ask.body.mutable_put_file_request()->set_file_id("b");
  const Envelope late = rig.Request(ask);
  rig.Send(in_time);
  rig.Run();
  rig.Push(rig.Token(in_time), "x");
  rig.Run();
  ASSERT_EQ(rig.Code(in_time), wire::OPERATION_COMPLETED);
  rig.Run(absl::Seconds(20));
  rig.Restart();
  rig.heard.clear();
  rig.Send(in_time);
  rig.Send(late);
  rig.Run();
  EXPECT_EQ(rig.Code(in_time), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(late), wire::EXPIRED);
}

TEST(PutFile, IsRefusedWhenItsAnswerMayHaveBeenForgotten) {
  PillarRig rig;
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.body.mutable_put_file_request()->set_file_id("a");
  ask.issued = rig.loop.clock().WallNow() - absl::Seconds(1);
  rig.store.answers_from = rig.loop.clock().WallNow();
  const Envelope before = rig.Request(ask);
  rig.Send(before);
  rig.Run();
  EXPECT_EQ(rig.Code(before), wire::EXPIRED);
}

// ---- shared commits

TEST(PutFile, ManyPutsShareTheirCommits) {
  PillarRig rig;
  std::vector<Envelope> puts;
  for (int i = 0; i < 60; ++i) {
    puts.push_back(rig.Put(absl::StrCat("f", i), 5));
    rig.Send(puts.back());
  }
  rig.Run();
  for (const Envelope& put : puts) rig.Push(rig.Token(put), "hello");
  rig.Run(absl::Seconds(2));
  for (const Envelope& put : puts) EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_LT(rig.store.group_sizes.size(), 40u);
  EXPECT_EQ(rig.store.opens, 0) << "short puts are recorded once, with their final";
}

TEST(PutFile, ALonePutWaitsForNobody) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run(absl::Milliseconds(5));
  rig.Push(rig.Token(put), "hello");
  rig.Run(absl::Milliseconds(10));
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

// ---- interrupted and not asked again

TEST(PutFile, CutShortAndNeverAskedAgainItIsRecordedAsAFailure) {
  RigOptions options;
  options.interrupted_term = absl::Minutes(30);
  PillarRig rig(options);
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run(absl::Seconds(3));
  rig.Restart();
  rig.Run(absl::Minutes(61));
  rig.heard.clear();
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::FAILURE);
  EXPECT_EQ(rig.store.Audited("INTERRUPTED", "FAILURE"), 1);
}

}  // namespace
}  // namespace bitrepo::pillar
