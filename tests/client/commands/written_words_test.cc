// SPDX-License-Identifier: Apache-2.0
// What people and other programs read and write: numbers, times, shell words, lines of checksums.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/commands/byte_span.h"
#include "client/commands/console.h"
#include "client/commands/sum_line.h"
#include "client/commands/words.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_support::StatusIs;

const std::string kHex(64, 'a');

TEST(SumLine, IsThatOfSha256sum) {
  EXPECT_EQ(SumLine(kHex, "report.pdf"), kHex + "  report.pdf\n");
  EXPECT_EQ(SumLine(kHex, " two  blanks "), kHex + "   two  blanks \n");
  EXPECT_EQ(SumLine(kHex, "\xC3\xA9 \xF0\x9F\x8E\x89"), kHex + "  \xC3\xA9 \xF0\x9F\x8E\x89\n");
}

TEST(SumLine, EscapesAsTheGnuToolsDo) {
  EXPECT_EQ(SumLine(kHex, "a\nb"), "\\" + kHex + "  a\\nb\n");
  EXPECT_EQ(SumLine(kHex, "a\rb"), "\\" + kHex + "  a\\rb\n");
  EXPECT_EQ(SumLine(kHex, "a\\b"), "\\" + kHex + "  a\\\\b\n");
}

TEST(SumLine, IsReadBackAsItWasWritten) {
  for (const char* name : {"plain", "a\nb", "back\\slash", "\\n", "*star", " lead", "\xC3\xA9"}) {
    const auto sums = ParseSumLines(SumLine(kHex, name));
    ASSERT_OK(sums);
    ASSERT_THAT(*sums, SizeIs(1));
    EXPECT_EQ(sums->front().name, name);
    EXPECT_EQ(sums->front().hex, kHex);
  }
}

TEST(SumLine, ListsMayHaveCommentsBinaryMarksAndUpperCase) {
  const auto sums = ParseSumLines("# made today\n\n" + std::string(32, 'A') + " *b.bin\n" +
                                  std::string(40, '0') + "  c\n");
  ASSERT_OK(sums);
  ASSERT_THAT(*sums, SizeIs(2));
  EXPECT_EQ((*sums)[0].hex, std::string(32, 'a'));
  EXPECT_EQ((*sums)[0].name, "b.bin");
}

TEST(SumLine, TheFirstBadLineIsNamed) {
  for (const std::string& bad :
       {std::string("hello"), kHex, kHex + "  ", kHex + " name", std::string(64, 'g') + "  name",
        std::string("abc  name"), "\\" + kHex + "  bad\\escape", "\\" + kHex + "  end\\"}) {
    EXPECT_THAT(ParseSumLines(kHex + "  fine\n" + bad + "\n"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2 ")))
        << bad;
  }
}

TEST(Words, CountThousandsAndKnowOneFromMany) {
  EXPECT_EQ(Counted(0), "0");
  EXPECT_EQ(Counted(999), "999");
  EXPECT_EQ(Counted(1000), "1,000");
  EXPECT_EQ(Counted(1234567), "1,234,567");
  EXPECT_EQ(CountedOf(1, "file"), "1 file");
  EXPECT_EQ(CountedOf(0, "file"), "0 files");
}

TEST(Words, TimesAreShort) {
  EXPECT_EQ(ShortDuration(absl::Milliseconds(340)), "0.3 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(59)), "59 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(125)), "2:05");
  EXPECT_EQ(ShortDuration(absl::Seconds(3725)), "1:02:05");
  EXPECT_EQ(ShortDuration(-absl::Seconds(1)), "0.0 s");
  EXPECT_EQ(Timestamp(absl::FromUnixSeconds(1767225600)), "2026-01-01 00:00:00Z");
}

TEST(Words, ShellWordsAreWhatTheShellReadsBack) {
  EXPECT_EQ(ShellWord("plain/name.txt"), "plain/name.txt");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("two words"), "'two words'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("$HOME"), "'$HOME'");
}

TEST(Words, CommandLinesToGoOnWithAreRightForWhatBeginsWithADash) {
  EXPECT_EQ(FlagWords("--id", "kept"), " --id kept");
  EXPECT_EQ(FlagWords("--id", "-kept"), " --id=-kept");
  EXPECT_EQ(FlagWords("--id", "two words"), " --id 'two words'");
  EXPECT_EQ(ArgumentWords({"a", "b c"}), " a 'b c'");
  EXPECT_EQ(ArgumentWords({"a", "-b"}), " -- a -b");
  EXPECT_EQ(ArgumentWords({"-"}), " -") << "standard input is no flag";
  EXPECT_EQ(ArgumentWords({}), "");
}

TEST(Words, TextFromOutsideIsShownHarmless) {
  EXPECT_EQ(Shown("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(Shown("a\033[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(Shown("a\xFF"), "a\\xff");
}

TEST(Words, FitCountsCharactersAndNotBytes) {
  EXPECT_EQ(Fit("abc", 5), "abc  ");
  EXPECT_EQ(Fit("abcdef", 4), "abc…");
  EXPECT_EQ(Fit("éééé", 4), "éééé");
  EXPECT_EQ(Fit("ééééé", 4), "ééé…");
  EXPECT_EQ(ColumnsOf(Fit("ééééé", 3)), 3u);
  EXPECT_EQ(Fit("abc", 0), "");
}

TEST(ByteSpan, IsOffsetAndLength) {
  const auto plain = ParseByteSpan("10:20");
  ASSERT_OK(plain);
  EXPECT_EQ(plain->offset, 10u);
  EXPECT_EQ(plain->length, 20u);
  const auto rest = ParseByteSpan("4096:");
  ASSERT_OK(rest);
  EXPECT_EQ(rest->length, std::nullopt);
  const auto units = ParseByteSpan("1MiB:64KiB");
  ASSERT_OK(units);
  EXPECT_EQ(units->offset, 1u << 20);
  EXPECT_EQ(units->length, 64u << 10);
  for (const char* bad :
       {"", "10", ":", ":5", "a:b", "-1:5", "1:-5", "18446744073709551615:1", "1:2:3"}) {
    EXPECT_THAT(ParseByteSpan(bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace bitrepo::commands
