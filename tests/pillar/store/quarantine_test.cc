// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QuarantineTest : public ::testing::Test, public testing_support::StoreOnDisk {
 protected:
  QuarantineTest() { Reopen(); }
  // A file that no record speaks of.
  void Leave(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(PathOf(path)).parent_path());
    std::ofstream(PathOf(path)) << text;
  }
  std::string Text(const std::string& path) { return testing_support::TextOf(PathOf(path)); }
  uint64_t Count() { return CountOf(store().Check().value(), "books").quarantined_files; }
  std::string Ledger() {
    std::string text;
    for (const std::string& name : FilesBelow("ledger")) text += Text("ledger/" + name);
    return text;
  }
};

TEST_F(QuarantineTest, WhatIsUnknownKeepsItsPathAndItsBytes) {
  Leave("books/files/3f/stranger~1", "of nobody");
  Reopen();
  const auto files = FilesBelow("books/quarantine");
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_THAT(*files.begin(), HasSubstr("/files/3f/stranger~1"));
  EXPECT_EQ(Text("books/quarantine/" + *files.begin()), "of nobody");
  EXPECT_THAT(FilesBelow("books/files"), IsEmpty());
  EXPECT_EQ(Count(), 1u);
  EXPECT_THAT(Ledger(), HasSubstr("QUARANTINED\tbooks\tstranger\t"));
  EXPECT_THAT(Ledger(), HasSubstr("not in the catalogue: "));
}

TEST_F(QuarantineTest, WhatComesUnderTheSameNameAgainReplacesNothing) {
  for (const char* const text : {"first", "second", "third"}) {
    Leave("books/files/3f/stranger~1", text);
    Reopen();
  }
  std::vector<std::string> texts;
  for (const std::string& path : FilesBelow("books/quarantine")) {
    texts.push_back(Text("books/quarantine/" + path));
  }
  EXPECT_THAT(texts, ElementsAre("first", "second", "third"));
  EXPECT_EQ(Count(), 3u);
}

TEST_F(QuarantineTest, AMoveThatWasNotRecordedIsRecordedOnce) {
  Leave("books/quarantine/1.9/files/3f/moved~1", "and then the power went");
  Leave("books/quarantine/1.9/files/odd", "beside the shards");
  for (int start = 0; start < 3; ++start) {
    Reopen();
    EXPECT_EQ(Count(), 2u);
  }
  EXPECT_THAT(Ledger(), HasSubstr("moved, not recorded: 1.9/files/3f/moved~1"));
}

TEST_F(QuarantineTest, ADirectoryOfStrangersIsMovedAsOne) {
  Leave("books/files/lost+found/a", "1");
  Leave("books/files/lost+found/b", "2");
  Reopen();
  EXPECT_EQ(Count(), 1u);
  EXPECT_THAT(FilesBelow("books/quarantine"), SizeIs(2));
  Reopen();
  EXPECT_EQ(Count(), 1u);
}

TEST_F(QuarantineTest, ANameThatIsInTheWayOfAPutIsMovedAside) {
  Leave(absl::StrCat("books/", GenerationPath(Id("f"), 1)), "someone put it here by hand");
  ASSERT_OK(Put("f", "some bytes"));
  EXPECT_EQ(Get("f"), "some bytes");
  const auto files = FilesBelow("books/quarantine");
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_EQ(Text("books/quarantine/" + *files.begin()), "someone put it here by hand");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(QuarantineTest, DamagedBytesThatWerePutAgainAreKept) {
  ASSERT_OK(Put("f", "some bytes"));
  FlipBitIn(FilePath("f"), 0);
  ASSERT_TRUE(absl::IsDataLoss(TryGet("f").status()));
  ASSERT_OK(Put("f", "some bytes"));
  const std::string kept = GenerationPath(Id("f"), 1);
  EXPECT_THAT(FilesBelow("books/quarantine"), ElementsAre(kept));
  EXPECT_EQ(Text("books/quarantine/" + kept), "rome bytes");
  EXPECT_EQ(FindRemoved("f").value().trouble, "damaged");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(QuarantineTest, WhatWasRemovedLiesUnderItsNameAndComesBackToItsPlace) {
  ASSERT_OK(Put("f", "some bytes"));
  const std::string path = GenerationPath(Id("f"), 1);
  ASSERT_OK(Remove("f", "some bytes"));
  EXPECT_THAT(FilesBelow("books/files"), IsEmpty());
  EXPECT_THAT(FilesBelow("books/quarantine"), ElementsAre(path));
  EXPECT_EQ(Text("books/quarantine/" + path), "some bytes");
  ASSERT_OK(Restore("f"));
  EXPECT_THAT(FilesBelow("books/quarantine"), IsEmpty());
  EXPECT_EQ(Text("books/" + path), "some bytes");
  ASSERT_OK(Replace("f", "some bytes", "others"));
  EXPECT_THAT(FilesBelow("books/quarantine"), ElementsAre(path));
}

TEST_F(QuarantineTest, ANameThatIsInTheWayOfARestorationIsMovedAside) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Remove("f", "some bytes"));
  Leave("books/" + GenerationPath(Id("f"), 1), "someone put it here by hand");
  ASSERT_OK(Restore("f"));
  EXPECT_EQ(Get("f"), "some bytes");
  ASSERT_THAT(FilesBelow("books/quarantine"), SizeIs(1));
  EXPECT_EQ(Count(), 1u);
}

TEST_F(QuarantineTest, ARemovedFileThatSomeoneTookAwayIsNotRestored) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Remove("f", "some bytes"));
  fs::remove(PathOf("books/quarantine/" + GenerationPath(Id("f"), 1)));
  EXPECT_THAT(Restore("f"), testing_support::StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Find("f"), testing_support::StatusIs(absl::StatusCode::kNotFound));
  Reopen();
  EXPECT_EQ(FindRemoved("f").value().trouble, "missing");
}

TEST_F(QuarantineTest, UnknownFilesArePurgedAfterTheirTermWithAllThatIsInThem) {
  Leave("books/files/lost+found/a", "1");
  Leave("books/files/lost+found/deep/b", "2");
  Leave("books/files/3f/stranger~1", "of nobody");
  Reopen();
  const absl::Time taken_at = wall_now();
  clock().Advance(absl::Hours(1));
  Leave("books/files/3f/stranger~2", "of nobody");
  Reopen();
  EXPECT_EQ(store().PurgeQuarantine(taken_at, 10).value(), 0u);
  EXPECT_EQ(Count(), 3u);
  EXPECT_EQ(store().PurgeQuarantine(wall_now(), 10).value(), 2u);
  EXPECT_EQ(Count(), 1u);
  const auto files = FilesBelow("books/quarantine");
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_THAT(*files.begin(), HasSubstr("stranger~2"));
  EXPECT_THAT(Ledger(), HasSubstr("QUARANTINE_PURGED\tbooks\tstranger\t"));
  Reopen();
  EXPECT_EQ(Count(), 1u);
}

TEST_F(QuarantineTest, WhatIsPurgedIsGoneFromTheDisk) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Remove("f", "some bytes"));
  ASSERT_EQ(store().PurgeQuarantine(absl::InfiniteFuture(), 10).value(), 1u);
  EXPECT_THAT(FilesBelow("books"), ElementsAre("FORMAT"));
}

}  // namespace
}  // namespace bitrepo::store
