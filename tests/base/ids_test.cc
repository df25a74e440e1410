// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::IsOkAndHolds;
using testing_support::StatusIs;

std::string Repeat(absl::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) {
    absl::StrAppend(&repeated, text);
  }
  return repeated;
}

TEST(FileId, TakesEveryNameThatIsWellFormed) {
  const std::vector<std::string> ids = {
      "x",
      "a/b/c.txt",
      std::string(255, 'x'),
      Repeat("\xc3\xa9", 127),        // 254 bytes
      Repeat("\xc3\xa9", 127) + "e",  // 255 bytes
      "\xf0\x9f\x90\x98 and spaces",  // an elephant
      " ",
      "trailing dot.",
      "trailing space ",
      ".hidden",
      "..hidden",
      "...",
      "a..b",
      "\xef\xbb\xbf"
      "bom",
      "\xe2\x80\xae"
      "rtl",
      "%2e%2e%2f",
      "back\\slash",
      "C:",
      "CON",
      "LOCK",
      "journal",
      "$(reboot)",
      "`id`",
      "'quoted'",
      "\"quoted\"",
      "%s%n",
      "a;b|c&d>e<f*?[]{}!#~",
      "-rf",
      "\xc2\xa0",          // the first character after C1
      "\xed\x9f\xbf",      // the last before the surrogates
      "\xee\x80\x80",      // the first after them
      "\xf4\x8f\xbf\xbf",  // the last there is
      "\xef\xbf\xbf",
  };
  for (const std::string& id : ids) {
    ASSERT_OK_AND_ASSIGN(const FileId parsed, FileId::Parse(id));
    EXPECT_EQ(parsed.text(), id);
  }
}

TEST(FileId, RefusesTheRestAndSaysWhy) {
  struct Row {
    std::string id;
    std::string rule;
  };
  const std::string control = "control character";
  const std::string utf8 = "UTF-8";
  const std::string part = "part";
  const std::string slash = "'/'";
  const std::vector<Row> rows = {
      {"", "empty"},
      {std::string(256, 'x'), "256 bytes"},
      {Repeat("\xc3\xa9", 128), "256 bytes"},
      {std::string(1024, 'x'), "1024 bytes"},
      {std::string(1025, 'x'), "1025 bytes"},
      {".", part},
      {"..", part},
      {"../x", part},
      {"a/../b", part},
      {"a/./b", part},
      {"a/..", part},
      {"a//b", part},
      {"/etc/passwd", slash},
      {"/", slash},
      {"a/", slash},
      {"../", slash},
      {std::string("a\0b", 3), control},
      {std::string("\0", 1), control},
      {"a\nb", control},
      {"a\tb", control},
      {"a\rb", control},
      {"\x1b[31mred", control},
      {"\x01", control},
      {"\x1f", control},
      {"\x7f", control},
      {"\xc2\x80", control},
      {"\xc2\x9f", control},
      {"\xff", utf8},
      {"\xfe", utf8},
      {"\x80", utf8},
      {"\xbf", utf8},
      {"caf\xe9", utf8},  // Latin-1
      {"\xc3", utf8},     // cut short
      {"\xe2\x82", utf8},
      {"\xf0\x9f\x90", utf8},
      {"\xc3(", utf8},
      {"\xc0\xaf", utf8},  // overlong '/'
      {"\xc0\x80", utf8},  // overlong NUL
      {"\xc1\xbf", utf8},
      {"\xe0\x80\xaf", utf8},
      {"\xe0\x9f\xbf", utf8},
      {"\xf0\x80\x80\xaf", utf8},
      {"\xf0\x8f\xbf\xbf", utf8},
      {"\xed\xa0\x80", utf8},  // surrogates
      {"\xed\xbf\xbf", utf8},
      {"\xed\xa0\xbd\xed\xb0\x98", utf8},
      {"\xf4\x90\x80\x80", utf8},  // past U+10FFFF
      {"\xf5\x80\x80\x80", utf8},
      {"\xf8\x88\x80\x80\x80", utf8},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(FileId::Parse(row.id),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.rule)))
        << row.id;
  }
}

TEST(FileId, ARefusalShowsTheIdEscapedAndShort) {
  EXPECT_THAT(FileId::Parse("a\x1b\n\"\\b"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(R"(a\x1b\x0a\x22\x5cb)")));
  const absl::Status refused = FileId::Parse(std::string(100'000, 'x')).status();
  EXPECT_LT(refused.message().size(), 200u);
}

TEST(FileId, IsNotNormalised) {
  ASSERT_OK_AND_ASSIGN(const FileId composed, FileId::Parse("\xc3\xa9"));
  ASSERT_OK_AND_ASSIGN(const FileId decomposed, FileId::Parse("e\xcc\x81"));
  EXPECT_NE(composed, decomposed);
  ASSERT_OK_AND_ASSIGN(const FileId lower, FileId::Parse("readme"));
  ASSERT_OK_AND_ASSIGN(const FileId upper, FileId::Parse("README"));
  EXPECT_NE(lower, upper);
}

TEST(FileId, IsOrderedByItsBytes) {
  const std::string common(250, 'x');
  ASSERT_OK_AND_ASSIGN(const FileId a, FileId::Parse(common + "a"));
  ASSERT_OK_AND_ASSIGN(const FileId b, FileId::Parse(common + "b"));
  ASSERT_OK_AND_ASSIGN(const FileId accented, FileId::Parse(common + "\xc3\xa9"));
  EXPECT_LT(a, b);
  EXPECT_LT(b, accented) << "bytes compare unsigned";
}

TEST(NameId, TakesAndRefusesByItsGrammar) {
  for (const std::string& name :
       {std::string("a"), std::string("0"), std::string("pillar-1"), std::string("alice.5f03c2d1"),
        std::string("a_b.c-d"), std::string("a."), std::string(64, 'z')}) {
    EXPECT_OK(ComponentId::Parse(name)) << name;
    EXPECT_OK(CollectionId::Parse(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string(".a"), std::string("-a"), std::string("_a"), std::string("A"),
        std::string("aB"), std::string("a b"), std::string("a/b"), std::string("a\n"),
        std::string("\xc3\xa9"), std::string("a\0", 2), std::string(65, 'z')}) {
    EXPECT_THAT(ComponentId::Parse(name), StatusIs(absl::StatusCode::kInvalidArgument)) << name;
  }
}

TEST(Uuid, IsVersion7WithTheTimeInFront) {
  SeededRandom random(1);
  const absl::Time when = absl::FromUnixMillis(0x0123456789ab);
  const ConversationId id = ConversationId::Make(when, random);
  const std::string text = id.ToString();
  EXPECT_EQ(text.substr(0, 15), "01234567-89ab-7");
  EXPECT_THAT(std::string("89ab"), HasSubstr(text.substr(19, 1)));
  EXPECT_FALSE(id.is_zero());
}

TEST(Uuid, LaterOnesSortAfterEarlierOnesAndNoTwoAreEqual) {
  SeededRandom random(2);
  const absl::Time when = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_LT(MessageId::Make(when, random), MessageId::Make(when + absl::Milliseconds(1), random));
  std::set<MessageId> seen;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(seen.insert(MessageId::Make(when, random)).second);
  }
}

TEST(Uuid, TextAndBytesGoBothWays) {
  SeededRandom random(3);
  const StoreId id = StoreId::Make(absl::FromUnixSeconds(1'800'000'000), random);
  EXPECT_THAT(StoreId::Parse(id.ToString()), IsOkAndHolds(id));
  EXPECT_THAT(StoreId::FromBytes(id.ToBytes()), IsOkAndHolds(id));
  EXPECT_EQ(id.ToBytes().size(), 16u);
  EXPECT_THAT(StoreId::Parse("01234567-89AB-CDEF-0123-456789abcdef"),
              IsOkAndHolds(
                  ::testing::Property(&StoreId::ToString, "01234567-89ab-cdef-0123-456789abcdef")));
}

TEST(Uuid, MalformedOnesAreRefused) {
  for (const std::string& text :
       {std::string(), std::string("0"), std::string("0123456789abcdef0123456789abcdef"),
        std::string("01234567-89ab-cdef-0123-456789abcde"),
        std::string("01234567-89ab-cdef-0123-456789abcdef0"),
        std::string("0123456789-ab-cdef-0123-456789abcdef"),
        std::string("0123456g-89ab-cdef-0123-456789abcdef"),
        std::string("{0123456-89ab-cdef-0123-456789abcde}"),
        std::string("00000000-0000-0000-0000-000000000000")}) {
    EXPECT_THAT(TokenId::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  EXPECT_FALSE(TokenId::FromBytes("").ok());
  EXPECT_FALSE(TokenId::FromBytes(std::string(15, 'x')).ok());
  EXPECT_FALSE(TokenId::FromBytes(std::string(17, 'x')).ok());
  EXPECT_FALSE(TokenId::FromBytes(std::string(16, '\0')).ok());
  EXPECT_TRUE(TokenId().is_zero());
}

}  // namespace
}  // namespace bitrepo::base
