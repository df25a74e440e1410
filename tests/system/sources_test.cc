// SPDX-License-Identifier: Apache-2.0
// Real pillars deliver one file together, copy it among themselves, die, lie and stand still.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "tests/support/files.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kLargeBytes = 100 * kMiB;

// Three pillars, and a large file beside them.
class Sources : public ::testing::Test {
 protected:
  explicit Sources(uint64_t bytes = kLargeBytes, std::string settings = "")
      : bytes_(bytes), rig_(3, std::move(settings)), source_(rig_.Path("source")) {
    for (const char* pillar : {"p1", "p2", "p3"}) rig_.StartPillar(pillar);
    EXPECT_TRUE(rig_.WaitForPillars());
    base::SeededRandom random(7);
    std::ofstream file(source_, std::ios::binary);
    for (uint64_t at = 0; at < bytes_; at += kMiB) file << random.Bytes(kMiB);
  }

  void Run(std::vector<std::string> words, int exit_code = 0) {
    const RepositoryRig::Result result = rig_.Run(words);
    log_ = result.log;
    ASSERT_EQ(result.exit_code, exit_code) << result.log;
  }
  // Runs the line that the log says is next, as a user would paste it.
  RepositoryRig::Result RunPrinted(const std::string& log) {
    const std::string mark = "next: bitrepo ";
    const size_t at = log.find(mark);
    if (at == std::string::npos) return {-1, log};
    const size_t line = at + mark.size() - std::string("bitrepo ").size();
    return rig_.RunBy(absl::StrCat("program=$1; bitrepo() { \"$program\" \"$@\"; }; ",
                                   log.substr(line, log.find('\n', line) - line)),
                      {});
  }
  bool IsWhole(const std::string& path) {
    return testing_support::TextOf(path) == testing_support::TextOf(source_);
  }
  // Of the one large file that the pillar keeps.
  std::string Stored(const std::string& pillar) {
    for (const auto& entry : fs::recursive_directory_iterator(
             absl::StrCat(rig_.PillarDirectory(pillar), "/default/files"))) {
      if (entry.is_regular_file() && entry.file_size() == bytes_) {
        return entry.path().string();
      }
    }
    return "";
  }
  // How many of the pillars brought bytes, by the record of a get with --json.
  int SourcesIn(const std::string& log) {
    for (const absl::string_view line : absl::StrSplit(log, '\n')) {
      if (!absl::StrContains(line, "\"sources\"")) continue;
      int sources = 0;
      for (const char* pillar : {"p1", "p2", "p3"}) {
        sources += absl::StrContains(line, absl::StrCat("{\"pillar\":\"", pillar, "\",\"bytes\":"))
                       ? 1
                       : 0;
      }
      return sources;
    }
    return 0;
  }
  // What the pillar has written to files since it was started, as the kernel counts.
  uint64_t WrittenBy(const std::string& pillar) {
    std::ifstream counts(absl::StrCat("/proc/", rig_.pillar(pillar).pid(), "/io"));
    std::string name;
    uint64_t bytes = 0;
    while (counts >> name >> bytes && name != "wchar:") {
    }
    return bytes;
  }
  // Of the file came before, by the record of a put with --json.
  uint64_t ResumedIn(const std::string& log) {
    const std::string mark = "\"resumed_bytes\":";
    const size_t at = log.find(mark);
    return at == std::string::npos ? 0 : std::stoull(log.substr(at + mark.size()));
  }
  bool Until(const std::function<bool()>& there, absl::Duration within = absl::Seconds(60)) {
    const absl::Time deadline = absl::Now() + within;
    while (!there()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  const uint64_t bytes_;  // of the file
  RepositoryRig rig_;
  const std::string source_;
  std::string log_;
};

TEST_F(Sources, ThreePillarsDeliverALargeFileTogether) {
  Run({"put", source_, "--id", "large"});
  Run({"get", "large", "-o", rig_.Path("got"), "--json"});
  EXPECT_TRUE(IsWhole(rig_.Path("got")));
  EXPECT_EQ(SourcesIn(log_), 3) << log_;
  Run({"get", "large", "-o", rig_.Path("got"), "--sources", "1", "--json"});
  EXPECT_EQ(SourcesIn(log_), 1) << log_;
  Run({"get", "large", "-o", rig_.Path("got"), "--sources", "0"}, 2);
  Run({"get", "large", "-o", rig_.Path("got"), "--sources", "17"}, 2);
}

TEST_F(Sources, OneThatDiesInTheMiddleCostsNothingButItsRanges) {
  Run({"put", source_, "--id", "large"});
  auto get = rig_.Start({"get", "large", "-o", rig_.Path("got")});
  ASSERT_TRUE(Until([&] { return absl::StrContains(get->Log(), "p2 accepted"); })) << get->Log();
  rig_.KillPillar("p2");
  EXPECT_EQ(get->Wait(absl::Seconds(60)), 0) << get->Log();
  EXPECT_TRUE(IsWhole(rig_.Path("got")));
}

// X4
TEST_F(Sources, AByteFlippedOnDiskIsRefusedFetchedElsewhereAndAnAlarmIsRaised) {
  Run({"put", source_, "--id", "large"});
  const std::string stored = Stored("p1");
  ASSERT_FALSE(stored.empty());
  {
    fs::permissions(stored, fs::perms::owner_write, fs::perm_options::add);
    std::fstream file(stored, std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = kMiB / 2; at < kLargeBytes; at += 8 * kMiB) {
      file.seekg(static_cast<std::streamoff>(at));
      const char byte = static_cast<char>(file.get() ^ 1);
      file.seekp(static_cast<std::streamoff>(at));
      file.put(byte);
    }
    ASSERT_TRUE(file.good());
  }
  Run({"get", "large", "-o", rig_.Path("got")}, 6);
  EXPECT_TRUE(IsWhole(rig_.Path("got")));
  EXPECT_THAT(log_, HasSubstr("the copy of large at p1 is damaged"));
  Run({"alarms"});
  EXPECT_THAT(log_, HasSubstr("data-loss"));
  EXPECT_THAT(log_, HasSubstr("p1"));
}

TEST_F(Sources, OnePillarHandsAFileOnToTheOthers) {
  Run({"put", source_, "--id", "large", "--pillar", "p1"});
  Run({"put", "--via", "p1", "--id", "large", "--pillar", "p2"});
  EXPECT_TRUE(IsWhole(Stored("p2")));
  EXPECT_TRUE(Stored("p3").empty());
  Run({"put", "--via", "p1", "--id", "large", "--json"});
  EXPECT_TRUE(IsWhole(Stored("p3")));
  EXPECT_THAT(log_, HasSubstr("\"pillars\":[\"p2\",\"p3\"]"));
  Run({"checksums", "large"});
  EXPECT_THAT(log_, HasSubstr("3/3"));
  Run({"put", "--via", "p1", "--id", "large"});
  EXPECT_THAT(log_, HasSubstr("already held"));
}

// A copy from p1 to p2 under way, of which some has come and much is missing for seconds.
class HandedOn : public Sources {
 protected:
  HandedOn() : Sources(48 * kMiB, "[times]\nsettle = \"1s\"\n") {
    Run({"put", source_, "--id", "large", "--pillar", "p1"});
    Run({"rate", "set", "4M", "--pillar", "p2"});
    const uint64_t before = WrittenBy("p2");
    copy_ = rig_.Start(kCopy);
    EXPECT_TRUE(Until([&] { return WrittenBy("p2") >= before + kCameBytes; })) << copy_->Log();
  }
  // The same again, when it is back: p2 writes what is missing and no more.
  void ExpectGoesOnAfterTheDeathOf(const std::string& pillar) {
    rig_.KillPillar(pillar);
    const std::optional<int> ended = copy_->Wait(absl::Seconds(60));
    ASSERT_TRUE(ended.has_value());
    EXPECT_NE(*ended, 0) << copy_->Log();
    rig_.StartPillar(pillar);
    ASSERT_TRUE(rig_.WaitForPillars());
    Run({"rate", "set", "off", "--pillar", "p2"});
    const uint64_t before = WrittenBy("p2");
    std::vector<std::string> again = kCopy;
    again.emplace_back("--json");
    Run(again);
    const uint64_t resumed = ResumedIn(log_);
    EXPECT_GE(resumed + kBesideBytes, kCameBytes) << log_;
    EXPECT_LT(WrittenBy("p2") - before, bytes_ - resumed + kBesideBytes);
    EXPECT_TRUE(IsWhole(Stored("p2")));
  }

  static constexpr uint64_t kCameBytes = 8 * kMiB;
  static constexpr uint64_t kBesideBytes = kMiB;  // of records and logs
  const std::vector<std::string> kCopy = {"put", "--via", "p1", "--id", "large", "--pillar", "p2"};
  std::unique_ptr<ChildProcess> copy_;
};

// [S-60]
TEST_F(HandedOn, GoesOnWhenThePillarThatGetsItHasDied) { ExpectGoesOnAfterTheDeathOf("p2"); }

TEST_F(HandedOn, GoesOnWhenThePillarThatGivesItHasDied) { ExpectGoesOnAfterTheDeathOf("p1"); }

TEST_F(Sources, ASourceGoesToOnePillarAndFromThereToTheOthers) {
  Run({"put", source_, "--id", "large", "--via", "p2"});
  EXPECT_THAT(log_, HasSubstr("3 pillars"));
  Run({"checksums", "large"});
  EXPECT_THAT(log_, HasSubstr("3/3"));
  EXPECT_TRUE(IsWhole(Stored("p3")));
}

TEST_F(Sources, WhatCannotBeHandedOnIsRefusedBeforeAnythingIsSent) {
  Run({"put", "--via", "p1"}, 2);
  Run({"put", "--via", "Not A Name", "--id", "x"}, 2);
  Run({"put", "--via", "p1", "--id", "x", "--pillar", "p1"}, 2);
  Run({"put", "--via", "p1", "--id", "x", "--quorum", "2"}, 2);
  Run({"put", "--via", "p1", "--id", "no-such"}, 4);
}

// The other two do not wait for it, the put does not wait for ever, and says how to complete it.
TEST_F(Sources, OneThatStandsStillHoldsNobodyAndThePutIsCompletedByTheLineThatItPrints) {
  auto put = rig_.Start({"put", source_, "--id", "large", "--receipt", rig_.Path("receipt")});
  ASSERT_TRUE(Until([&] { return absl::StrContains(put->Log(), "p3 accepted"); })) << put->Log();
  rig_.pillar("p3").Signal(SIGSTOP);
  const absl::Time stopped = absl::Now();
  ASSERT_TRUE(Until([&] { return !Stored("p1").empty() && !Stored("p2").empty(); }));
  const absl::Duration others = absl::Now() - stopped;
  EXPECT_EQ(put->Wait(absl::Seconds(60)), 3) << put->Log();
  const absl::Duration all = absl::Now() - stopped;
  EXPECT_LT(others, all) << "two had it before the third was given up";
  EXPECT_LT(all, absl::Seconds(30)) << "the coordinator tells that it is gone";
  EXPECT_TRUE(IsWhole(Stored("p1")));
  EXPECT_THAT(put->Log(), HasSubstr("p3"));
  rig_.pillar("p3").Signal(SIGCONT);
  ASSERT_TRUE(rig_.WaitForPillars());
  const RepositoryRig::Result completed = RunPrinted(put->Log());
  EXPECT_EQ(completed.exit_code, 0) << completed.log;
  Run({"checksums", "large"});
  EXPECT_THAT(log_, HasSubstr("3/3"));
}

}  // namespace
}  // namespace bitrepo::system_test
