// SPDX-License-Identifier: Apache-2.0
// Real daemons die at chosen moments; what was asked for still happens, and happens once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "tests/system/bus_relay.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

std::string MakeFile(const RepositoryRig& rig, const std::string& name, uint64_t bytes) {
  base::SeededRandom random(7);
  const std::string path = rig.Path(name);
  std::ofstream file(path, std::ios::binary);
  const std::string piece = random.Bytes(1 << 20);
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    file.write(piece.data(),
               static_cast<std::streamsize>(std::min<uint64_t>(piece.size(), bytes - at)));
  }
  return path;
}

bool SameBytes(const std::string& a, const std::string& b) {
  std::ifstream left(a, std::ios::binary);
  std::ifstream right(b, std::ios::binary);
  std::string left_piece(1 << 20, '\0');
  std::string right_piece(1 << 20, '\0');
  while (left.good() && right.good()) {
    left.read(left_piece.data(), static_cast<std::streamsize>(left_piece.size()));
    right.read(right_piece.data(), static_cast<std::streamsize>(right_piece.size()));
    if (left.gcount() != right.gcount() || left_piece != right_piece) return false;
  }
  return left.eof() && right.eof();
}

// One number out of the catalogue of a pillar that has stopped.
int64_t AskCatalogue(const RepositoryRig& rig, const std::string& pillar,
                     const std::string& query) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  int64_t answer = -1;
  const std::string path = absl::StrCat(rig.PillarDirectory(pillar), "/catalogue.sqlite");
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    answer = sqlite3_column_int64(statement, 0);
  } else {
    ADD_FAILURE() << path << ": " << sqlite3_errmsg(database);
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return answer;
}

// Kills the coordinator the first time that a message of that kind is about to be passed on, and
// starts it again.
class CoordinatorKilledAt {
 public:
  CoordinatorKilledAt(RepositoryRig& rig, wire::Kind kind)
      : relay_(rig.endpoint(),
               [this, kind](const wire::Header& header) {
                 if (header.kind() != kind || header.operation() != wire::PUT_FILE ||
                     struck_.exchange(true))
                   return false;
                 kill(victim_, SIGKILL);
                 return true;
               }),
        victim_(rig.coordinator().pid()) {}
  const std::string& endpoint() const { return relay_.endpoint(); }
  // True when it has struck and the coordinator is up again.
  bool Revive(RepositoryRig& rig) {
    if (!struck_) return false;
    EXPECT_EQ(rig.coordinator().Wait(), -SIGKILL);
    rig.StartCoordinator();
    return true;
  }
  bool struck() const { return struck_; }

 private:
  std::atomic<bool> struck_{false};
  BusRelay relay_;
  pid_t victim_;
};

void PutThroughTheDeathOfTheCoordinator(wire::Kind kind) {
  RepositoryRig rig(2);
  CoordinatorKilledAt relay(rig, kind);
  rig.StartPillar("p1", relay.endpoint());
  rig.StartPillar("p2", relay.endpoint());
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string source = MakeFile(rig, "source", 3 << 20);
  auto put = rig.Start({"put", source, "--id", "kept"}, relay.endpoint());
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (!relay.struck() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  ASSERT_TRUE(relay.Revive(rig)) << put->Log();
  EXPECT_EQ(put->Wait(absl::Seconds(60)), 0) << put->Log();
  for (const char* pillar : {"p1", "p2"}) {
    rig.StopPillar(pillar);
    EXPECT_EQ(AskCatalogue(rig, pillar, "SELECT count(*) FROM generation"), 1) << pillar;
    EXPECT_EQ(AskCatalogue(rig, pillar,
                           "SELECT count(*) FROM audit WHERE action = 'PUT_FILE' AND "
                           "result = 'OPERATION_COMPLETED'"),
              1)
        << pillar;
  }
}

TEST(CoordinatorKilled, BeforeARequestIsPassedOnThePutStillSucceedsOnce) {
  PutThroughTheDeathOfTheCoordinator(wire::REQUEST);
}

TEST(CoordinatorKilled, BeforeAFinalIsPassedOnThePutStillSucceedsOnce) {
  PutThroughTheDeathOfTheCoordinator(wire::FINAL);
}

TEST(PillarKilled, InMidGetTheGetGoesOnFromAnother) {
  RepositoryRig rig(2);
  rig.StartPillar("p1");
  rig.StartPillar("p2");
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string source = MakeFile(rig, "source", 128 << 20);
  const RepositoryRig::Result put = rig.Run({"put", source, "--id", "large"});
  ASSERT_EQ(put.exit_code, 0) << put.log;
  std::filesystem::create_directory(rig.Path("out"));
  auto get = rig.Start({"get", "large", "-o", rig.Path("out/got")});
  // The part file grows: the client is held, the pillar killed, the client let go.
  uint64_t arrived = 0;
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (arrived < (4 << 20) && !get->Wait(absl::ZeroDuration()).has_value() &&
         absl::Now() < deadline) {
    for (const auto& entry : std::filesystem::directory_iterator(rig.Path("out"))) {
      std::error_code gone;
      const uint64_t size = entry.file_size(gone);
      if (!gone) arrived = std::max(arrived, size);
    }
  }
  get->Signal(SIGSTOP);
  ASSERT_FALSE(get->Wait(absl::ZeroDuration()).has_value())
      << "the get was over before it could be struck";
  ASSERT_FALSE(std::filesystem::exists(rig.Path("out/got")));
  const bool from_first = absl::StrContains(get->Log(), "p1 accepted");
  rig.KillPillar(from_first ? "p1" : "p2");
  get->Signal(SIGCONT);
  EXPECT_EQ(get->Wait(absl::Seconds(60)), 0) << get->Log();
  EXPECT_TRUE(SameBytes(source, rig.Path("out/got")));
}

TEST(PillarKilled, BeforeAPutThePutIsPartialAndTheSamePutCompletesIt) {
  RepositoryRig rig(2);
  rig.StartPillar("p1");
  rig.StartPillar("p2");
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string source = MakeFile(rig, "source", 1 << 20);
  rig.KillPillar("p2");
  const RepositoryRig::Result partial = rig.Run({"put", source, "--id", "kept"});
  EXPECT_EQ(partial.exit_code, 3) << partial.log;
  rig.StartPillar("p2");
  ASSERT_TRUE(rig.WaitForPillars());
  const RepositoryRig::Result complete = rig.Run({"put", source, "--id", "kept"});
  EXPECT_EQ(complete.exit_code, 0) << complete.log;
}

TEST(TwoPutsOfOneId, LeaveTheSameBytesAtEveryPillar) {
  RepositoryRig rig(3);
  for (const char* pillar : {"p1", "p2", "p3"}) rig.StartPillar(pillar);
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string one = MakeFile(rig, "one", 9 << 20);
  const std::string other = MakeFile(rig, "other", (9 << 20) - 1);
  for (int round = 0; round < 4; ++round) {
    const std::string id = absl::StrCat("raced-", round);
    auto first = rig.Start({"put", one, "--id", id});
    const RepositoryRig::Result second = rig.Run({"put", other, "--id", id});
    const int first_exit = *first->Wait(absl::Seconds(60));
    EXPECT_TRUE((first_exit == 0 && second.exit_code == 7) ||
                (first_exit == 7 && second.exit_code == 0))
        << first->Log() << second.log;
    const RepositoryRig::Result sums = rig.Run({"checksums", id});
    EXPECT_EQ(sums.exit_code, 0) << sums.log;
    EXPECT_THAT(sums.log, ::testing::HasSubstr("3/3"));
  }
}

TEST(SmallFiles, PutAsATreeAgreeWithSha256sum) {
  RepositoryRig rig(3);
  for (const char* pillar : {"p1", "p2", "p3"}) rig.StartPillar(pillar);
  ASSERT_TRUE(rig.WaitForPillars());
  const std::string tree = rig.Path("tree");
  base::SeededRandom random(11);
  for (int i = 0; i < 2000; ++i) {
    const std::string folder = absl::StrCat(tree, "/", i / 100);
    std::filesystem::create_directories(folder);
    std::ofstream(absl::StrCat(folder, "/file ", i), std::ios::binary)
        << random.Bytes(random.Below(4096));
  }
  const RepositoryRig::Result put = rig.Run({"put", "-q", "-r", tree});
  ASSERT_EQ(put.exit_code, 0) << put.log;
  const RepositoryRig::Result sums = rig.Run({"checksums", "-q", "--format", "sha256sum"});
  ASSERT_EQ(sums.exit_code, 0) << sums.log;
  EXPECT_EQ(std::count(sums.log.begin(), sums.log.end(), '\n'), 2000);
  std::ofstream(rig.Path("sums")) << sums.log;
  ChildProcess check(
      {"/bin/sh", "-c",
       absl::StrCat("cd '", tree, "' && sha256sum -c --quiet '", rig.Path("sums"), "'")},
      rig.Path("check"));
  EXPECT_EQ(check.Wait(), 0) << check.Log();
}

}  // namespace
}  // namespace bitrepo::system_test
