// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/sender.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_support::StatusIs;

constexpr uint64_t kMiB = 1024 * 1024;

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}
ReceiverSpec Store(uint64_t length) { return {{Range(0, length)}, true, true}; }
ReceiverSpec StoreOfUnknownLength(uint64_t most) { return {{Range(0, most)}, true, false}; }
ReceiverSpec Fetch(std::vector<base::ByteRange> ranges) { return {std::move(ranges), false, true}; }

// A receiver on an open stream, and what it wanted since it was last asked.
class Bench {
 public:
  explicit Bench(ReceiverSpec spec, uint64_t unasked = 4 * kMiB)
      : is_store_(spec.store), receiver(std::move(spec), pool) {
    Open(unasked);
  }
  void Open(uint64_t unasked) {
    next_ = 0;
    EXPECT_TRUE(receiver.OnOpened(unasked, outbox));
    receiver.OnGranted(outbox);
    Sort();
  }
  // The next segment, behind its acknowledgement where one is due.
  void Data(uint64_t offset, uint64_t length, bool intact = true) {
    Segment(next_++, offset, length, intact);
  }
  void Segment(uint64_t number, uint64_t offset, uint64_t length, bool intact = true) {
    if (!is_store_) {
      receiver.OnAck(number, offset, {length, wire::OPERATION_COMPLETED}, outbox);
    }
    receiver.OnData(number, offset, base::Buffer::Of(std::string(length, 'x')), intact, outbox);
    Sort();
  }
  void Commit(uint64_t size) {
    receiver.OnCommit({size, base::Hasher::Of(base::Algorithm::kSha256, "")}, outbox);
    Sort();
  }
  void WriteAll() {
    for (const uint64_t write : std::exchange(open_writes, {})) {
      receiver.OnWritten(write, absl::OkStatus(), outbox);
    }
    Sort();
  }
  std::vector<base::ByteRange> Writes() { return std::exchange(writes, {}); }
  absl::Status failure() const { return failed.empty() ? absl::OkStatus() : failed.front().why; }
  bool violated() const { return !failed.empty() && failed.front().violation; }

  CreditPool pool{64 * kMiB};
  std::vector<base::ByteRange> writes;
  std::vector<uint64_t> open_writes;
  std::vector<uint64_t> nacks;
  std::vector<uint64_t> credits;
  std::vector<uint64_t> stored;
  std::vector<uint64_t> commits;
  std::vector<ReceiverFailed> failed;
  std::vector<absl::Status> unreadable;
  ReceiverOutbox outbox;

 private:
  void Sort() {
    for (ReceiverEffect& effect : outbox) {
      if (auto* write = std::get_if<WriteSegment>(&effect)) {
        EXPECT_EQ(write->bytes.size(), write->range.length());
        writes.push_back(write->range);
        open_writes.push_back(write->write);
      } else if (auto* nack = std::get_if<NackSegment>(&effect)) {
        nacks.push_back(nack->number);
      } else if (auto* credit = std::get_if<RaiseCredit>(&effect)) {
        credits.push_back(credit->limit);
      } else if (auto* told = std::get_if<TellStored>(&effect)) {
        stored.push_back(told->bytes);
      } else if (auto* all = std::get_if<CommitSegments>(&effect)) {
        commits.push_back(all->size_bytes);
      } else if (auto* cannot = std::get_if<StreamUnreadable>(&effect)) {
        unreadable.push_back(cannot->why);
      } else if (auto* failure = std::get_if<ReceiverFailed>(&effect)) {
        failed.push_back(*failure);
      }
    }
    outbox.clear();
  }
  bool is_store_;
  uint64_t next_ = 0;

 public:
  Receiver receiver;
};

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
      {"over what has come", 1, 5, 10, "overlaps"},
      {"the same again", 1, 0, 10, "overlaps"},
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

TEST(Receiver, InAFetchASegmentWithoutItsAcknowledgementIsAViolation) {
  for (const bool announced : {false, true}) {
    Bench bench(Fetch({Range(0, 100)}), 0);
    if (announced) {
      bench.receiver.OnAck(0, 0, {9, wire::OPERATION_COMPLETED}, bench.outbox);
    }
    bench.receiver.OnData(0, 0, base::Buffer::Of(std::string(10, 'x')), true, bench.outbox);
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
  EXPECT_TRUE(bench.violated());
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
