// SPDX-License-Identifier: Apache-2.0
#include "client/commands/put_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Plan : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text = "text") {
    const fs::path path = directory_.Path(name);
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  static std::vector<std::string> Ids(const PutPlan& plan) {
    std::vector<std::string> ids;
    for (const PutItem& item : plan.items) ids.push_back(item.file_id.text());
    return ids;
  }
  testing_support::TempDir directory_;
};

TEST_F(Plan, AFileTakesItsNameOrTheIdThatIsGiven) {
  const std::string path = Write("a/report.pdf", "12345");
  const PutPlan named = MakePutPlan({{path}, "", false});
  EXPECT_THAT(Ids(named), ElementsAre("report.pdf"));
  EXPECT_EQ(named.items[0].size_bytes, 5u);
  EXPECT_THAT(Ids(MakePutPlan({{path}, "other/id", false})), ElementsAre("other/id"));
}

TEST_F(Plan, ADirectoryGivesItsFilesByTheirPathsInOrder) {
  Write("tree/b");
  Write("tree/a/z");
  Write("tree/a/y");
  Write("tree/.hidden");
  const PutPlan plan = MakePutPlan({{directory_.Path("tree")}, "", true});
  EXPECT_THAT(Ids(plan), ElementsAre(".hidden", "a/y", "a/z", "b"));
  EXPECT_THAT(Ids(MakePutPlan({{directory_.Path("tree/")}, "", true})),
              ElementsAre(".hidden", "a/y", "a/z", "b"));
}

TEST_F(Plan, ADirectoryNeedsTheFlagThatAsksForIt) {
  Write("tree/a");
  const PutPlan plan = MakePutPlan({{directory_.Path("tree")}, "", false});
  EXPECT_THAT(plan.problems.usage, ElementsAre(HasSubstr("use -r")));
  EXPECT_THAT(plan.items, IsEmpty());
}

TEST_F(Plan, WhatIsNotThereIsALocalProblemAndTheRestIsPlanned) {
  const std::string there = Write("there");
  const PutPlan plan = MakePutPlan({{directory_.Path("absent"), there}, "", false});
  EXPECT_THAT(plan.problems.local, ElementsAre(HasSubstr("absent")));
  EXPECT_THAT(Ids(plan), ElementsAre("there"));
}

TEST_F(Plan, NamesThatAreNoIdsAreToldAllBeforeAnythingIsSent) {
  Write("tree/good");
  Write("tree/bad\x01name");
  Write("tree/bad\xFFname");
  const PutPlan plan = MakePutPlan({{directory_.Path("tree")}, "", true});
  EXPECT_THAT(plan.problems.usage,
              ElementsAre(HasSubstr("bad\\x01name"), HasSubstr("bad\\xffname")));
}

TEST_F(Plan, TwoFilesForOneIdAreRefused) {
  const PutPlan plan = MakePutPlan({{Write("a/same"), Write("b/same")}, "", false});
  EXPECT_THAT(plan.problems.usage, ElementsAre(HasSubstr("would both be same")));
}

TEST_F(Plan, AnIdNamesOneFile) {
  const std::string path = Write("a");
  EXPECT_THAT(MakePutPlan({{path, path}, "id", false}).problems.usage,
              ElementsAre(HasSubstr("one source")));
  EXPECT_THAT(MakePutPlan({{directory_.path()}, "id", true}).problems.usage,
              ElementsAre(HasSubstr("directory")));
}

TEST_F(Plan, StandardInputNeedsAName) {
  EXPECT_THAT(MakePutPlan({{"-"}, "", false}).problems.usage, ElementsAre(HasSubstr("--id")));
  EXPECT_THAT(Ids(MakePutPlan({{"-"}, "stream", false})), ElementsAre("stream"));
}

TEST_F(Plan, LinksToFilesAreFollowedAndOtherThingsLeftOut) {
  Write("tree/file", "four");
  fs::create_symlink("file", directory_.Path("tree/link"));
  fs::create_directory_symlink(".", directory_.Path("tree/round"));
  ASSERT_EQ(mkfifo(directory_.Path("tree/fifo").c_str(), 0600), 0);
  const PutPlan plan = MakePutPlan({{directory_.Path("tree")}, "", true});
  EXPECT_THAT(Ids(plan), ElementsAre("file", "link"));
  EXPECT_THAT(plan.left_out, ElementsAre(EndsWith("fifo"), EndsWith("round")));
}

TEST(PathList, IsOneALineOrEndedByNul) {
  EXPECT_THAT(SplitPathList("a\nb c\n\nd"), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(SplitPathList(absl::string_view("a\nb\0c\0", 6)), ElementsAre("a\nb", "c"));
  EXPECT_THAT(SplitPathList(""), IsEmpty());
}

}  // namespace
}  // namespace bitrepo::commands
