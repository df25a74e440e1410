// SPDX-License-Identifier: Apache-2.0
// What may come on a stream and what may not, what comes again, and what need not come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/channel/transfer/receiver_bench.h"

namespace bitrepo::transfer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::StatusIs;

struct Hostile {
  const char* name;
  uint64_t number;
  uint64_t offset;
  uint64_t length;
  const char* told;
};

// [D-22] [D-25]
TEST(Receiver, WhatBreaksTheRulesOfAStreamIsAViolation) {
  const Hostile table[] = {
      {"beyond its end", 1, 25, 10, "not of what may come"},
      {"past the largest offset", 1, ~uint64_t{0}, 2, "passes the largest offset"},
      {"its number again", 0, 10, 10, "where 1 was due"},
      {"a number too high", 2, 10, 10, "where 1 was due"},
  };
  for (const Hostile& row : table) {
    Bench bench(Store(30));
    bench.Segment(0, 0, 10);
    bench.Segment(row.number, row.offset, row.length);
    EXPECT_TRUE(bench.violated()) << row.name;
    EXPECT_THAT(std::string(bench.failure().message()), HasSubstr(row.told)) << row.name;
    EXPECT_THAT(bench.Writes(), ElementsAre(Range(0, 10))) << row.name;
  }
}

// [D-43]
TEST(Receiver, ASegmentThatComesAgainWithItsBytesIsPassedOver) {
  for (const bool written : {false, true}) {
    Bench bench(Store(30));
    bench.Data(0, 10);
    if (written) {
      bench.WriteAll();
    }
    bench.Data(0, 10);
    bench.Data(10, 20);
    EXPECT_OK(bench.failure());
    EXPECT_THAT(bench.Writes(), ElementsAre(Range(0, 10), Range(10, 20)));
    bench.Commit(30);
    bench.WriteAll();
    EXPECT_THAT(bench.commits, ElementsAre(30));
  }
}

// [D-43] What is sent again is paid for with credit, so credit is given for it again.
TEST(Receiver, SegmentsThatComeAgainDoNotUseUpTheCreditOfTheOthers) {
  Bench bench(Store(2 * kMiB), 0);
  for (int again = 0; again < 100; ++again) {
    bench.Data(0, kMiB);
    bench.WriteAll();
    ASSERT_OK(bench.failure());
  }
  bench.Data(kMiB, kMiB);
  bench.Commit(2 * kMiB);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(2 * kMiB));
}

// [D-43]
TEST(Receiver, OtherBytesOverWhatHasComeEndTheTransferAndNotTheSession) {
  struct Row {
    const char* name;
    uint64_t offset;
    uint64_t length;
    char filled_with;
  };
  const Row table[] = {
      {"other bytes", 0, 10, 'y'},
      {"the same bytes, cut otherwise", 0, 9, 'x'},
      {"over its end", 5, 10, 'x'},
      {"over all of it", 0, 30, 'x'},
  };
  for (const Row& row : table) {
    Bench bench(Store(30));
    bench.Segment(0, 0, 10);
    bench.Segment(1, row.offset, row.length, true, row.filled_with);
    EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kFailedPrecondition)) << row.name;
    EXPECT_FALSE(bench.violated()) << row.name;
    EXPECT_THAT(bench.Writes(), ElementsAre(Range(0, 10))) << row.name;
    bench.Commit(30);
    bench.WriteAll();
    EXPECT_THAT(bench.commits, IsEmpty()) << row.name;
  }
}

// [D-43]
TEST(Receiver, OnlyTheLastSegmentsAreComparedWithWhatComesAgain) {
  for (const size_t between : {kSegmentsComparedMax - 1, kSegmentsComparedMax}) {
    Bench bench(Store(10'000));
    bench.Data(0, 1);
    for (uint64_t i = 1; i <= between; ++i) {
      bench.Data(i, 1);
    }
    bench.WriteAll();
    ASSERT_OK(bench.failure());
    bench.Data(0, 1);
    EXPECT_EQ(bench.failure().ok(), between < kSegmentsComparedMax);
  }
}

// [D-26]
TEST(Receiver, ADamagedSegmentOverWhatHasComeMakesTheStreamUnreadable) {
  Bench bench(Store(30));
  bench.Data(0, 10);
  bench.Data(0, 10, false);
  EXPECT_EQ(bench.unreadable.size(), 1u);
  EXPECT_OK(bench.failure());
}

// [D-39]
TEST(Receiver, WhatItsSinkHoldsNeedNotCome) {
  ReceiverSpec spec = Store(40);
  spec.held.Add(Range(10, 10));
  spec.held.Add(Range(30, 100));
  Bench bench(spec, 0);
  EXPECT_THAT(bench.receiver.Missing(), ElementsAre(Range(0, 10), Range(20, 10)));
  EXPECT_EQ(bench.receiver.written_bytes(), 20u);
  EXPECT_THAT(bench.stored, ElementsAre(20)) << "the sender is told at once";
  bench.Data(0, 10);
  bench.Data(20, 10);
  bench.Commit(40);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(40));
}

// [D-39]
TEST(Receiver, OfWhatIsHeldInTooManyPiecesTheLaterOnesComeAgain) {
  for (const size_t pieces : {kFragmentsMax, kFragmentsMax + 1}) {
    ReceiverSpec spec = Store(10'000);
    for (uint64_t i = 0; i < pieces; ++i) {
      spec.held.Add(Range(2 * i, 1));
    }
    Bench bench(spec, 0);
    EXPECT_EQ(bench.receiver.held_bytes(), kFragmentsMax);
    EXPECT_LE(bench.receiver.Missing().size(), kRangesMax);
  }
}

// [D-22]
TEST(Receiver, WhatComesWithoutCreditIsAViolation) {
  Bench bench(Store(64 * kMiB), 0);
  for (uint64_t i = 0; i < 16; ++i) {
    bench.Data(i * kMiB, kMiB);
    EXPECT_OK(bench.failure());
  }
  bench.Data(16 * kMiB, 1);
  EXPECT_TRUE(bench.violated());
  EXPECT_THAT(bench.failure(), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(Receiver, AfterAViolationAnotherStreamGoesOn) {
  Bench bench(Store(30));
  bench.Data(0, 10);
  bench.Segment(5, 10, 10);
  EXPECT_TRUE(bench.violated());
  bench.receiver.OnClosed();
  EXPECT_THAT(bench.receiver.Missing(), ElementsAre(Range(10, 20)));
  bench.Open(4 * kMiB);
  bench.Data(10, 20);
  bench.Commit(30);
  bench.WriteAll();
  EXPECT_THAT(bench.commits, ElementsAre(30));
}

TEST(Receiver, InAFetchASegmentWithoutItsAcknowledgementIsAViolation) {
  for (const bool announced : {false, true}) {
    Bench bench(Fetch({Range(0, 100)}), 0);
    if (announced) {
      bench.receiver.OnAck(0, 0, {9, wire::OPERATION_COMPLETED}, bench.outbox);
    }
    bench.receiver.OnData(HeaderOf(0, 0, "0123456789"), base::Buffer::Of("0123456789"), true,
                          bench.outbox);
    bench.WriteAll();
    EXPECT_TRUE(bench.violated());
  }
}

TEST(Receiver, AnAcknowledgementOutOfTurnIsAViolation) {
  Bench twice(Fetch({Range(0, 100)}), 0);
  twice.receiver.OnAck(0, 0, {10, wire::OPERATION_COMPLETED}, twice.outbox);
  twice.receiver.OnAck(1, 10, {10, wire::OPERATION_COMPLETED}, twice.outbox);
  twice.WriteAll();
  EXPECT_TRUE(twice.violated());
  Bench store(Store(100));
  store.receiver.OnAck(0, 0, {10, wire::OPERATION_COMPLETED}, store.outbox);
  store.WriteAll();
  EXPECT_TRUE(store.violated());
}

TEST(Receiver, ASecondCommitOrOneInAFetchIsAViolation) {
  Bench twice(Store(10));
  twice.Data(0, 10);
  twice.Commit(10);
  twice.Commit(10);
  EXPECT_TRUE(twice.violated());
  Bench fetch(Fetch({Range(0, 10)}), 0);
  fetch.Commit(10);
  EXPECT_TRUE(fetch.violated());
}

TEST(Receiver, DataBehindTheEndIsAViolation) {
  Bench bench(Store(0));
  bench.Commit(0);
  EXPECT_THAT(bench.commits, ElementsAre(0));
  bench.Data(0, 1);
  EXPECT_TRUE(bench.violated());
}

// [D-30]
TEST(Receiver, PiecesBeyondTheLimitEndIt) {
  Bench bench(Store(10'000));
  for (uint64_t i = 0; i < kFragmentsMax; ++i) {
    bench.Data(2 * i, 1);
  }
  EXPECT_OK(bench.failure());
  bench.Data(2 * kFragmentsMax, 1);
  EXPECT_TRUE(bench.violated());
}

}  // namespace
}  // namespace bitrepo::transfer
