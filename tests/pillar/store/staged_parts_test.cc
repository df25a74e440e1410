// SPDX-License-Identifier: Apache-2.0
// What came of a file that was not published is kept, and the next one with its key goes on with it
// [B31].
#include "pillar/store/staged_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::IsOk;
using testing_support::StatusIs;

constexpr uint64_t kSize = kResumableBytes + 100;

class StagedPartsTest : public ::testing::Test, public testing_support::StoreOnDisk {
 protected:
  StagedPartsTest() { Reopen(); }

  static StagingKey Key(absl::string_view mark = "stamp:01",
                        absl::string_view principal = "alice") {
    return {std::string(principal), std::string(mark), "a-conversation"};
  }
  std::unique_ptr<StagedFile> StageAgain(absl::string_view id = "f", uint64_t size = kSize,
                                         const StagingKey& key = Key()) {
    auto staged = store().StageAgain(books(), Id(id), size, key);
    EXPECT_THAT(staged, IsOk());
    return staged.ok() ? *std::move(staged) : nullptr;
  }
  void WritePart(StagedFile& staged, uint64_t from, uint64_t to) {
    ASSERT_OK(staged.Write(from, Span(absl::string_view(bytes_).substr(from, to - from))));
  }
  // Comes in part, and is let go of.
  void LeavePart(absl::string_view id = "f", uint64_t to = 1000, const StagingKey& key = Key()) {
    WritePart(*StageAgain(id, kSize, key), 0, to);
  }
  std::string Held(absl::string_view id = "f", uint64_t size = kSize,
                   const StagingKey& key = Key()) {
    return StageAgain(id, size, key)->held().ToString();
  }
  std::set<std::string> Staging() const { return FilesBelow("books/staging"); }

  const std::string bytes_ = Bytes(kSize);
};

TEST_F(StagedPartsTest, GoesOnWithWhatCameBefore) {
  LeavePart("f", 1000);
  {
    auto staged = StageAgain();
    EXPECT_EQ(staged->held().ToString(), "0+1000");
    WritePart(*staged, 2000, 3000);
  }
  auto staged = StageAgain();
  EXPECT_EQ(staged->held().ToString(), "0+1000,2000+1000");
  WritePart(*staged, 1000, 2000);
  WritePart(*staged, 3000, kSize);
  ASSERT_OK_AND_ASSIGN(const StagedFile::Facts facts, staged->Seal(kSize));
  EXPECT_EQ(facts.sha256, Sha256(bytes_));
  ASSERT_OK(PublishOne(Publish("f", std::move(staged))));
  EXPECT_EQ(Get("f"), bytes_);
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(StagedPartsTest, IsThereAfterARestart) {
  LeavePart("f", 1000);
  Reopen();
  EXPECT_EQ(Held(), "0+1000");
}

TEST_F(StagedPartsTest, AfterABootOnlyWhatWasSyncedCounts) {
  options().staging.boot_id = "the first";
  Reopen();
  {
    auto staged = StageAgain();
    WritePart(*staged, 0, 1000);
    clock().Advance(runtime::kSyncAfter);
    ASSERT_TRUE(staged->sync()->due());
    staged->sync()->Run();
    EXPECT_FALSE(staged->sync()->due());
    WritePart(*staged, 1000, 2000);
  }
  options().staging.boot_id = "the second";
  Reopen();
  EXPECT_EQ(Held(), "0+1000");
}

TEST_F(StagedPartsTest, OtherBytesBeginAnew) {
  LeavePart();
  EXPECT_EQ(Held("g"), "");
  EXPECT_EQ(Held("f", kSize + 1), "");
  EXPECT_EQ(Held("f", kSize, Key("stamp:02")), "");
  EXPECT_EQ(Held("f", kSize, Key("stamp:01", "bob")), "");
  EXPECT_EQ(Held(), "0+1000");
}

TEST_F(StagedPartsTest, WhatIsSmallOrHasNoMarkIsNotKept) {
  WritePart(*StageAgain("f", kResumableBytes - 1), 0, 1000);
  WritePart(*StageAgain("g", kSize, Key("")), 0, 1000);
  EXPECT_THAT(Staging(), IsEmpty());
  WritePart(*StageAgain("f", kResumableBytes), 0, 1000);
  EXPECT_THAT(Staging(), SizeIs(2));  // with its log
}

TEST_F(StagedPartsTest, WhatNobodyNeedsIsNotKept) {
  {
    auto staged = StageAgain();
    WritePart(*staged, 0, 1000);
    staged->Discard();
  }
  EXPECT_THAT(Staging(), IsEmpty());
  StageAgain();  // nothing came
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(StagedPartsTest, APublicationThatIsRefusedLeavesNothing) {
  ASSERT_OK(Put("f", "other bytes"));
  auto staged = StageAgain();
  WritePart(*staged, 0, kSize);
  ASSERT_OK(staged->Seal(kSize));
  EXPECT_THAT(PublishOne(Publish("f", std::move(staged))),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST_F(StagedPartsTest, IsGivenUpWhenItsTermIsOver) {
  LeavePart();
  clock().Advance(kStagingTerm - absl::Seconds(1));
  EXPECT_EQ(store().GiveUpStaged(), 0u);
  clock().Advance(absl::Seconds(1));
  EXPECT_EQ(store().GiveUpStaged(), 1u);
  EXPECT_THAT(Staging(), IsEmpty());
  EXPECT_EQ(Held(), "");
}

TEST_F(StagedPartsTest, TellsWhatComesInAndWhatWaits) {
  LeavePart("waits", 1000);
  const absl::Time left_at = wall_now();
  clock().Advance(absl::Hours(1));
  auto coming = StageAgain("comes");
  WritePart(*coming, 0, 5000);
  std::vector<StagedPart> parts = store().StagedFiles();
  ASSERT_THAT(parts, SizeIs(2));
  if (parts[0].file_id == Id("waits")) std::swap(parts[0], parts[1]);
  EXPECT_EQ(parts[0].file_id, Id("comes"));
  EXPECT_EQ(parts[0].bytes_done, 5000u);
  EXPECT_EQ(parts[0].written_at, wall_now());
  EXPECT_EQ(parts[0].kept_until, std::nullopt);
  EXPECT_EQ(parts[1].file_id, Id("waits"));
  EXPECT_EQ(parts[1].collection, books());
  EXPECT_EQ(parts[1].principal, "alice");
  EXPECT_EQ(parts[1].bytes_done, 1000u);
  EXPECT_EQ(parts[1].bytes_total, kSize);
  EXPECT_EQ(parts[1].kept_until, left_at + kStagingTerm);
}

TEST_F(StagedPartsTest, WhatCannotBeGoneOnWithIsRemovedAtTheStart) {
  LeavePart("f");
  LeavePart("g");
  LeavePart("h");
  Close();
  std::vector<std::string> data;
  for (const std::string& name : Staging()) {
    if (name.find(".ranges") == std::string::npos) data.push_back(PathOf("books/staging/" + name));
  }
  ASSERT_THAT(data, SizeIs(3));
  std::filesystem::resize_file(data[0], 999);                 // less than its log says
  std::filesystem::remove(data[1]);                           // gone
  std::ofstream(RangeLogPath(data[2]), std::ios::in) << "x";  // no log any more
  std::ofstream(PathOf("books/staging/9.9")) << "without a log";
  Reopen();
  EXPECT_THAT(Staging(), IsEmpty());
  EXPECT_THAT(store().StagedFiles(), IsEmpty());
}

TEST_F(StagedPartsTest, WhatVanishesWhileItWaitsBeginsAnew) {
  LeavePart();
  for (const std::string& name : Staging())
    std::filesystem::remove(PathOf("books/staging/" + name));
  EXPECT_EQ(Held(), "");
}

TEST_F(StagedPartsTest, ALogThatCannotBeWrittenCostsTheResumptionAlone) {
  auto staged = StageAgain();
  disk().SetTrouble([](const testing_support::DiskOperation& operation) {
    return operation.name == "WriteAt" && operation.path.find(".ranges") != std::string::npos
               ? absl::ResourceExhaustedError("no space left on device")
               : absl::OkStatus();
  });
  WritePart(*staged, 0, kSize);
  disk().SetTrouble(nullptr);
  ASSERT_OK(staged->Seal(kSize));
  ASSERT_OK(PublishOne(Publish("f", std::move(staged))));
  EXPECT_EQ(Get("f"), bytes_);
}

TEST_F(StagedPartsTest, ASyncThatFailsStopsTheStoreAndNothingIsKept) {
  auto staged = StageAgain();
  WritePart(*staged, 0, 1000);
  disk().SetTrouble([](const testing_support::DiskOperation& operation) {
    return operation.name == "Sync" ? absl::DataLossError("input/output error") : absl::OkStatus();
  });
  staged->sync()->Run();
  disk().SetTrouble(nullptr);
  EXPECT_THAT(staged->Write(1000, Span("x")), StatusIs(absl::StatusCode::kUnavailable));
  staged.reset();
  EXPECT_THAT(Staging(), IsEmpty());
}

TEST(StagingIdentityTest, IsReadAsItWasWritten) {
  const StagingIdentity identity{base::CollectionId::Parse("books").value(),
                                 base::FileId::Parse("a b/c d").value(), kSize,
                                 StagingKey{"alice", "sha256:00ff", "conv"}};
  ASSERT_OK_AND_ASSIGN(const StagingIdentity read,
                       ParseStagingIdentity(EncodeStagingIdentity(identity)));
  EXPECT_TRUE(read.ContinuedBy(identity));
  EXPECT_EQ(read.key.conversation, "conv");
  for (const char* const text : {"", "1", "2 5 m p c books f", "1 x m p c books f",
                                 "1 5 m p c B/ f", "1 5 m p c books /f"}) {
    EXPECT_THAT(ParseStagingIdentity(text), StatusIs(absl::StatusCode::kDataLoss)) << text;
  }
}

TEST_F(StagedPartsTest, SoManyWaitAndOfMoreTheOldestIsGivenUp) {
  StagedParts parts({}, 2);
  const auto park = [&](absl::string_view id, absl::Time at) {
    const std::string path = absl::StrCat("books/staging/", id);
    ASSERT_OK(disk().Create(path));
    parts.Park({StagingIdentity{books(), Id(id), kSize, Key()}, &disk(), nullptr, path, 1, at});
  };
  park("a", wall_now());
  park("b", wall_now() - absl::Hours(1));
  EXPECT_THAT(Staging(), ::testing::ElementsAre("a", "b"));
  park("c", wall_now());
  EXPECT_THAT(Staging(), ::testing::ElementsAre("a", "c"));
}

}  // namespace
}  // namespace bitrepo::store
