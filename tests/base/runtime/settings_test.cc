// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <limits>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using testing_support::IsOkAndHolds;
using testing_support::StatusIs;

constexpr char kText[] = R"(# a comment
name = "pillar-1"
[bus]
endpoint = "tcp://127.0.0.1:5555"
timeout = "1.5s"
port = 5555
secure = true
[store]
reserve = "10 GiB"
limit = 4096
paths = ["/a", "/b"]
[collection.zebra]
keep = "90d"
[collection.apple]
[collection."photos.2024"]
keep = "1d"
)";

TEST(Settings, GivesWhatTheFileSays) {
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Parse(kText, "test.toml"));
  EXPECT_EQ(settings.RequireString("name"), "pillar-1");
  EXPECT_EQ(settings.GetString("bus.endpoint", "none"), "tcp://127.0.0.1:5555");
  EXPECT_EQ(settings.GetDuration("bus.timeout", absl::Seconds(9)), absl::Milliseconds(1500));
  EXPECT_EQ(settings.GetInt("bus.port", 1, 1, 65535), 5555);
  EXPECT_TRUE(settings.GetBool("bus.secure", false));
  EXPECT_EQ(settings.GetBytes("store.reserve", 0), 10ull << 30);
  EXPECT_EQ(settings.GetBytes("store.limit", 0), 4096u);
  EXPECT_THAT(settings.GetStrings("store.paths"), ElementsAre("/a", "/b"));
  EXPECT_THAT(settings.KeysUnder("collection"), ElementsAre("zebra", "apple", "photos.2024"));
  EXPECT_EQ(settings.GetDuration("collection.zebra.keep", absl::ZeroDuration()),
            absl::Hours(90 * 24));
  EXPECT_EQ(settings.GetDuration("collection.photos.2024.keep", absl::ZeroDuration()),
            absl::Hours(24));
  EXPECT_EQ(settings.FindString("collection.apple.keep"), std::nullopt);
  EXPECT_TRUE(settings.Has("store.limit"));
  EXPECT_FALSE(settings.Has("store.none"));
  EXPECT_FALSE(settings.Has("name.below"));
  EXPECT_OK(settings.Finish());
}

TEST(Settings, GivesTheDefaultsWhereTheFileIsSilent) {
  Settings settings = Settings::Empty();
  EXPECT_EQ(settings.GetString("a.b", "x"), "x");
  EXPECT_EQ(settings.GetInt("a.c", 7, 0, 10), 7);
  EXPECT_TRUE(settings.GetBool("a.d", true));
  EXPECT_EQ(settings.GetDuration("a.e", absl::Seconds(3)), absl::Seconds(3));
  EXPECT_EQ(settings.GetBytes("a.f", 12), 12u);
  EXPECT_THAT(settings.GetStrings("a.g"), IsEmpty());
  EXPECT_THAT(settings.KeysUnder("a"), IsEmpty());
  EXPECT_OK(settings.Finish());
}

TEST(Settings, ReportsThreeMistakesAtOnceEachWithItsLine) {
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Parse(R"([bus]
endpoint = 5555

heartbeat = "10 parsecs"
port = 70000
)",
                                                          "pillar.toml"));
  EXPECT_EQ(settings.GetInt("bus.port", 1, 1, 65535), 1);
  EXPECT_EQ(settings.GetString("bus.endpoint", "default"), "default");
  EXPECT_EQ(settings.GetDuration("bus.heartbeat", absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(settings.Finish(),
            absl::InvalidArgumentError(
                "pillar.toml:2: bus.endpoint must be a string in quotes\n"
                "pillar.toml:4: bus.heartbeat: \"10 parsecs\" is not a duration; write \"250ms\", "
                "\"10s\", \"5m\", \"2h\" or \"90d\"\n"
                "pillar.toml:5: bus.port must be a whole number from 1 to 65535"));
}

TEST(Settings, ReportsUnknownNamesOnceForAWholeTable) {
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Parse(R"(nmae = "typo"
[bus]
endpoint = "x"
endpiont = "typo"
[bsu]
a = 1
b = 2
)",
                                                          "f"));
  settings.GetString("name", "");
  settings.GetString("bus.endpoint", "");
  EXPECT_EQ(settings.Finish(), absl::InvalidArgumentError("f:1: unknown setting \"nmae\"\n"
                                                          "f:4: unknown setting \"bus.endpiont\"\n"
                                                          "f:5: unknown setting \"bsu\""));
}

TEST(Settings, ReportsWhatIsMissingAtTheTableItBelongsTo) {
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Parse("\n[store]\n", "f"));
  EXPECT_EQ(settings.RequireString("store.path"), "");
  EXPECT_EQ(settings.RequireString("id"), "");
  EXPECT_EQ(settings.Finish(),
            absl::InvalidArgumentError("f:1: id is missing\nf:2: store.path is missing"));
}

TEST(Settings, ReportsTheWrongKindOfEverything) {
  const std::string text = R"(text = 1
flag = "yes"
number = 1.5
time = 10
bytes = -1
words = "a"
mixed = ["a", 1]
table = 1
)";
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Parse(text, "f"));
  settings.GetString("text", "");
  settings.GetBool("flag", false);
  settings.GetInt("number", 0, 0, 10);
  settings.GetDuration("time", absl::ZeroDuration());
  settings.GetBytes("bytes", 0);
  EXPECT_THAT(settings.GetStrings("words"), IsEmpty());
  EXPECT_THAT(settings.GetStrings("mixed"), IsEmpty());
  EXPECT_THAT(settings.KeysUnder("table"), IsEmpty());
  settings.Problem("flag", "is also wrong for the caller");
  const std::string report(settings.Finish().message());
  for (const char* line : {"f:1: ", "f:2: ", "f:3: ", "f:4: ", "f:5: ", "f:6: ", "f:7: ", "f:8: ",
                           "f:2: flag is also wrong"}) {
    EXPECT_THAT(report, HasSubstr(line));
  }
}

TEST(Settings, ANumberAtItsLimitsIsFineAndOnePastIsNot) {
  ASSERT_OK_AND_ASSIGN(Settings settings,
                       Settings::Parse("low = 1\nhigh = 10\nunder = 0\nover = 11\n", "f"));
  EXPECT_EQ(settings.GetInt("low", 5, 1, 10), 1);
  EXPECT_EQ(settings.GetInt("high", 5, 1, 10), 10);
  EXPECT_EQ(settings.GetInt("under", 5, 1, 10), 5);
  EXPECT_EQ(settings.GetInt("over", 5, 1, 10), 5);
  const std::string report(settings.Finish().message());
  EXPECT_THAT(report, HasSubstr("f:3: under"));
  EXPECT_THAT(report, HasSubstr("f:4: over"));
  EXPECT_EQ(report.find("f:1:"), std::string::npos);
}

TEST(Settings, AFractionMayBeWrittenWhole) {
  ASSERT_OK_AND_ASSIGN(
      Settings settings,
      Settings::Parse("a = 0.5\nb = 2\nunder = -0.1\nover = 2.1\nword = \"x\"\n", "f"));
  EXPECT_EQ(settings.GetDouble("a", 1, 0, 2), 0.5);
  EXPECT_EQ(settings.GetDouble("b", 1, 0, 2), 2);
  EXPECT_EQ(settings.GetDouble("absent", 1, 0, 2), 1);
  EXPECT_EQ(settings.GetDouble("under", 1, 0, 2), 1);
  EXPECT_EQ(settings.GetDouble("over", 1, 0, 2), 1);
  EXPECT_EQ(settings.GetDouble("word", 1, 0, 2), 1);
  const std::string report(settings.Finish().message());
  for (const char* line : {"f:3: ", "f:4: ", "f:5: "}) EXPECT_THAT(report, HasSubstr(line));
}

TEST(Settings, WhatIsNotTomlIsRefusedWithItsLine) {
  EXPECT_THAT(Settings::Parse("a = 1\nb = \n", "broken.toml"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("broken.toml:2: ")));
  EXPECT_THAT(Settings::Parse("a = 1\na = 2\n", "twice.toml"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("twice.toml:2: ")));
  EXPECT_THAT(Settings::Parse("a = \"\xff\"\n", "bytes.toml"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("bytes.toml:1: ")));
}

TEST(Settings, LoadsAFileAndSaysWhenItCannot) {
  const testing_support::TempDir directory;
  const std::string path = directory.Path("settings.toml");
  EXPECT_THAT(Settings::Load(path), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  std::ofstream(path) << "a = \"b\"\n";
  ASSERT_OK_AND_ASSIGN(Settings settings, Settings::Load(path));
  EXPECT_EQ(settings.GetString("a", ""), "b");
  std::ofstream(path, std::ios::trunc).flush();
  EXPECT_OK(Settings::Load(path)) << "an empty file is a file";
  EXPECT_FALSE(Settings::Load(directory.path()).ok()) << "a directory is not";
}

TEST(ParseBytes, Table) {
  const std::pair<const char*, uint64_t> rows[] = {
      {"0", 0},
      {"4096", 4096},
      {"1B", 1},
      {"4KiB", 4096},
      {"16MiB", 16u << 20},
      {"2 GiB", 2ull << 30},
      {"1TiB", 1ull << 40},
      {"1kB", 1000},
      {"1KB", 1000},
      {"3MB", 3'000'000},
      {"10GB", 10'000'000'000},
      {"1TB", 1'000'000'000'000},
      {"1.5 GB", 1'500'000'000},
      {"0.5KiB", 512},
      {"18446744073709551615", std::numeric_limits<uint64_t>::max()},
      {"16777215TiB", 16777215ull << 40},
  };
  for (const auto& [text, bytes] : rows) {
    EXPECT_THAT(ParseBytes(text), IsOkAndHolds(bytes)) << text;
  }
  for (const char* text : {"", "x", "-1", "+1", "1.5", "1 PiB", "MiB", "1 mib", "1K", "0x10", "1e3",
                           "18446744073709551616", "16777216TiB", "1..5MB", "1 MiB x", " 1"}) {
    EXPECT_THAT(ParseBytes(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(ParseDuration, Table) {
  const std::pair<const char*, absl::Duration> rows[] = {
      {"0s", absl::ZeroDuration()},
      {"250ms", absl::Milliseconds(250)},
      {"10s", absl::Seconds(10)},
      {"1.5s", absl::Milliseconds(1500)},
      {"5m", absl::Minutes(5)},
      {"5min", absl::Minutes(5)},
      {"2h", absl::Hours(2)},
      {"90d", absl::Hours(2160)},
      {"36500d", absl::Hours(24 * 36500)},
  };
  for (const auto& [text, duration] : rows) {
    EXPECT_THAT(ParseDuration(text), IsOkAndHolds(duration)) << text;
  }
  for (const char* text :
       {"", "10", "s", "-1s", "+1s", "1w", "1 s x", "inf", "1e3s", "1.2.3s", "36501d", "1S"}) {
    EXPECT_THAT(ParseDuration(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(FormatBytes, ShowsThreeOrSoDigits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes((1u << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(1u << 30), "1.0 GiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()), "16.0 EiB");
}

}  // namespace
}  // namespace bitrepo::runtime
