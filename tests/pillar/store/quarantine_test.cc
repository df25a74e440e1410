// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/quarantine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
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
  std::string Text(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(PathOf(path)).rdbuf();
    return text.str();
  }
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
  const auto files = FilesBelow("books/quarantine");
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_THAT(*files.begin(), HasSubstr("/f~1"));
  EXPECT_THAT(Ledger(), HasSubstr("superseded: "));
}

}  // namespace
}  // namespace bitrepo::store
