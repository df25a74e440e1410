// SPDX-License-Identifier: Apache-2.0
// Work that a command leaves to the pillars and another process finishes; and audit trails that
// were tampered with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

// Two pillars and a state directory of our own.
class LeftToThePillars : public ::testing::Test {
 protected:
  LeftToThePillars() : rig_(2) {
    rig_.StartPillar("p1");
    rig_.StartPillar("p2");
    EXPECT_TRUE(rig_.WaitForPillars());
  }
  RepositoryRig::Result Run(std::vector<std::string> words) {
    return rig_.RunBy(absl::StrCat("XDG_STATE_HOME=", rig_.Path("state"), " exec \"$@\" 2>>",
                                   rig_.Path("errors")),
                      std::move(words));
  }
  fs::path StateFile(const std::string& id) const {
    return rig_.Path(absl::StrCat("state/bitrepo/conversations/", id, ".json"));
  }
  RepositoryRig rig_;
};

TEST_F(LeftToThePillars, AGetIsFinishedByConvWait) {
  const std::string bytes(1 << 20, 'x');
  rig_.WriteFile("file", bytes);
  ASSERT_EQ(Run({"put", rig_.Path("file")}).exit_code, 0);
  const RepositoryRig::Result left =
      Run({"get", "file", "-o", rig_.Path("copy"), "--from", "p1", "--detach"});
  ASSERT_EQ(left.exit_code, 0) << left.log;
  if (fs::exists(rig_.Path("copy"))) return;  // it was done before it could be left
  const std::string id(absl::StripAsciiWhitespace(left.log));
  struct stat facts {};
  ASSERT_EQ(stat(StateFile(id).c_str(), &facts), 0) << id;
  EXPECT_EQ(facts.st_mode & 0777, 0600u) << "it may hold a token";
  const RepositoryRig::Result waited = Run({"conv", "wait", id.substr(0, 20)});
  EXPECT_EQ(waited.exit_code, 0) << waited.log << testing_support::TextOf(rig_.Path("errors"));
  EXPECT_EQ(testing_support::TextOf(rig_.Path("copy")), bytes);
  EXPECT_FALSE(fs::exists(StateFile(id))) << "what has ended is forgotten";
  EXPECT_EQ(Run({"conv", "wait", id}).exit_code, 4);
}

TEST_F(LeftToThePillars, WhatWasLeftNeedsAPlaceForItsBytes) {
  EXPECT_EQ(Run({"get", "file", "-o", "-", "--detach"}).exit_code, 2);
  EXPECT_EQ(Run({"get", "a", "b", "-o", rig_.Path("d/"), "--wait", "1s"}).exit_code, 2);
  EXPECT_EQ(Run({"put", "-", "--id", "x", "--detach"}).exit_code, 2);
}

TEST_F(LeftToThePillars, AConversationThatNobodyLeftIsNotFound) {
  EXPECT_EQ(Run({"conv", "wait", "01234567-89ab-7def-8123-456789abcdef"}).exit_code, 4);
  EXPECT_EQ(Run({"conv", "cancel", "0123"}).exit_code, 4);
}

// A trail that was seen is held against what stands there later.
TEST_F(LeftToThePillars, AuditVerifyFindsATrailThatIsNotTheOneItSaw) {
  rig_.WriteFile("file", "bytes\n");
  ASSERT_EQ(Run({"put", rig_.Path("file")}).exit_code, 0);
  ASSERT_EQ(Run({"audit", "verify"}).exit_code, 0) << testing_support::TextOf(rig_.Path("errors"));
  const std::string path = rig_.Path("state/bitrepo/audit-anchors");
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  // As if the trail of p1 had gone on further when it was seen: now it is cut.
  std::string anchors;
  for (const absl::string_view line :
       absl::StrSplit(testing_support::TextOf(path), '\n', absl::SkipEmpty())) {
    std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.at(1) == "p1") words.at(2) = "1000";
    absl::StrAppend(&anchors, absl::StrJoin(words, " "), "\n");
  }
  std::ofstream(path) << anchors;
  const RepositoryRig::Result cut = Run({"audit", "verify"});
  EXPECT_EQ(cut.exit_code, 6);
  EXPECT_THAT(cut.log, HasSubstr("BROKEN"));
  EXPECT_THAT(testing_support::TextOf(rig_.Path("errors")),
              HasSubstr("the audit trail of p1 is broken"));
  EXPECT_THAT(testing_support::TextOf(path), HasSubstr(" 1000 "))
      << "what was seen is not forgotten";
}

}  // namespace
}  // namespace bitrepo::system_test
