// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/sender.h"
#include "tests/channel/transfer/receiver_bench.h"

namespace bitrepo::transfer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::StatusIs;

TEST(Receiver, AStoreIsCommittedWhenAllHasComeAndIsWritten) {
  Bench bench(Store(30));
  bench.Data(0, 20);
  bench.Data(20, 10);
  bench.Commit(30);
  EXPECT_THAT(bench.commits, IsEmpty());
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
  EXPECT_THAT(bench.stored, ElementsAre(30));
}

TEST(Receiver, SegmentsMayComeInAnyOrderOfOffset) {
  Bench bench(Store(30));
  bench.Data(20, 10);
  bench.Data(0, 20);
  bench.WriteAll();
  bench.Commit(30);
  EXPECT_THAT(bench.commits, ElementsAre(30));
}

TEST(Receiver, AStoreOfUnknownLengthIsAsLongAsItsCommitSays) {
  Bench bench(StoreOfUnknownLength(1000));
  bench.Data(0, 20);
  bench.WriteAll();
  bench.Commit(20);
  EXPECT_THAT(bench.commits, ElementsAre(20));
}

// [D-37]
TEST(Receiver, AStoreOfADigestAloneIsCommittedByCommit) {
  for (const bool size_known : {true, false}) {
    ReceiverSpec spec = Store(1000);
    spec.size_known = size_known;
    spec.digest_only = true;
    Bench bench(spec, 0);
    EXPECT_THAT(bench.receiver.Missing(), IsEmpty());
    EXPECT_THAT(bench.credits, IsEmpty());
    EXPECT_THAT(bench.commits, IsEmpty());
    bench.Commit(size_known ? 1000 : 30);
    EXPECT_THAT(bench.commits, ElementsAre(size_known ? 1000 : 30));
    EXPECT_TRUE(bench.receiver.done());
  }
}

// [D-29] [D-37]
TEST(Receiver, AStoreOfADigestAloneIsOfTheSizeGranted) {
  ReceiverSpec spec = Store(1000);
  spec.digest_only = true;
  Bench bench(spec, 0);
  bench.Commit(999);
  EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kOutOfRange));
  spec.size_known = false;
  Bench more(spec, 0);
  more.Commit(1001);
  EXPECT_THAT(more.failure(), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(more.commits, IsEmpty());
}

// [D-37]
TEST(Receiver, AStoreOfADigestAloneTakesNoBytes) {
  ReceiverSpec spec = Store(1000);
  spec.digest_only = true;
  Bench bench(spec, 0);
  bench.Data(0, 1);
  EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_FALSE(bench.violated()) << "the session goes on";
  EXPECT_THAT(bench.writes, IsEmpty());
  bench.Commit(1000);
  EXPECT_THAT(bench.commits, IsEmpty());
}

TEST(Receiver, AFetchIsCommittedWithItsLastByte) {
  Bench bench(Fetch({Range(100, 10), Range(0, 5)}), 0);
  bench.Data(100, 10);
  bench.Data(0, 5);
  EXPECT_THAT(bench.commits, IsEmpty());
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(15));
}

TEST(Receiver, AFetchOfNothingIsCommittedOnceItIsGranted) {
  CreditPool pool(64 * kMiB);
  Receiver receiver(Fetch({}), pool);
  ReceiverOutbox outbox;
  ASSERT_TRUE(receiver.OnOpened(0, outbox));
  EXPECT_FALSE(receiver.done());
  receiver.OnGranted(outbox);
  EXPECT_TRUE(receiver.done());
}

// [D-23]
TEST(Receiver, CreditRisesWithWhatIsWrittenNotWithWhatCame) {
  Bench bench(Store(64 * kMiB));
  EXPECT_THAT(bench.credits, ElementsAre(kStreamWindowBytes));
  bench.Data(0, kMiB);
  EXPECT_EQ(bench.credits.size(), 1u);
  bench.WriteAll();
  EXPECT_THAT(bench.credits, ElementsAre(kStreamWindowBytes, kStreamWindowBytes + kMiB));
}

TEST(Receiver, AFetchGrantsCreditAtOnce) {
  Bench bench(Fetch({Range(0, 5000)}), 0);
  EXPECT_THAT(bench.credits, ElementsAre(5000));
}

// [D-24]
TEST(Receiver, ADamagedSegmentIsRefusedAndTakenWhenItComesAgain) {
  Bench bench(Store(30));
  bench.Data(0, 10);
  bench.Data(10, 10, false);
  bench.Data(20, 10);
  EXPECT_THAT(bench.nacks, ElementsAre(1));
  bench.Commit(30);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, IsEmpty());
  bench.Segment(1, 10, 10);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
  EXPECT_THAT(bench.Writes(), ElementsAre(Range(0, 10), Range(20, 10), Range(10, 10)));
}

TEST(Receiver, ADamagedSegmentGivesItsCreditBack) {
  Bench bench(Store(10));
  EXPECT_THAT(bench.credits, IsEmpty());
  bench.Data(0, 10, false);
  bench.WriteAll();
  EXPECT_OK(bench.failure());
  EXPECT_GE(bench.receiver.credit_limit(), 20u);
}

// [D-24]
TEST(Receiver, TheThirdDamagedTryOfASegmentIsTheLast) {
  Bench bench(Store(30));
  bench.Data(0, 10, false);
  for (int again = 1; again < kSegmentTriesMax; ++again) {
    EXPECT_OK(bench.failure());
    bench.Segment(0, 0, 10, false);
  }
  EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(bench.violated());
}

TEST(Receiver, TooManyDamagedSegmentsAtOnceEndIt) {
  Bench bench(Store(1000));
  for (uint64_t i = 0; i < kRefusedMax; ++i) {
    bench.Data(i * 10, 10, false);
  }
  EXPECT_OK(bench.failure());
  bench.Data(kRefusedMax * 10, 10, false);
  EXPECT_FALSE(bench.failure().ok());
}

// [D-26]
TEST(Receiver, ADamagedFrameThatFitsNoSegmentMakesTheStreamUnreadableOnly) {
  Bench bench(Store(30));
  bench.Segment(7, 500, 10, false);
  EXPECT_EQ(bench.unreadable.size(), 1u);
  EXPECT_OK(bench.failure());
  bench.receiver.OnClosed();
  bench.Open(30);
  bench.Data(0, 30);
  bench.Commit(30);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
}

// [D-27]
TEST(Receiver, OnTheNextStreamOnlyWhatIsMissingIsAskedFor) {
  Bench bench(Store(40));
  bench.Data(0, 10);
  bench.Data(20, 10);
  bench.receiver.OnClosed();
  EXPECT_THAT(bench.receiver.Missing(), ElementsAre(Range(10, 10), Range(30, 10)));
  bench.Open(40);
  bench.Data(10, 10);
  bench.Data(30, 10);
  bench.Commit(40);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(40));
}

// [D-28]
TEST(Receiver, WhatWasThereBeforeTheStreamMayComeAgainAndIsNotWritten) {
  Bench bench(Store(40));
  bench.Data(10, 10);
  bench.receiver.OnClosed();
  bench.Writes();
  bench.Open(40);
  bench.Data(0, 30);
  EXPECT_THAT(bench.Writes(), ElementsAre(Range(0, 10), Range(20, 10)));
  bench.Data(30, 10);
  bench.Commit(40);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(40));
  EXPECT_EQ(bench.receiver.written_bytes(), 40u);
}

TEST(Receiver, WritesUnderWayWhenTheStreamEndsStillCount) {
  Bench bench(Store(30));
  bench.Data(0, 30);
  bench.Commit(30);
  bench.receiver.OnClosed();
  EXPECT_TRUE(bench.receiver.commit_pending());
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
}

TEST(Receiver, ACommitBehindARefusedSegmentIsForgottenWithItsStream) {
  Bench bench(Store(30));
  bench.Data(0, 30, false);
  bench.Commit(30);
  bench.receiver.OnClosed();
  EXPECT_FALSE(bench.receiver.commit_pending());
  bench.Open(30);
  bench.Data(0, 30);
  bench.Commit(30);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
}

// [D-29]
TEST(Receiver, ACommitThatDoesNotFitWhatCameIsRefused) {
  Bench short_of_it(Store(30));
  short_of_it.Data(0, 20);
  short_of_it.Commit(20);
  EXPECT_THAT(short_of_it.failure(), StatusIs(absl::StatusCode::kOutOfRange));
  Bench early(Store(30));
  early.Data(0, 20);
  early.Commit(30);
  EXPECT_THAT(early.failure(), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("too early")));
  Bench more(StoreOfUnknownLength(100));
  more.Data(0, 50);
  more.Commit(20);
  EXPECT_THAT(more.failure(), StatusIs(absl::StatusCode::kOutOfRange));
  Bench hole(StoreOfUnknownLength(100));
  hole.Data(10, 20);
  hole.Commit(20);
  EXPECT_THAT(hole.failure(), StatusIs(absl::StatusCode::kOutOfRange));
  Bench beyond(StoreOfUnknownLength(100));
  beyond.Commit(101);
  EXPECT_THAT(beyond.failure(), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(Receiver, AFailedWriteEndsIt) {
  Bench bench(Store(30));
  bench.Data(0, 10);
  bench.receiver.OnWritten(bench.open_writes[0], absl::ResourceExhaustedError("the disk is full"),
                           bench.outbox);
  bench.WriteAll();
  EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(bench.violated());
}

TEST(Receiver, GivesAllItsMemoryBackAfterAFailure) {
  Bench bench(Store(64 * kMiB));
  bench.Data(0, kMiB);
  bench.Data(5, kMiB);
  EXPECT_FALSE(bench.failure().ok());
  bench.receiver.OnClosed();
  bench.WriteAll();
  EXPECT_EQ(bench.pool.free(), 64 * kMiB);
}

TEST(Receiver, WritesThatAreNotKnownAreFine) {
  Bench bench(Store(30));
  bench.receiver.OnWritten(4711, absl::OkStatus(), bench.outbox);
  bench.WriteAll();
  EXPECT_OK(bench.failure());
}

}  // namespace
}  // namespace bitrepo::transfer
