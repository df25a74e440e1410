// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/range_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/runtime/system_disk.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::runtime {
namespace {

using ::testing::HasSubstr;
using testing_support::IsOk;
using testing_support::StatusIs;
using testing_support::TempDir;

constexpr char kName[] = "file.ranges";
constexpr char kBoot[] = "boot-1";
constexpr char kOtherBoot[] = "boot-2";
constexpr size_t kRecordBytes = 32;

base::ByteRange Of(uint64_t offset, uint64_t length) {
  return *base::ByteRange::Make(offset, length);
}

class RangeLogTest : public ::testing::Test {
 protected:
  std::unique_ptr<RangeLog> Create(absl::string_view identity = "whose") {
    auto log = RangeLog::Create(*disk_, kName, kBoot, identity, at_);
    EXPECT_THAT(log, IsOk());
    return *std::move(log);
  }
  absl::StatusOr<std::unique_ptr<RangeLog>> Open(absl::string_view boot = kBoot) {
    return RangeLog::Open(*disk_, kName, boot, at_);
  }
  std::string OpenedRanges(absl::string_view boot = kBoot) {
    const auto log = Open(boot);
    return log.ok() ? (*log)->ranges().ToString() : log.status().ToString();
  }
  std::string Bytes() const { return testing_support::TextOf(directory_.Path(kName)); }
  void SetBytes(absl::string_view bytes) const {
    std::ofstream(directory_.Path(kName), std::ios::binary | std::ios::trunc) << bytes;
  }

  TempDir directory_;
  std::unique_ptr<SystemDisk> disk_ = *SystemDisk::Open(directory_.path());
  absl::Time at_ = absl::FromUnixSeconds(1000);
};

TEST_F(RangeLogTest, TellsWhatWasWrittenAfterTheProcessDied) {
  {
    const auto log = Create("an archive");
    ASSERT_THAT(log->NoteWritten(Of(0, 10)), IsOk());
    ASSERT_THAT(log->NoteWritten(Of(10, 10)), IsOk());
    ASSERT_THAT(log->NoteWritten(Of(50, 5)), IsOk());
  }
  const auto log = Open();
  ASSERT_THAT(log, IsOk());
  EXPECT_EQ((*log)->ranges().ToString(), "0+20,50+5");
  EXPECT_EQ((*log)->identity(), "an archive");
  ASSERT_THAT((*log)->NoteWritten(Of(20, 30)), IsOk());
  EXPECT_EQ(OpenedRanges(), "0+55");
}

TEST_F(RangeLogTest, AfterABootOnlyWhatStoodBeforeTheLastSyncCounts) {
  const auto log = Create();
  ASSERT_THAT(log->NoteWritten(Of(0, 10)), IsOk());
  EXPECT_EQ(OpenedRanges(kOtherBoot), "");
}

TEST_F(RangeLogTest, ASyncCoversWhatWasNotedBeforeItsMark) {
  const auto log = Create();
  ASSERT_THAT(log->NoteWritten(Of(0, 10)), IsOk());
  const uint64_t mark = log->mark();
  ASSERT_THAT(log->NoteWritten(Of(10, 10)), IsOk());
  ASSERT_THAT(log->NoteSynced(mark, at_), IsOk());
  ASSERT_THAT(log->NoteWritten(Of(20, 10)), IsOk());
  const std::string bytes = Bytes();
  EXPECT_EQ(OpenedRanges(), "0+30");
  SetBytes(bytes);
  EXPECT_EQ(OpenedRanges(kOtherBoot), "0+10");
  EXPECT_EQ(OpenedRanges(kOtherBoot), "0+10");  // as it was written anew
}

TEST_F(RangeLogTest, BytesWrittenAgainAreNotSyncedByTheSyncBefore) {
  const auto log = Create();
  ASSERT_THAT(log->NoteWritten(Of(0, 30)), IsOk());
  ASSERT_THAT(log->NoteSynced(log->mark(), at_), IsOk());
  ASSERT_THAT(log->NoteWritten(Of(10, 10)), IsOk());
  EXPECT_EQ(log->ranges().ToString(), "0+30");
  EXPECT_EQ(OpenedRanges(kOtherBoot), "0+10,20+10");
}

TEST_F(RangeLogTest, IsReadUpToAnyCutOfItsTail) {
  const auto log = Create();
  const size_t header = Bytes().size();
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_THAT(log->NoteWritten(Of(i * 10, 10)), IsOk());
  }
  ASSERT_THAT(log->NoteSynced(log->mark(), at_), IsOk());
  const std::string whole = Bytes();
  ASSERT_EQ(whole.size(), header + 4 * kRecordBytes);
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    SetBytes(whole.substr(0, cut));
    if (cut < header) {
      EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss)) << cut;
      continue;
    }
    const uint64_t records = std::min<uint64_t>((cut - header) / kRecordBytes, 3);
    base::RangeSet expected;
    expected.Add(Of(0, records * 10));
    EXPECT_EQ(OpenedRanges(), expected.ToString()) << cut;
    // The torn end is gone: what comes next stands where it can be read.
    const auto again = Open();
    ASSERT_THAT(again, IsOk());
    ASSERT_THAT((*again)->NoteWritten(Of(100, 1)), IsOk());
    expected.Add(Of(100, 1));
    EXPECT_EQ(OpenedRanges(), expected.ToString()) << cut;
  }
}

TEST_F(RangeLogTest, NeverSaysMoreThanWasNotedWhateverBitIsFlipped) {
  const auto log = Create("me");
  ASSERT_THAT(log->NoteWritten(Of(0, 10)), IsOk());
  ASSERT_THAT(log->NoteSynced(log->mark(), at_), IsOk());
  ASSERT_THAT(log->NoteWritten(Of(10, 10)), IsOk());
  const std::string whole = Bytes();
  const base::RangeSet noted = log->ranges();
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    SetBytes(flipped);
    const auto opened = Open();
    if (!opened.ok()) continue;
    EXPECT_EQ((*opened)->identity(), "me") << bit;
    for (const base::ByteRange& range : (*opened)->ranges().ranges()) {
      EXPECT_TRUE(noted.Contains(range)) << bit;
    }
    EXPECT_LT((*opened)->ranges().bytes(), noted.bytes()) << bit;
  }
}

TEST_F(RangeLogTest, GarbageIsNoLog) {
  SetBytes("");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("no log of ranges")));
  SetBytes(std::string(10'000, 'x'));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss));
  std::filesystem::remove(directory_.Path(kName));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RangeLogTest, ALaterVersionIsLeftAlone) {
  Create();
  std::string bytes = Bytes();
  bytes[8] = 2;
  SetBytes(bytes);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("later program")));
  EXPECT_EQ(Bytes(), bytes);
}

TEST_F(RangeLogTest, HasRoomForALongIdentityAndNoLonger) {
  Create(std::string(kLogIdentityBytesMax, 'i'));
  const auto opened = Open();
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ((*opened)->identity().size(), kLogIdentityBytesMax);
  EXPECT_THAT(
      RangeLog::Create(*disk_, "other", kBoot, std::string(kLogIdentityBytesMax + 1, 'i'), at_),
      StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(RangeLog::Create(*disk_, "other", std::string(kBootIdBytesMax + 1, 'b'), "", at_),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RangeLogTest, ASyncIsDueAfterSoManyBytesOrSoLong) {
  const auto log = Create();
  EXPECT_FALSE(log->SyncDue(at_ + 2 * kSyncAfter));  // nothing was written
  ASSERT_THAT(log->NoteWritten(Of(0, kSyncBytes - 1)), IsOk());
  EXPECT_FALSE(log->SyncDue(at_ + kSyncAfter - absl::Nanoseconds(1)));
  EXPECT_TRUE(log->SyncDue(at_ + kSyncAfter));
  ASSERT_THAT(log->NoteWritten(Of(kSyncBytes - 1, 1)), IsOk());
  EXPECT_TRUE(log->SyncDue(at_));
  ASSERT_THAT(log->NoteSynced(log->mark(), at_ + kSyncAfter), IsOk());
  EXPECT_FALSE(log->SyncDue(at_ + 4 * kSyncAfter));
}

TEST_F(RangeLogTest, IsWrittenAnewBeforeItGrowsPastItsRecords) {
  const auto log = Create();
  const size_t header = Bytes().size();
  for (uint64_t i = 0; i < 1000; ++i) {
    ASSERT_THAT(log->NoteWritten(Of(i, 1)), IsOk());
  }
  const uint64_t mark = log->mark();
  for (uint64_t i = 1000; i < 3 * kLogRecordsMax; ++i) {
    ASSERT_THAT(log->NoteWritten(Of(i, 1)), IsOk());
    ASSERT_LE(std::filesystem::file_size(directory_.Path(kName)),
              header + kLogRecordsMax * kRecordBytes);
  }
  EXPECT_EQ(OpenedRanges(), absl::StrCat("0+", 3 * kLogRecordsMax));
  // A mark of before the rewriting covers less than it might, never more.
  ASSERT_THAT(log->NoteSynced(mark, at_), IsOk());
  EXPECT_EQ(OpenedRanges(kOtherBoot), "");
}

TEST_F(RangeLogTest, TakesSoManyPiecesAndNoMore) {
  const auto log = Create();
  for (uint64_t i = 0; i < kLogPiecesMax; ++i) {
    ASSERT_THAT(log->NoteWritten(Of(2 * i, 1)), IsOk());
  }
  EXPECT_THAT(log->NoteWritten(Of(2 * kLogPiecesMax, 1)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("pieces")));
}

TEST_F(RangeLogTest, IsFoundWhereItsRewritingWasCut) {
  {
    const auto log = Create();
    ASSERT_THAT(log->NoteWritten(Of(0, 10)), IsOk());
  }
  // The old one removed, the new one not yet renamed.
  std::filesystem::rename(directory_.Path(kName), directory_.Path(RangeLog::RewrittenName(kName)));
  EXPECT_EQ(OpenedRanges(), "0+10");
  // The new one half written: the old one counts, and the rewriting can be done.
  std::ofstream(directory_.Path(RangeLog::RewrittenName(kName))) << "half";
  EXPECT_EQ(OpenedRanges(), "0+10");
  EXPECT_EQ(OpenedRanges(kOtherBoot), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.Path(RangeLog::RewrittenName(kName))));
}

TEST_F(RangeLogTest, RemovesAllOfItself) {
  Create();
  std::ofstream(directory_.Path(RangeLog::RewrittenName(kName))) << "half";
  ASSERT_THAT(RangeLog::Remove(*disk_, kName), IsOk());
  EXPECT_THAT(disk_->List(""), testing_support::IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(RangeLog::Remove(*disk_, kName), IsOk());
}

TEST(SystemBootIdTest, IsTheSameUntilTheNextBoot) {
  const auto id = SystemBootId();
  ASSERT_THAT(id, IsOk());
  EXPECT_EQ(*id, *SystemBootId());
  EXPECT_GE(id->size(), 32u);
}

}  // namespace
}  // namespace bitrepo::runtime
