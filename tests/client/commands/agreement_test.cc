// SPDX-License-Identifier: Apache-2.0
#include "client/commands/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

base::ComponentId Id(const std::string& text) { return *base::ComponentId::Parse(text); }

// Digest by pillar: "-" damaged, "" missing, "?" silent.
Agreement Of(const std::map<std::string, std::string>& said) {
  absl::btree_map<base::ComponentId, PillarWord> words;
  std::vector<base::ComponentId> answered;
  std::vector<base::ComponentId> silent;
  for (const auto& [pillar, word] : said) {
    (word == "?" ? silent : answered).push_back(Id(pillar));
    if (word == "-") {
      words[Id(pillar)].trouble = "the bytes fail their digest";
    } else if (!word.empty() && word != "?") {
      words[Id(pillar)].digest = word;
    }
  }
  return Compare(words, answered, silent);
}

TEST(Agreement, IsWhenAllThatAnsweredHaveOneDigest) {
  const Agreement all = Of({{"p1", "aa"}, {"p2", "aa"}});
  EXPECT_TRUE(all.all_same());
  EXPECT_EQ(all.digest, "aa");
  EXPECT_EQ(all.CountOf(CopyState::kSame), 2u);
  EXPECT_TRUE(Of({{"p1", "aa"}, {"p2", "?"}}).all_same()) << "a silent one says nothing against it";
}

TEST(Agreement, TheMajorityNamesTheDigestAndTheOthersDiffer) {
  const Agreement two = Of({{"p1", "bb"}, {"p2", "aa"}, {"p3", "bb"}});
  EXPECT_FALSE(two.all_same());
  EXPECT_EQ(two.digest, "bb");
  EXPECT_THAT(two.copies,
              ElementsAre(Pair(Id("p1"), CopyState::kSame), Pair(Id("p2"), CopyState::kDiffers),
                          Pair(Id("p3"), CopyState::kSame)));
}

TEST(Agreement, ATieIsSettledTheSameWayEachTime) {
  EXPECT_EQ(Of({{"p1", "bb"}, {"p2", "aa"}}).digest, "aa");
  EXPECT_EQ(Of({{"p1", "aa"}, {"p2", "bb"}}).digest, "aa");
}

TEST(Agreement, OneMissingDamagedOrDifferentCopyIsNone) {
  for (const char* bad : {"", "-", "bb"}) {
    EXPECT_FALSE(Of({{"p1", "aa"}, {"p2", "aa"}, {"p3", bad}}).all_same()) << bad;
  }
  EXPECT_EQ(Of({{"p1", "aa"}, {"p2", ""}}).copies.at(Id("p2")), CopyState::kMissing);
  EXPECT_EQ(Of({{"p1", "aa"}, {"p2", "-"}}).copies.at(Id("p2")), CopyState::kDamaged);
}

TEST(Agreement, OfNobodyIsNone) {
  EXPECT_FALSE(Of({}).all_same());
  EXPECT_FALSE(Of({{"p1", "-"}, {"p2", "?"}}).all_same());
}

}  // namespace
}  // namespace bitrepo::commands
