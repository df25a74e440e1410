// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/tidy/room_table.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

// The rules of the house, held against the tree as it is. rules_test.cc shows that each can fail.
namespace bitrepo::tidy {
namespace {

const SourceTree& Tree() {
  static const SourceTree kTree = ReadTree(BITREPO_SOURCE_ROOT);
  return kTree;
}

::testing::AssertionResult Holds(const Faults& faults) {
  if (faults.empty()) return ::testing::AssertionSuccess();
  ::testing::AssertionResult result = ::testing::AssertionFailure() << faults.size() << " faults:";
  for (const std::string& fault : faults) result << "\n  " << fault;
  return result;
}

TEST(TidyTest, TheTreeIsRead) { EXPECT_GT(Tree().files.size(), 5U); }

TEST(TidyTest, IncludesFollowTheArrows) { EXPECT_TRUE(Holds(BrokenArrows(Tree().files))); }

TEST(TidyTest, NoRoomsStandInACircle) { EXPECT_TRUE(Holds(Circles(Tree().files))); }

TEST(TidyTest, PureFilesTouchNothingOfTheWorld) { EXPECT_TRUE(Holds(Impurities(Tree().files))); }

TEST(TidyTest, HeavyHeadersStandBehindOneFileEach) {
  EXPECT_TRUE(Holds(HeavyHeaders(Tree().files)));
}

TEST(TidyTest, NoFileIsTooLong) { EXPECT_TRUE(Holds(LongFiles(Tree().files))); }

TEST(TidyTest, FileNamesSayWhatIsInside) { EXPECT_TRUE(Holds(BannedFileNames(Tree().files))); }

TEST(TidyTest, FileNamesAreUniqueInTheirWing) {
  EXPECT_TRUE(Holds(RepeatedFileNames(Tree().files)));
}

TEST(TidyTest, NoBannedWord) { EXPECT_TRUE(Holds(BannedWords(Tree().files))); }

TEST(TidyTest, FilesOpenWithTheirCaption) { EXPECT_TRUE(Holds(MissingCaptions(Tree().files))); }

TEST(TidyTest, HostsNameNoImplementation) {
  EXPECT_TRUE(Holds(NamedImplementations(Tree().files)));
}

TEST(TidyTest, EverySourceIsBuilt) { EXPECT_TRUE(Holds(UnlistedSources(Tree()))); }

TEST(TidyTest, EverySentenceOfTheSpecificationIsNamedByATest) {
  EXPECT_GT(Tree().spec.size(), 5U);
  EXPECT_TRUE(Holds(UnheldSentences(Tree().spec, Tree().files)));
}

TEST(TidyTest, EveryMustHasANumber) { EXPECT_TRUE(Holds(UnnumberedMusts(Tree().spec))); }

TEST(TidyTest, ReadmesAreShort) {
  EXPECT_GT(Tree().readmes.size(), 10U);
  EXPECT_TRUE(Holds(LongReadmes(Tree().readmes)));
}

TEST(TidyTest, ReadmesNameFilesThatAreThere) {
  EXPECT_TRUE(Holds(NamesOfNoFile(Tree().readmes, Tree().files)));
}

TEST(TidyTest, TheBuildStatesTheSameTableOfRooms) {
  const std::string text =
      testing_support::TextOf(std::string(BITREPO_SOURCE_ROOT) + "/cmake/Floors.cmake");
  EXPECT_EQ(ParseFloors(text), MayInclude());
}

}  // namespace
}  // namespace bitrepo::tidy
