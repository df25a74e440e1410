// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/daemon_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/status_matchers.h"

namespace bitrepo::runtime {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

absl::StatusOr<DaemonFlags> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "bitrepo-x");
  DaemonProgram program;
  program.name = "bitrepo-x";
  program.version = "1.2.3";
  program.summary = "does x";
  program.more_flags = {{"--again", "", "does x once more"}, {"--list", "NAME", "lists NAME"}};
  return ParseDaemonFlags(static_cast<int>(words.size()), words.data(), program);
}

TEST(DaemonFlagsTest, ReadsEveryFlagInBothForms) {
  ASSERT_OK_AND_ASSIGN(const DaemonFlags apart,
                       Parse({"--config", "a.toml", "--log-format", "json", "--check-config"}));
  EXPECT_EQ(apart.config, "a.toml");
  EXPECT_EQ(apart.log_format, base::LogFormat::kJson);
  EXPECT_TRUE(apart.check_config);
  EXPECT_EQ(apart.print, "");
  ASSERT_OK_AND_ASSIGN(const DaemonFlags joined, Parse({"--log-format=text", "--config=a=b.toml"}));
  EXPECT_EQ(joined.config, "a=b.toml");
  EXPECT_EQ(joined.log_format, base::LogFormat::kText);
  EXPECT_FALSE(joined.check_config);
}

TEST(DaemonFlagsTest, ReadsTheFlagsOfTheProgram) {
  using ::testing::ElementsAre;
  using ::testing::IsEmpty;
  using ::testing::Pair;
  ASSERT_OK_AND_ASSIGN(const DaemonFlags none, Parse({"--config", "a"}));
  EXPECT_THAT(none.more, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const DaemonFlags apart, Parse({"--again", "--list", "n", "--config", "a"}));
  EXPECT_THAT(apart.more, ElementsAre(Pair("--again", ""), Pair("--list", "n")));
  ASSERT_OK_AND_ASSIGN(const DaemonFlags joined, Parse({"--config=a", "--list=m"}));
  EXPECT_THAT(joined.more, ElementsAre(Pair("--list", "m")));
}

TEST(DaemonFlagsTest, HelpAndVersionNeedNothingElse) {
  ASSERT_OK_AND_ASSIGN(const DaemonFlags version, Parse({"--version"}));
  EXPECT_EQ(version.print, "bitrepo-x 1.2.3\n");
  ASSERT_OK_AND_ASSIGN(const DaemonFlags help, Parse({"--help"}));
  EXPECT_THAT(help.print, HasSubstr("does x"));
  EXPECT_THAT(help.print, HasSubstr("--check-config"));
  EXPECT_THAT(help.print, HasSubstr("[--again] [--list NAME]\n"));
  EXPECT_THAT(help.print, HasSubstr("\n  --list NAME           lists NAME\n"));
}

TEST(DaemonFlagsTest, SaysWhatIsWrongAndHowToGetHelp) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> rows = {
      {{}, "--config FILE is missing"},
      {{"--config"}, "--config needs a value"},
      {{"--config="}, "--config needs a value"},
      {{"--config", ""}, "--config needs a value"},
      {{"--config", "a", "--log-format", "xml"}, "text or json, not \"xml\""},
      {{"--config", "a", "--check-config=yes"}, "--check-config takes no value"},
      {{"--help=me"}, "--help takes no value"},
      {{"--config", "a", "--again=2"}, "--again takes no value"},
      {{"--config", "a", "--list"}, "--list needs a value"},
      {{"--config", "a", "--verbose"}, "\"--verbose\""},
      {{"a.toml"}, "\"a.toml\""},
  };
  for (const auto& [words, text] : rows) {
    const auto flags = Parse(words);
    EXPECT_THAT(flags, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text)));
    EXPECT_THAT(flags,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("try bitrepo-x --help")));
  }
}

}  // namespace
}  // namespace bitrepo::runtime
