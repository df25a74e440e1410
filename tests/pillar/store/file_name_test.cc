// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/file_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/random.h"

namespace bitrepo::store {
namespace {

base::FileId Id(absl::string_view text) { return base::FileId::Parse(text).value(); }

TEST(FileNameTest, PlainNamesStayReadable) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"report.pdf", "report.pdf"},
      {"a_B-9.x", "a_B-9.x"},
      {"a/b c", "a%2Fb%20c"},
      {"100%", "100%25"},
      {"a~1", "a%7E1"},
      {"\xC3\xA9", "%C3%A9"},
      {"-rf", "-rf"},
      {".hidden", ".hidden"},
      {"x.id", "x.id"},
      {"back\\slash", "back%5Cslash"},
      {"$(rm) 'x' \"y\"", "%24%28rm%29%20%27x%27%20%22y%22"},
  };
  for (const auto& [id, name] : rows) {
    EXPECT_EQ(FileName(Id(id)), name);
    EXPECT_EQ(FileIdOfName(name), Id(id)) << name;
  }
}

TEST(FileNameTest, NamesAreCutBeyondTheirLimit) {
  const std::string at(kPlainNameBytesMax, 'a');
  EXPECT_EQ(FileName(Id(at)), at);
  const std::string past = at + "a";
  const std::string digest = base::Hasher::Of(base::Algorithm::kSha256, past).Hex();
  EXPECT_EQ(FileName(Id(past)), absl::StrCat(at.substr(0, kCutNameBytes), "~h", digest));
  EXPECT_EQ(FileIdOfName(FileName(Id(past))), std::nullopt) << "a cut name does not tell the id";
  // It is the name that counts, not the id: 66 spaces make 198 bytes, 67 make 201.
  EXPECT_EQ(FileName(Id(std::string(66, ' '))).size(), 198u);
  EXPECT_TRUE(absl::StrContains(FileName(Id(std::string(67, ' '))), "~h"));
}

TEST(FileNameTest, ACutNeverEndsInsideAnEscape) {
  for (size_t plain = 0; plain < 4; ++plain) {
    const std::string id = std::string(plain, 'a') + std::string(250, '#');
    const std::string name = FileName(Id(id));
    const std::string kept = name.substr(0, name.find("~h"));
    EXPECT_LE(kept.size(), kCutNameBytes);
    EXPECT_GT(kept.size(), kCutNameBytes - 3);
    EXPECT_EQ((kept.size() - plain) % 3, 0u) << kept;
  }
}

TEST(FileNameTest, TheLongestNameFitsWhatAFileSystemTakes) {
  for (const char c : {'a', '#'}) {
    const std::string leaf = LeafOf(Id(std::string(255, c)), ~uint64_t{0});
    EXPECT_LE(leaf.size() + std::string(".id").size(), 255u);
  }
}

TEST(FileNameTest, EveryNameStaysWhereItBelongs) {
  base::SeededRandom random(5);
  const std::string hostile = "./~%\\ ..a\xC3\xA9:*?\"'|<>&;$`";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const uint64_t length = 1 + random.Below(255);
    while (text.size() < length) text += hostile[random.Below(hostile.size())];
    const absl::StatusOr<base::FileId> id = base::FileId::Parse(text);
    if (!id.ok()) continue;
    const std::string leaf = LeafOf(*id, 1);
    EXPECT_EQ(leaf.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789._-%~"),
              std::string::npos)
        << leaf;
    EXPECT_NE(leaf, ".");
    EXPECT_NE(leaf, "..");
    EXPECT_EQ(GenerationPath(*id, 1), absl::StrCat("files/", ShardName(*id), "/", leaf));
    EXPECT_TRUE(IsShardName(ShardName(*id)));
  }
}

TEST(FileNameTest, NoTwoIdsShareAName) {
  // Pairs that a careless encoding would confuse, and many alike.
  std::map<std::string, std::string> ids;
  std::vector<std::string> texts = {"a/b", "a%2Fb", "a%2fb", "a%252Fb", "a b",  "a%20b", "a+b",
                                    "A",   "a",     "a~1",   "a~1~1",   "a.id", "a~1.id"};
  for (const char last : {'x', 'y'}) {
    texts.push_back(std::string(254, 'l') + last);
    texts.push_back(std::string(254, '#') + last);
    texts.push_back(std::string(200, 'l') + last);
  }
  const std::string cut = FileName(Id(std::string(254, 'l') + "x"));
  texts.push_back(cut);  // an id that looks like a cut name
  for (const std::string& text : texts) {
    for (const uint64_t number : {1, 2, 11}) {
      const auto [there, added] = ids.emplace(LeafOf(Id(text), number), text);
      EXPECT_TRUE(added) << text << " and " << there->second;
    }
  }
}

TEST(FileNameTest, ALeafSaysItsNameItsNumberAndWhetherItIsARecord) {
  const auto leaf = ParseLeaf("a.b~12");
  ASSERT_TRUE(leaf.has_value());
  EXPECT_EQ(leaf->name, "a.b");
  EXPECT_EQ(leaf->number, 12u);
  EXPECT_FALSE(leaf->is_record);
  EXPECT_TRUE(ParseLeaf("a~1.id")->is_record);
  EXPECT_FALSE(ParseLeaf("a.id~1")->is_record);
  EXPECT_EQ(ParseLeaf(LeafOf(Id(std::string(255, 'a')), 7))->number, 7u);
  for (const char* const wrong : {"", "a", "~1", "a~", "a~x", "a~01", "a~+1", "a~ 1", "a~1 ",
                                  "a~-1", "a~1.ID", "a.id", "a~18446744073709551616"}) {
    EXPECT_FALSE(ParseLeaf(wrong).has_value()) << wrong;
  }
}

TEST(FileNameTest, ANameThatIsNeverMadeSaysNoId) {
  for (const char* const wrong :
       {"", "a%2fb", "a%2", "a%", "%41", "a b", "a/b", "..", ".", "%2E", "a%00b", "%C3", "a~1"}) {
    EXPECT_EQ(FileIdOfName(wrong), std::nullopt) << wrong;
  }
}

TEST(FileNameTest, ShardsAreTwoHexDigitsInLowerCase) {
  EXPECT_EQ(ShardName(Id("two")), "3f");
  EXPECT_EQ(ShardName(Id("one")), "76");
  for (const char* const wrong : {"", "3", "3F", "3g", "3f0", "..", "/a"}) {
    EXPECT_FALSE(IsShardName(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace bitrepo::store
