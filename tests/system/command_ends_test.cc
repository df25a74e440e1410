// SPDX-License-Identifier: Apache-2.0
// How a command ends when it is told to: by signals, by a reader who goes away; and what a watcher
// sees on a narrow terminal.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Looks again and again; false when it is not so within half a minute.
bool Comes(const std::function<bool()>& there) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!there()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// True when a file whose path has `part` in it is open there.
bool HasOpen(const ChildProcess& process, const std::string& part) {
  std::error_code gone;
  for (const auto& entry :
       fs::directory_iterator(absl::StrCat("/proc/", process.pid(), "/fd"), gone)) {
    if (absl::StrContains(fs::read_symlink(entry.path(), gone).string(), part)) return true;
  }
  return false;
}

// True when the signal no longer does what it does to any process.
bool Handles(const ChildProcess& process, int signal) {
  std::ifstream status(absl::StrCat("/proc/", process.pid(), "/status"));
  for (std::string line; std::getline(status, line);) {
    if (!absl::StartsWith(line, "SigBlk:")) continue;
    return (std::strtoull(line.c_str() + 7, nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

class Ends : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rig_ = new RepositoryRig(2);
    rig_->StartPillar("p1");
    rig_->StartPillar("p2");
    ASSERT_TRUE(rig_->WaitForPillars());
    rig_->WriteFile("large", std::string(24 << 20, 'x'));
    rig_->WriteFile("small", "text\n");
    ASSERT_EQ(rig_->Run({"put", rig_->Path("large"), "--id", "kept"}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete rig_;
    rig_ = nullptr;
  }
  static void SignalPillars(int signal) {
    for (const char* pillar : {"p1", "p2"}) rig_->pillar(pillar).Signal(signal);
  }
  // A put whose pillars do not answer, with its source open.
  static std::unique_ptr<ChildProcess> StuckPut() {
    SignalPillars(SIGSTOP);
    auto put = rig_->Start({"put", rig_->Path("large"), "--id", "stuck"});
    EXPECT_TRUE(Comes([&] { return HasOpen(*put, rig_->Path("large")); })) << put->Log();
    return put;
  }
  void TearDown() override { SignalPillars(SIGCONT); }

  static RepositoryRig* rig_;
};
RepositoryRig* Ends::rig_ = nullptr;

TEST_F(Ends, AtTheFirstInterruptAPutTellsTheCommandThatGoesOn) {
  const auto put = StuckPut();
  put->Signal(SIGINT);
  ASSERT_TRUE(Comes([&] { return absl::StrContains(put->Log(), "ending what is under way"); }));
  SignalPillars(SIGCONT);
  EXPECT_EQ(put->Wait(), 130) << put->Log();
  EXPECT_THAT(put->Log(),
              HasSubstr(absl::StrCat("to go on: bitrepo --coordinator ", rig_->endpoint(),
                                     " put --id stuck ", rig_->Path("large"))));
  EXPECT_EQ(rig_->Run({"stat", "stuck"}).exit_code, 4);
}

TEST_F(Ends, AtTheSecondInterruptItStopsHard) {
  // Nobody reads the place that the bytes go to, so that a clean end must wait.
  ASSERT_EQ(mkfifo(rig_->Path("unread").c_str(), 0600), 0);
  const int held = open(rig_->Path("unread").c_str(), O_RDWR | O_CLOEXEC);
  const auto get = rig_->Start({"get", "kept", "-o", rig_->Path("unread")});
  ASSERT_TRUE(Comes([&] {
    int there = 0;
    return ioctl(held, FIONREAD, &there) == 0 && there >= 4096;
  })) << get->Log();
  get->Signal(SIGINT);
  ASSERT_TRUE(Comes([&] { return absl::StrContains(get->Log(), "ending what is under way"); }));
  ASSERT_FALSE(get->Wait(absl::ZeroDuration()).has_value()) << "it cannot end cleanly";
  get->Signal(SIGINT);
  EXPECT_EQ(get->Wait(), 130) << get->Log();
  close(held);
}

TEST_F(Ends, ByTheSignalToTerminateWithItsOwnCode) {
  const auto put = StuckPut();
  put->Signal(SIGTERM);
  ASSERT_TRUE(Comes([&] { return absl::StrContains(put->Log(), "ending what is under way"); }));
  SignalPillars(SIGCONT);
  EXPECT_EQ(put->Wait(), 143) << put->Log();
  EXPECT_THAT(put->Log(), HasSubstr("to go on: "));
}

TEST_F(Ends, AnInterruptedGetLeavesNothingHalfDone) {
  SignalPillars(SIGSTOP);
  const auto get = rig_->Start({"get", "kept", "-o", rig_->Path("out")});
  ASSERT_TRUE(Comes([&] { return Handles(*get, SIGINT); })) << get->Log();
  get->Signal(SIGINT);
  SignalPillars(SIGCONT);
  EXPECT_EQ(get->Wait(), 130) << get->Log();
  EXPECT_THAT(get->Log(), HasSubstr("nothing half done is left; to get it: bitrepo"));
  for (const auto& entry : fs::directory_iterator(fs::path(rig_->Path("out")).parent_path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("out"))) << entry.path();
  }
}

TEST_F(Ends, WhileItReadsStandardInputTheFirstInterruptIsHeard) {
  ASSERT_EQ(mkfifo(rig_->Path("endless").c_str(), 0600), 0);
  const int held = open(rig_->Path("endless").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(held, 0);
  const auto put = rig_->StartBy(absl::StrCat("exec \"$@\" <", rig_->Path("endless")),
                                 {"put", "-", "--id", "endless"});
  ASSERT_TRUE(Comes([&] { return HasOpen(*put, "(deleted)"); })) << put->Log();
  put->Signal(SIGINT);
  EXPECT_EQ(put->Wait(), 130) << put->Log();
  EXPECT_THAT(put->Log(), HasSubstr("put --id endless -"));
  close(held);
}

// A pipe that nobody reads; its write end has a number that any shell can name.
class DeadPipe {
 public:
  DeadPipe() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(dup2(ends[1], kWriteEnd), kWriteEnd);
    close(ends[0]);
    if (ends[1] != kWriteEnd) close(ends[1]);
  }
  ~DeadPipe() { close(kWriteEnd); }
  DeadPipe(const DeadPipe&) = delete;
  DeadPipe& operator=(const DeadPipe&) = delete;
  // Of the shell: the program with this as its standard output.
  static std::string Line() { return absl::StrCat("exec \"$@\" >&", kWriteEnd); }

 private:
  static constexpr int kWriteEnd = 9;
};

TEST_F(Ends, QuietlyWhenNobodyReadsTheOutput) {
  const DeadPipe pipe;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"file-ids", "-q"},
                                             {"checksums", "-q"},
                                             {"cat", "kept", "-q"},
                                             {"pillars", "-q"},
                                             {"version"},
                                             {"stat", "kept", "--json"}}) {
    const RepositoryRig::Result result = rig_->RunBy(DeadPipe::Line(), words);
    EXPECT_EQ(result.exit_code, 141) << words[0] << "\n" << result.log;
    EXPECT_THAT(result.log, Not(HasSubstr("error"))) << words[0];
  }
}

TEST_F(Ends, AWatchWhoseReaderHasGone) {
  const DeadPipe pipe;
  const auto watch = rig_->StartBy(DeadPipe::Line(), {"watch"});
  while (!watch->Wait(absl::ZeroDuration()).has_value()) rig_->Run({"file-ids", "-q"});
  EXPECT_EQ(watch->Wait(), 141) << watch->Log();
}

TEST_F(Ends, NotYetWhenItIsAskedHowFarItIs) {
  const auto put = StuckPut();
  put->Signal(SIGUSR1);
  EXPECT_TRUE(Comes([&] {
    return absl::StrContains(put->Log(), "put 0 of 1 file, 0 B of 24.0 MiB");
  })) << put->Log();
  EXPECT_FALSE(put->Wait(absl::ZeroDuration()).has_value());
  put->Signal(SIGINT);
  EXPECT_EQ(put->Wait(), 130);
}

TEST_F(Ends, AtItsTimeLimit) {
  SignalPillars(SIGSTOP);
  const RepositoryRig::Result result = rig_->Run({"file-ids", "--timeout", "500ms"});
  EXPECT_EQ(result.exit_code, 5) << result.log;
  EXPECT_THAT(result.log, HasSubstr("the time of --timeout is over"));
}

// What a terminal of 80 columns shows of a watch.
TEST_F(Ends, AWatchFitsItsTerminal) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_TRUE(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  winsize size{};
  size.ws_col = 80;
  const std::string screen = ptsname(terminal);
  const int held = open(screen.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_EQ(ioctl(held, TIOCSWINSZ, &size), 0);
  const auto watch = rig_->StartBy(absl::StrCat("exec \"$@\" >", screen),
                                   {"watch", "--count", "12", "--for", "60s"});
  std::string shown;
  const auto drain = [&] {
    pollfd waiting{terminal, POLLIN, 0};
    while (poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0) {
      char text[4096];
      const ssize_t got = read(terminal, text, sizeof(text));
      if (got <= 0) break;
      shown.append(text, static_cast<size_t>(got));
    }
  };
  const std::string id(200, 'i');
  while (!watch->Wait(absl::ZeroDuration()).has_value()) {
    rig_->Run({"stat", id});
    drain();
  }
  drain();
  EXPECT_EQ(watch->Wait(), 0) << watch->Log();
  const std::vector<std::string> lines = absl::StrSplit(shown, "\r\n", absl::SkipEmpty());
  EXPECT_EQ(lines.size(), 12u) << shown;
  for (const std::string& line : lines) {
    const auto continued = std::count_if(line.begin(), line.end(), [](char byte) {
      return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
    });
    EXPECT_LE(line.size() - static_cast<size_t>(continued), 80u) << line;
  }
  // Elsewhere nothing is cut off.
  const auto piped = rig_->Start({"watch", "--count", "12", "--for", "60s"});
  while (!piped->Wait(absl::ZeroDuration()).has_value()) rig_->Run({"stat", id});
  EXPECT_THAT(piped->Log(), HasSubstr(id));
  close(held);
  close(terminal);
}

}  // namespace
}  // namespace bitrepo::system_test
