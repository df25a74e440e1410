// SPDX-License-Identifier: Apache-2.0
// Bad beginnings: an id or a store that is taken, settings with mistakes, a disk without room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

bool Alive(ChildProcess& process) { return !process.Wait(absl::ZeroDuration()).has_value(); }

TEST(SecondPillar, WithAnIdThatIsTakenIsRefusedAndTheFirstGoesOn) {
  RepositoryRig rig(1);
  rig.StartPillar("p1");
  ASSERT_TRUE(rig.WaitForPillars());
  fs::create_directory(rig.Path("other-store"));
  rig.WriteFile("second.toml",
                rig.PillarSettings("p1", rig.Path("other-store"), rig.Path("second.run")));
  const auto second = rig.StartDaemon("bitrepo-pillar", {"--config", rig.Path("second.toml")});
  EXPECT_EQ(second->Wait(), 7) << second->Log();
  EXPECT_THAT(second->Log(), AllOf(HasSubstr("CONFLICT"), HasSubstr("p1")));
  EXPECT_TRUE(Alive(rig.pillar("p1")));
  EXPECT_TRUE(Alive(rig.coordinator()));
  EXPECT_EQ(rig.Run({"status"}).exit_code, 0);
}

TEST(SecondPillar, OnAStoreThatIsOpenIsRefusedAndTheFirstGoesOn) {
  RepositoryRig rig(2);
  rig.StartPillar("p1");
  rig.WriteFile("second.toml",
                rig.PillarSettings("p2", rig.PillarDirectory("p1"), rig.Path("second.run")));
  const auto second = rig.StartDaemon("bitrepo-pillar", {"--config", rig.Path("second.toml")});
  EXPECT_EQ(second->Wait(), 7) << second->Log();
  EXPECT_THAT(second->Log(), HasSubstr(rig.PillarDirectory("p1")));
  EXPECT_TRUE(Alive(rig.pillar("p1")));
}

// ---- settings with three mistakes: each is told, with its line

void ExpectLines(const std::string& log, const std::string& file, std::vector<int> lines) {
  for (const int line : lines) {
    EXPECT_THAT(log, HasSubstr(absl::StrCat(file, ":", line, ": "))) << log;
  }
}

TEST(SettingsWithThreeMistakes, OfTheProgramAreAllTold) {
  RepositoryRig rig(1);
  rig.WriteFile("bad.toml",
                "coordinator = 7100\n"
                "collection = \"default\"\n"
                "identify_timeout = \"soon\"\n"
                "colour = \"red\"\n");
  const RepositoryRig::Result result = rig.Run({"--config", rig.Path("bad.toml"), "pillars"});
  EXPECT_EQ(result.exit_code, 2) << result.log;
  ExpectLines(result.log, rig.Path("bad.toml"), {1, 3, 4});
}

TEST(SettingsWithThreeMistakes, OfAPillarAreAllTold) {
  RepositoryRig rig(1);
  std::string text = rig.PillarSettings("p1", "relative", rig.Path("bad.run"));
  text += "[limits]\nrequests = \"many\"\n[times]\ngrace = 3\ncolour = \"red\"\n";
  const auto lines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  rig.WriteFile("bad.toml", text);
  for (std::vector<std::string> words :
       {std::vector<std::string>{"--config", rig.Path("bad.toml")},
        std::vector<std::string>{"--config", rig.Path("bad.toml"), "--check-config"}}) {
    const auto pillar = rig.StartDaemon("bitrepo-pillar", std::move(words));
    EXPECT_EQ(pillar->Wait(), 2) << pillar->Log();
    ExpectLines(pillar->Log(), rig.Path("bad.toml"), {lines - 3, lines - 1, lines});
  }
}

TEST(SettingsWithThreeMistakes, OfACoordinatorAreAllTold) {
  RepositoryRig rig(1);
  rig.WriteFile("bad.toml",
                "repository = \"No Name\"\n"
                "[coordinator]\n"
                "listen = \"localhost\"\n"
                "[collections.default]\n"
                "pillars = [\"p1\", \"p1\"]\n"
                "[times]\n"
                "heartbeat = \"often\"\n");
  for (std::vector<std::string> words :
       {std::vector<std::string>{"--config", rig.Path("bad.toml")},
        std::vector<std::string>{"--config", rig.Path("bad.toml"), "--check-config"}}) {
    const auto coordinator = rig.StartDaemon("bitrepo-coordinator", std::move(words));
    EXPECT_EQ(coordinator->Wait(), 2) << coordinator->Log();
    ExpectLines(coordinator->Log(), rig.Path("bad.toml"), {1, 3, 7});
  }
}

// ---- disks without room

// A small file system at a directory, for this process and those that it starts.
class SmallDisk {
 public:
  SmallDisk(const std::string& directory, const std::string& size) : directory_(directory) {
    fs::create_directories(directory);
    const bool apart =
        unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    mounted_ = apart && mount("tmpfs", directory.c_str(), "tmpfs", 0,
                              absl::StrCat("size=", size).c_str()) == 0;
    if (!mounted_) why_ = std::strerror(errno);
  }
  ~SmallDisk() {
    if (mounted_) umount2(directory_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  const std::string& why() const { return why_; }

 private:
  const std::string directory_;
  bool mounted_ = false;
  std::string why_;
};

#define SKIP_UNLESS_MOUNTED(disk) \
  if (!(disk).mounted())          \
  GTEST_SKIP() << "NOT TESTED: no small file system can be mounted here: " << (disk).why()

TEST(NoSpace, AtOnePillarIsToldAndTheOthersServe) {
  RepositoryRig rig(2);
  const SmallDisk disk(rig.PillarDirectory("p2"), "8m");
  SKIP_UNLESS_MOUNTED(disk);
  rig.StartPillar("p1");
  rig.StartPillar("p2");
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string bytes(16 << 20, 'x');
  rig.WriteFile("large", bytes);
  const RepositoryRig::Result put = rig.Run({"put", rig.Path("large")});
  EXPECT_EQ(put.exit_code, 7) << put.log;
  EXPECT_THAT(put.log, HasSubstr("p2 did not store large (NO_SPACE)"));
  const RepositoryRig::Result get = rig.Run({"get", "large", "-o", rig.Path("got")});
  EXPECT_EQ(get.exit_code, 0) << get.log;
  EXPECT_EQ(fs::file_size(rig.Path("got")), bytes.size());
  // What fits is still taken.
  rig.WriteFile("small", "text");
  EXPECT_EQ(rig.Run({"put", rig.Path("small")}).exit_code, 0);
  EXPECT_TRUE(Alive(rig.pillar("p2")));
  rig.StopPillar("p2");
}

TEST(NoSpace, OnThisMachineIsALocalTroubleThatLeavesOnlyThePart) {
  RepositoryRig rig(1);
  const SmallDisk disk(rig.Path("full"), "1m");
  SKIP_UNLESS_MOUNTED(disk);
  rig.StartPillar("p1");
  ASSERT_TRUE(rig.WaitForPillars());
  rig.WriteFile("large", std::string(4 << 20, 'x'));
  const RepositoryRig::Result spool = rig.RunBy(
      absl::StrCat("export TMPDIR=", rig.Path("full"), "; exec \"$@\" <", rig.Path("large")),
      {"put", "-", "--id", "stream"});
  EXPECT_EQ(spool.exit_code, 10) << spool.log;
  EXPECT_THAT(spool.log, AllOf(HasSubstr("stream was not stored"), HasSubstr("No space left")));
  ASSERT_EQ(rig.Run({"put", rig.Path("large")}).exit_code, 0);
  const RepositoryRig::Result get = rig.Run({"get", "large", "-o", rig.Path("full/got")});
  EXPECT_EQ(get.exit_code, 10) << get.log;
  EXPECT_THAT(get.log, HasSubstr("No space left"));
  for (const auto& entry : fs::directory_iterator(rig.Path("full"))) {
    EXPECT_THAT(entry.path().filename().string(), StartsWith(".got.bitrepo-"));
  }
}

}  // namespace
}  // namespace bitrepo::system_test
