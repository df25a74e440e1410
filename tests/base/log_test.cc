// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::vector<std::string>& Lines() {
  static std::vector<std::string> lines;
  return lines;
}

class LogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Lines().clear();
    CaptureLog([](LogLevel, const std::string& line) { Lines().push_back(line); });
  }
  void TearDown() override {
    CaptureLog(nullptr);
    ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  }
};

TEST_F(LogTest, ATextLineHasTimeLevelEventAndFields) {
  LogLine(LogLevel::kWarning, "peer-cut").With("peer", 7).With("cause", "undelivered bytes");
  ASSERT_EQ(Lines().size(), 1u);
  EXPECT_THAT(Lines()[0],
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z warning peer-cut peer=7 "
                           "cause=\"undelivered bytes\"\n"));
}

TEST_F(LogTest, AJsonLineHasTheSame) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  LogLine(LogLevel::kError, "disk-failed").With("path", "a b").With("bytes", 12);
  EXPECT_THAT(Lines()[0], MatchesRegex("\\{\"at\":\"[^\"]+Z\",\"level\":\"error\",\"event\":"
                                       "\"disk-failed\",\"path\":\"a b\",\"bytes\":\"12\"\\}\n"));
}

TEST_F(LogTest, NothingAPeerSaysBreaksALine) {
  const std::string hostile("a\nb\x1b[2J\"\\\xff=\0", 12);
  LogLine(LogLevel::kInfo, "said").With("text", hostile).With("empty", "");
  EXPECT_THAT(Lines()[0], EndsWith(R"( said text="a\x0ab\x1b[2J\x22\x5c\xff=\x00" empty="")"
                                   "\n"));
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  LogLine(LogLevel::kInfo, "said").With("text", hostile);
  EXPECT_THAT(Lines()[1], EndsWith(R"("text":"a\\x0ab\\x1b[2J\\x22\\x5c\\xff=\\x00"})"
                                   "\n"));
}

TEST_F(LogTest, LongValuesAreCut) {
  LogLine(LogLevel::kInfo, "said").With("at", std::string(1024, 'x'));
  LogLine(LogLevel::kInfo, "said").With("past", std::string(1025, 'x'));
  EXPECT_THAT(Lines()[0], EndsWith("x\n"));
  EXPECT_THAT(Lines()[1], EndsWith("x...\n"));
  EXPECT_LT(Lines()[1].size(), 1200u);
}

TEST_F(LogTest, LinesBelowTheLowestLevelAreNotWritten) {
  ConfigureLog(LogLevel::kWarning, LogFormat::kText);
  LogLine(LogLevel::kDebug, "debug");
  LogLine(LogLevel::kInfo, "info");
  LogLine(LogLevel::kWarning, "warning");
  LogLine(LogLevel::kError, "error");
  ASSERT_EQ(Lines().size(), 2u);
  EXPECT_THAT(Lines()[0], HasSubstr("warning warning"));
  EXPECT_THAT(Lines()[1], HasSubstr("error error"));
}

TEST_F(LogTest, LinesOfManyThreadsReachStandardErrorWhole) {
  CaptureLog(nullptr);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(pipe_ends[1], STDERR_FILENO);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([] {
      for (int i = 0; i < 50; ++i) {
        LogLine(LogLevel::kInfo, "whole").With("text", std::string(100, 'x')).With("end", "yes");
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(pipe_ends[1]);
  std::string all;
  char piece[4096];
  for (ssize_t got = 0; (got = read(pipe_ends[0], piece, sizeof piece)) > 0;) {
    all.append(piece, static_cast<size_t>(got));
  }
  close(pipe_ends[0]);
  const std::vector<std::string> lines = absl::StrSplit(all, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 200u);
  for (const std::string& line : lines) {
    EXPECT_THAT(line, MatchesRegex(".*Z info whole text=x+ end=yes"));
  }
}

}  // namespace
}  // namespace bitrepo::base
