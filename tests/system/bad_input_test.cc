// SPDX-License-Identifier: Apache-2.0
// Bad input from a user of the program: a clear error, the right exit code, nothing changed, every
// daemon still up.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "tests/support/files.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kLongBytes = 24 << 20;  // more than a put keeps in memory
const std::vector<std::string> kPillars = {"p1", "p2", "p3"};

// One repository for all rows; "kept" is in it.
class Input : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rig_ = new RepositoryRig(3);
    for (const std::string& pillar : kPillars) rig_->StartPillar(pillar);
    ASSERT_TRUE(rig_->WaitForPillars());
    rig_->WriteFile("source", "the bytes of a small file\n");
    ASSERT_EQ(rig_->Run({"put", Source(), "--id", "kept"}).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete rig_;
    rig_ = nullptr;
  }
  void SetUp() override { census_ = Census(); }
  void TearDown() override {
    EXPECT_EQ(Census(), census_) << "what the pillars hold";
    EXPECT_FALSE(rig_->coordinator().Wait(absl::ZeroDuration()).has_value());
    for (const std::string& pillar : kPillars) {
      EXPECT_FALSE(rig_->pillar(pillar).Wait(absl::ZeroDuration()).has_value()) << pillar;
    }
  }

  static std::string Source() { return rig_->Path("source"); }
  static std::string Out() { return rig_->Path("out"); }

  // How many files and bytes each pillar says that it has.
  static std::string Census() {
    const RepositoryRig::Result status = rig_->Run({"status", "-q"});
    EXPECT_EQ(status.exit_code, 0) << status.log;
    std::string census;
    for (absl::string_view line : absl::StrSplit(status.log, '\n')) {
      const std::vector<std::string> parts = absl::StrSplit(line, ", ");
      if (!absl::StartsWith(line, "p") || parts.size() < 4) continue;
      absl::StrAppend(&census, line.substr(0, 2), ": ", parts[1], ", ", parts[2], "\n");
    }
    EXPECT_EQ(std::count(census.begin(), census.end(), '\n'), 3) << status.log;
    return census;
  }

  // The command ends so, and says so in words of one error.
  static void Row(const std::vector<std::string>& words, int code, const std::string& text = "") {
    const RepositoryRig::Result result = rig_->Run(words);
    EXPECT_EQ(result.exit_code, code) << absl::StrJoin(words, " ") << "\n" << result.log;
    EXPECT_EQ(result.log.find("bitrepo: error: ") != std::string::npos, code != 0) << result.log;
    EXPECT_THAT(result.log, HasSubstr(text));
  }

  static std::string LongSource() {
    base::SeededRandom random(3);
    std::ofstream(rig_->Path("long"), std::ios::binary) << random.Bytes(kLongBytes);
    return rig_->Path("long");
  }
  // Starts a put, and acts when it has opened its source and no pillar has answered yet.
  static RepositoryRig::Result PutAndMeanwhile(const std::function<void()>& act) {
    const std::string source = LongSource();
    for (const std::string& pillar : kPillars) rig_->pillar(pillar).Signal(SIGSTOP);
    const auto put = rig_->Start({"put", source, "--id", "unsteady"});
    EXPECT_TRUE(HasOpened(*put, source)) << put->Log();
    act();
    for (const std::string& pillar : kPillars) rig_->pillar(pillar).Signal(SIGCONT);
    RepositoryRig::Result result;
    result.exit_code = put->Wait(absl::Seconds(60)).value_or(-1);
    result.log = put->Log();
    return result;
  }
  static bool HasOpened(ChildProcess& process, const std::string& path) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (absl::Now() < deadline && !process.Wait(absl::ZeroDuration()).has_value()) {
      std::error_code gone;
      for (const auto& entry :
           fs::directory_iterator(absl::StrCat("/proc/", process.pid(), "/fd"), gone)) {
        if (fs::read_symlink(entry.path(), gone) == path) return true;
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }

  static RepositoryRig* rig_;
  std::string census_;
};
RepositoryRig* Input::rig_ = nullptr;

TEST_F(Input, IdsThatAreNoneAreRefusedByEveryCommand) {
  for (const std::string& id : std::vector<std::string>{
           "", std::string(256, 'x'), "../x", "/etc/passwd", "a/../b", "a//b", "a/", ".", "a\nb",
           "a\x01"
           "b",
           "a\x7f"
           "b",
           "a\xC2\x85"
           "b",
           "a\xFF"
           "b",
           "a\xC3"}) {
    Row({"put", Source(), absl::StrCat("--id=", id)}, 2);
    Row({"get", "-o", Out(), "--", id}, 2);
    Row({"cat", "--", id}, 2);
    Row({"checksums", "--", id}, 2);
    Row({"stat", "--", id}, 2);
    Row({"whereis", "--", id}, 2);
  }
  EXPECT_FALSE(fs::exists(Out()));
}

TEST_F(Input, IdsFromAFileAreHeldToTheSameRule) {
  // A NUL cannot stand on a command line, and ends an id in a list.
  rig_->WriteFile("ids", std::string("kept\0a\x01"
                                     "b\0",
                                     9));
  Row({"checksums", "--ids-from", rig_->Path("ids")}, 2, "a\\x01b");
  rig_->WriteFile("ids", std::string("kept\0with\nnewline\n", 18));
  Row({"checksums", "--ids-from", rig_->Path("ids")}, 2, "with\\x0anewline");
  rig_->WriteFile("ids", "kept\n../x\n");
  Row({"checksums", "--ids-from", rig_->Path("ids")}, 2, "../x");
  Row({"checksums", "--ids-from", rig_->Path("absent")}, 10, "absent");
  rig_->WriteFile("ids", "kept\n");
  Row({"checksums", "--ids-from", rig_->Path("ids")}, 0, "kept");
  rig_->WriteFile("ids", "");
  const RepositoryRig::Result none = rig_->Run({"checksums", "--ids-from", rig_->Path("ids")});
  EXPECT_EQ(none.exit_code, 0);
  EXPECT_EQ(none.log, "") << "a list of nothing is not a list of all";
}

TEST_F(Input, ForeignLongAndBlankIdsGoThroughAWholeRound) {
  std::string accents;
  for (int i = 0; i < 127; ++i) accents += "é";
  const std::vector<std::string> ids = {accents,
                                        accents + "x",
                                        std::string(255, 'x'),
                                        "\xF0\x9F\x8E\x89 a b/\xF0\x9F\x98\x80 c",
                                        " lead",
                                        "trail ",
                                        "-dash",
                                        "back\\slash",
                                        "it's \"$HOME\" *?",
                                        "..hidden/...x"};
  const std::string tree = rig_->Path("tree");
  std::string list;
  for (const std::string& id : ids) {
    const fs::path file = fs::path(tree) / id;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "bytes of " << id;
    Row({"put", "-q", file.string(), absl::StrCat("--id=", id)}, 0);
    Row({"get", "-q", "-o", Out(), "--", id}, 0);
    EXPECT_EQ(testing_support::TextOf(Out()), "bytes of " + id);
    absl::StrAppend(&list, id, "\n");
  }
  fs::remove(Out());
  rig_->WriteFile("ids", list);
  const RepositoryRig::Result sums =
      rig_->Run({"checksums", "-q", "--format", "sha256sum", "--ids-from", rig_->Path("ids")});
  EXPECT_EQ(sums.exit_code, 0) << sums.log;
  EXPECT_EQ(std::count(sums.log.begin(), sums.log.end(), '\n'), ids.size());
  rig_->WriteFile("sums", sums.log);
  ChildProcess check({"/bin/sh", "-c",
                      absl::StrCat("cd '", tree, "' && sha256sum -c --quiet ", rig_->Path("sums"))},
                     rig_->Path("check"));
  EXPECT_EQ(check.Wait(), 0) << check.Log();
  census_ = Census();
}

TEST_F(Input, ASourceThatIsNoFileIsToldBeforeAnythingIsSent) {
  Row({"put", rig_->Path("absent")}, 10, "No such file");
  fs::create_directory(rig_->Path("directory"));
  Row({"put", rig_->Path("directory")}, 2, "use -r");
  ASSERT_EQ(mkfifo(rig_->Path("fifo").c_str(), 0600), 0);
  Row({"put", rig_->Path("fifo")}, 10, "no regular file");
  Row({"put", "/dev/null"}, 10, "no regular file");
}

TEST_F(Input, ASourceThatCannotBeReadStoresNothing) {
  Row({"put", "/proc/self/mem", "--id", "memory"}, 10, "Input/output error");
  Row({"put", "/proc/self/status", "--id", "status"}, 10, "more bytes than its size");
  Row({"stat", "memory"}, 4);
}

TEST_F(Input, ASourceThatVanishesStoresNothing) {
  const RepositoryRig::Result put = PutAndMeanwhile([] { fs::remove(rig_->Path("long")); });
  EXPECT_EQ(put.exit_code, 10) << put.log;
  EXPECT_THAT(put.log, HasSubstr("has vanished while it was read"));
  Row({"stat", "unsteady"}, 4);
}

TEST_F(Input, ASourceThatShrinksStoresNothing) {
  const RepositoryRig::Result put =
      PutAndMeanwhile([] { fs::resize_file(rig_->Path("long"), kLongBytes - 1); });
  EXPECT_EQ(put.exit_code, 10) << put.log;
  EXPECT_THAT(put.log, HasSubstr("changed while it was read"));
}

TEST_F(Input, ASourceThatGrowsStoresNothing) {
  const RepositoryRig::Result put = PutAndMeanwhile(
      [] { std::ofstream(rig_->Path("long"), std::ios::app) << "and one line more\n"; });
  EXPECT_EQ(put.exit_code, 10) << put.log;
  EXPECT_THAT(put.log, HasSubstr("changed while it was read"));
}

TEST_F(Input, AWrongChecksumStoresNothingAnywhere) {
  const std::string sha256 = absl::StrCat("sha256:", std::string(64, '0'));
  Row({"put", Source(), "--id", "wrong", "--checksum", sha256}, 6, "was not stored");
  Row({"put", Source(), "--id", "wrong", "--checksum", "md5:" + std::string(32, '0')}, 6);
  Row({"put", LongSource(), "--id", "wrong", "--checksum", sha256}, 6);
  Row({"put", Source(), "--id", "wrong", "--checksum", "sha256:xyz"}, 2);
  Row({"put", Source(), "--id", "wrong", "--checksum", "crc32:00000000"}, 2);
  Row({"stat", "wrong"}, 4);
  Row({"get", "kept", "-o", Out(), "--checksum", sha256}, 6);
  EXPECT_FALSE(fs::exists(Out()));
}

TEST_F(Input, AnIdThatIsTakenStaysWhatItWas) {
  Row({"put", Source(), "--id", "kept"}, 0, "already held");
  rig_->WriteFile("other", "quite other bytes\n");
  Row({"put", rig_->Path("other"), "--id", "kept"}, 7, "DUPLICATE_FILE_FAILURE");
  Row({"put", LongSource(), "--id", "kept"}, 7, "DUPLICATE_FILE_FAILURE");
  Row({"get", "kept", "-o", Out()}, 0);
  EXPECT_EQ(testing_support::TextOf(Out()), testing_support::TextOf(Source()));
  fs::remove(Out());
}

TEST_F(Input, AnUnknownIdIsNotFound) {
  Row({"get", "no/such", "-o", Out()}, 4, "no/such");
  Row({"cat", "no/such"}, 4, "no/such");
  Row({"stat", "no/such"}, 4, "no pillar has no/such");
  Row({"whereis", "no/such"}, 4, "no pillar has no/such");
  Row({"checksums", "no/such"}, 4, "no pillar has no/such");
  Row({"stat", "kept", "no/such"}, 3, "no pillar has no/such");
  Row({"checksums", "no/such", "kept"}, 3, "no pillar has no/such");
  EXPECT_FALSE(fs::exists(Out()));
}

TEST_F(Input, ARangePastTheEndIsRefused) {
  Row({"get", "kept", "-o", Out(), "--range", "5:100000"}, 7, "RANGE_ERROR");
  Row({"get", "kept", "-o", Out(), "--range", "100000:"}, 7, "RANGE_ERROR");
  Row({"get", "kept", "-o", Out(), "--range", "18446744073709551615:1"}, 2, "--range");
  Row({"checksums", "kept", "--range", "5:100000"}, 7, "RANGE_ERROR");
  EXPECT_FALSE(fs::exists(Out()));
  Row({"get", "-q", "kept", "-o", Out(), "--range", "4:5"}, 0);
  EXPECT_EQ(testing_support::TextOf(Out()), "bytes");
  fs::remove(Out());
}

TEST_F(Input, AGetFromOnePillarSaysWhatHappenedThere) {
  rig_->WriteFile("only", "bytes of one copy\n");
  Row({"put", "-q", rig_->Path("only"), "--id", "only-p2", "--pillar", "p2"}, 0);
  const RepositoryRig::Result get = rig_->Run({"get", "only-p2", "-o", Out(), "--from", "p1"});
  EXPECT_EQ(get.exit_code, 4) << get.log;
  EXPECT_THAT(get.log, AllOf(HasSubstr("p1 did not deliver only-p2 (FILE_NOT_FOUND_FAILURE)"),
                             Not(HasSubstr("IDENTIFICATION_POSITIVE"))));
  Row({"get", "kept", "-o", Out(), "--from", "p9"}, 5, "p9 did not deliver kept");
  EXPECT_FALSE(fs::exists(Out()));
  census_ = Census();
}

TEST_F(Input, APlaceThatCannotBeWrittenIsALocalTrouble) {
  Row({"get", "kept", "-o", rig_->Path("no/such/directory/out")}, 10);
  Row({"get", "kept", "-o", "/dev/full"}, 10, "No space left");
  Row({"get", "kept", "-o", absl::StrCat(Source(), "/out")}, 10);
}

TEST_F(Input, WithoutACoordinatorTheAddressIsNamedInTime) {
  const absl::Time begun = absl::Now();
  const RepositoryRig::Result result = rig_->Run({"pillars"}, "tcp://127.0.0.1:1");
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.log, AllOf(HasSubstr("tcp://127.0.0.1:1"), HasSubstr("within 4s")));
  EXPECT_LT(absl::Now() - begun, absl::Seconds(15)) << "4 s, and what a loaded machine adds";
  EXPECT_EQ(rig_->Run({"pillars"}, "tcp://nowhere").exit_code, 2);
  EXPECT_EQ(rig_->Run({"pillars"}, "127.0.0.1:7100").exit_code, 2);
}

TEST_F(Input, APillarThatIsAwayMakesTheListOfPillarsPartial) {
  rig_->StopPillar("p3");
  const RepositoryRig::Result away = rig_->Run({"pillars"});
  EXPECT_EQ(away.exit_code, 3) << away.log;
  EXPECT_THAT(away.log, HasSubstr("p3 is away"));
  rig_->StartPillar("p3");
  ASSERT_TRUE(rig_->WaitForPillars());
}

}  // namespace
}  // namespace bitrepo::system_test
