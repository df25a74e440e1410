// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing_support::StatusIs;

constexpr uint32_t kSegment = 10;

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}

// A sender, and what it wanted since it was last asked.
class Bench {
 public:
  Bench(std::vector<base::ByteRange> ranges, uint64_t credit)
      : sender(SenderSpec{std::move(ranges), credit, kSegment}, outbox) {}

  std::vector<base::ByteRange> Reads() { return Ranges<ReadSegment>(reads_); }
  std::vector<base::ByteRange> Sends() { return Ranges<SendSegment>(sends_); }
  std::vector<SenderFailed> Failures() {
    Sort();
    return failures_;
  }
  int all_sent() {
    Sort();
    return all_sent_;
  }
  // Answers the read of a segment with bytes as long as it is.
  void Answer(uint64_t number) {
    Sort();
    const uint64_t length = lengths_.at(number);
    sender.OnRead(number, base::Buffer::Of(std::string(length, 'x')), outbox);
    Sort();
  }

  SenderOutbox outbox;
  Sender sender;

 private:
  template <typename Effect>
  std::vector<base::ByteRange> Ranges(std::vector<base::ByteRange>& from) {
    Sort();
    return std::exchange(from, {});
  }
  void Sort() {
    for (SenderEffect& effect : outbox) {
      if (auto* read = std::get_if<ReadSegment>(&effect)) {
        reads_.push_back(read->range);
        lengths_[read->number] = read->range.length();
      } else if (auto* send = std::get_if<SendSegment>(&effect)) {
        EXPECT_EQ(send->bytes.size(), send->range.length());
        sends_.push_back(send->range);
      } else if (std::holds_alternative<AllSent>(effect)) {
        ++all_sent_;
      } else if (auto* failed = std::get_if<SenderFailed>(&effect)) {
        failures_.push_back(*failed);
      }
    }
    outbox.clear();
  }
  std::vector<base::ByteRange> reads_;
  std::vector<base::ByteRange> sends_;
  std::vector<SenderFailed> failures_;
  std::map<uint64_t, uint64_t> lengths_;
  int all_sent_ = 0;
};

TEST(Sender, CutsRangesIntoSegmentsInTheirOrder) {
  Bench bench({Range(100, 15), Range(0, 5)}, 1000);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(100, 10), Range(110, 5), Range(0, 5)));
}

TEST(Sender, ReadsOnlyAFewSegmentsAhead) {
  Bench bench({Range(0, 1000)}, 1000);
  EXPECT_EQ(bench.Reads().size(), kReadsUnderWayMax);
  bench.Answer(0);
  EXPECT_EQ(bench.Reads().size(), 1u);
}

// [D-20]
TEST(Sender, SendsNothingBeyondItsCredit) {
  Bench bench({Range(0, 100)}, 25);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(0, 10), Range(10, 10), Range(20, 5)));
  bench.sender.OnCredit(25, bench.outbox);
  EXPECT_THAT(bench.Reads(), IsEmpty());
  bench.sender.OnCredit(30, bench.outbox);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(25, 5)));
}

TEST(Sender, WithoutCreditNothingIsRead) {
  Bench bench({Range(0, 100)}, 0);
  EXPECT_THAT(bench.Reads(), IsEmpty());
}

TEST(Sender, SendsInOrderHoweverTheReadsComeBack) {
  Bench bench({Range(0, 30)}, 1000);
  bench.Answer(2);
  bench.Answer(1);
  EXPECT_THAT(bench.Sends(), IsEmpty());
  bench.Answer(0);
  EXPECT_THAT(bench.Sends(), ElementsAre(Range(0, 10), Range(10, 10), Range(20, 10)));
  EXPECT_EQ(bench.all_sent(), 1);
}

TEST(Sender, WithNothingToSendAllIsSentAtOnce) {
  Bench bench({}, 0);
  EXPECT_EQ(bench.all_sent(), 1);
  Bench empty({Range(5, 0)}, 0);
  EXPECT_EQ(empty.all_sent(), 1);
}

TEST(Sender, WhileTheConnectionIsBlockedNothingIsRead) {
  Bench bench({Range(0, 100)}, 1000);
  bench.Reads();
  bench.sender.OnBlocked(true, bench.outbox);
  for (uint64_t number = 0; number < kReadsUnderWayMax; ++number) {
    bench.Answer(number);
  }
  EXPECT_THAT(bench.Reads(), IsEmpty());
  bench.sender.OnBlocked(false, bench.outbox);
  EXPECT_EQ(bench.Reads().size(), kReadsUnderWayMax);
}

TEST(Sender, WhatTheReceiverHasIsNotSent) {
  Bench bench({Range(0, 100)}, 20);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(0, 10), Range(10, 10)));
  bench.sender.OnMissing({Range(5, 10), Range(50, 20), Range(95, 5)}, bench.outbox);
  bench.sender.OnCredit(1000, bench.outbox);
  bench.Answer(0);
  bench.Answer(1);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(50, 10), Range(60, 10), Range(95, 5)));
}

TEST(Sender, AWholeFileThatIsThereNeedsNothing) {
  Bench bench({Range(0, 100)}, 0);
  bench.sender.OnMissing({}, bench.outbox);
  EXPECT_EQ(bench.all_sent(), 1);
}

// [D-24]
TEST(Sender, ARefusedSegmentIsReadAndSentAgainBeforeAnythingNew) {
  Bench bench({Range(0, 100)}, 30);
  bench.Answer(0);
  bench.Answer(1);
  bench.Answer(2);
  bench.Reads();
  bench.Sends();
  bench.sender.OnNack(1, bench.outbox);
  EXPECT_THAT(bench.Reads(), IsEmpty()) << "sending again takes credit too";
  bench.sender.OnCredit(40, bench.outbox);
  EXPECT_THAT(bench.Reads(), ElementsAre(Range(10, 10)));
  bench.Answer(1);
  EXPECT_THAT(bench.Sends(), ElementsAre(Range(10, 10)));
}

// [D-24]
TEST(Sender, TheThirdRefusalOfASegmentIsTheLast) {
  Bench bench({Range(0, 10)}, 1000);
  bench.Answer(0);
  for (int again = 1; again < kSegmentTriesMax; ++again) {
    bench.sender.OnNack(0, bench.outbox);
    bench.Answer(0);
    EXPECT_THAT(bench.Failures(), IsEmpty());
  }
  bench.sender.OnNack(0, bench.outbox);
  ASSERT_EQ(bench.Failures().size(), 1u);
  EXPECT_THAT(bench.Failures()[0].why, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_FALSE(bench.Failures()[0].violation);
  EXPECT_TRUE(bench.sender.done());
}

TEST(Sender, ARefusalOfWhatIsNotUnderWayIsAViolation) {
  for (const uint64_t number : {0ULL, 7ULL}) {
    Bench bench({Range(0, 100)}, 1000);
    bench.sender.OnNack(number, bench.outbox);
    ASSERT_EQ(bench.Failures().size(), 1u) << number;
    EXPECT_TRUE(bench.Failures()[0].violation);
  }
}

TEST(Sender, RefusedTwiceAtOnceIsAViolation) {
  Bench bench({Range(0, 10)}, 1000);
  bench.Answer(0);
  bench.sender.OnNack(0, bench.outbox);
  bench.sender.OnNack(0, bench.outbox);
  ASSERT_EQ(bench.Failures().size(), 1u);
  EXPECT_TRUE(bench.Failures()[0].violation);
}

// [D-21]
TEST(Sender, ForgetsWhatMustHaveArrivedWell) {
  Bench bench({Range(0, 30)}, 1000);
  bench.Answer(0);
  bench.Answer(1);
  bench.Answer(2);
  bench.sender.OnCredit(kStreamWindowBytes + 19, bench.outbox);
  bench.sender.OnNack(1, bench.outbox);
  EXPECT_THAT(bench.Failures(), IsEmpty()) << "the second ends at 20, one byte too high to be sure";
  bench.sender.OnNack(0, bench.outbox);
  EXPECT_EQ(bench.Failures().size(), 1u);
}

TEST(Sender, AFailedReadRefusesTheSegmentAndEndsIt) {
  Bench bench({Range(0, 100)}, 1000);
  bench.sender.OnRead(1, absl::DataLossError("block 1 is damaged"), bench.outbox);
  bool refused = false;
  for (const SenderEffect& effect : bench.outbox) {
    if (const auto* refuse = std::get_if<RefuseSegment>(&effect)) {
      refused = true;
      EXPECT_EQ(refuse->number, 1u);
      EXPECT_EQ(refuse->range, Range(10, 10));
    }
  }
  EXPECT_TRUE(refused);
  ASSERT_EQ(bench.Failures().size(), 1u);
  EXPECT_THAT(bench.Failures()[0].why, StatusIs(absl::StatusCode::kDataLoss));
}

TEST(Sender, AShortReadIsAFailure) {
  Bench bench({Range(0, 100)}, 1000);
  bench.sender.OnRead(0, base::Buffer::Of("short"), bench.outbox);
  ASSERT_EQ(bench.Failures().size(), 1u);
  EXPECT_THAT(bench.Failures()[0].why, StatusIs(absl::StatusCode::kAborted));
}

TEST(Sender, LateAndForeignReadsAreFine) {
  Bench bench({Range(0, 10)}, 1000);
  bench.sender.OnRead(77, base::Buffer::Of("x"), bench.outbox);
  bench.Answer(0);
  bench.sender.OnRead(0, absl::DataLossError("late"), bench.outbox);
  EXPECT_THAT(bench.Failures(), IsEmpty());
  bench.sender.OnNack(9, bench.outbox);
  bench.sender.OnRead(0, base::Buffer::Of("after the end"), bench.outbox);
  bench.sender.OnCredit(5000, bench.outbox);
  EXPECT_EQ(bench.Failures().size(), 1u);
}

}  // namespace
}  // namespace bitrepo::transfer
