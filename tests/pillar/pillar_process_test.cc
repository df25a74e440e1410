// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "tests/pillar/asker.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::pillar {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using testing_support::ChildProcess;
using testing_support::ReadyListener;
using testing_support::TempDir;

constexpr char kPillar[] = BITREPO_PROGRAMS "/bitrepo-pillar";
constexpr char kCoordinator[] = BITREPO_PROGRAMS "/bitrepo-coordinator";
constexpr absl::Duration kPatience = absl::Seconds(60);  // of a machine that is busy

// A coordinator, and what is needed to start pillars beside it.
class PillarProcess : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory.Path(name)) << text;
  }
  // Where a daemon says that it listens.
  std::string EndpointIn(const std::string& runtime_file, const std::string& key) {
    auto file = runtime::Settings::Load(directory.Path(runtime_file));
    return file.ok() ? file->GetString(key, "") : "";
  }
  std::unique_ptr<ChildProcess> StartAndHear(const std::string& program,
                                             const std::string& config) {
    ReadyListener ready(directory.Path("ready"));
    auto process = std::make_unique<ChildProcess>(
        std::vector<std::string>{program, "--config", directory.Path(config)},
        directory.Path(config + ".log"),
        std::vector<std::pair<std::string, std::string>>{ready.environment()});
    EXPECT_TRUE(ready.Hear("READY=1", kPatience)) << process->Log();
    return process;
  }
  void StartCoordinator() {
    Write("coordinator.toml",
          absl::StrCat("repository = 'demo'\n[coordinator]\nlisten = 'tcp://127.0.0.1:0'\n",
                       "runtime_file = '", directory.Path("coordinator.run"),
                       "'\n[collections.photos]\npillars = ['p1']\n"));
    coordinator = StartAndHear(kCoordinator, "coordinator.toml");
    bus = EndpointIn("coordinator.run", "bus");
  }
  // Writes NAME.toml for the pillar "p1" on the store directory STORE.
  void WritePillar(const std::string& name, const std::string& store,
                   const std::string& more = "") {
    std::filesystem::create_directory(directory.Path(store));
    Write(name + ".toml", absl::StrCat("repository = 'demo'\n[pillar]\nid = 'p1'\ncoordinator = '",
                                       bus.empty() ? "tcp://127.0.0.1:1" : bus,
                                       "'\ndata_listen = 'tcp://127.0.0.1:0'\nruntime_file = '",
                                       directory.Path(name + ".run"), "'\n[store]\ndirectory = '",
                                       directory.Path(store),
                                       "'\nkeep_free = '1MiB'\n[collections.photos]\n", more));
  }
  // Runs it to its end.
  int ExitCode(const std::vector<std::string>& arguments, std::string* log) {
    std::vector<std::string> all = {kPillar};
    all.insert(all.end(), arguments.begin(), arguments.end());
    std::filesystem::remove(directory.Path("once.log"));
    ChildProcess process(all, directory.Path("once.log"));
    const std::optional<int> code = process.Wait(kPatience);
    *log = process.Log();
    return code.value_or(-1000);
  }

  TempDir directory;
  std::unique_ptr<ChildProcess> coordinator;
  std::string bus;
};

TEST_F(PillarProcess, TellsWhenItIsReadyAndStopsCleanlyWhenTold) {
  WritePillar("p1", "store");
  const auto pillar = StartAndHear(kPillar, "p1.toml");
  EXPECT_THAT(EndpointIn("p1.run", "data"), HasSubstr("tcp://127.0.0.1:"));
  pillar->Signal(SIGTERM);
  EXPECT_THAT(pillar->Wait(kPatience), Optional(0)) << pillar->Log();
  EXPECT_FALSE(std::filesystem::exists(directory.Path("p1.run")));
  EXPECT_THAT(pillar->Log(), HasSubstr("stopped"));
}

TEST_F(PillarProcess, ReportsEveryMistakeOfItsSettingsWithItsLine) {
  Write("bad.toml",
        "repository = 'demo'\n"                   // 1
        "[pillar]\n"                              // 2
        "id = 'Not A Name'\n"                     // 3
        "coordinator = 'tcp://127.0.0.1:7100'\n"  // 4
        "data_listen = 'udp://127.0.0.1:0'\n"     // 5
        "[store]\n"                               // 6
        "directory = '/tmp'\n"                    // 7
        "keep_fee = '1GiB'\n"                     // 8
        "[collections.photos]\n");
  std::string log;
  EXPECT_EQ(ExitCode({"--config", directory.Path("bad.toml"), "--check-config"}, &log), 2);
  EXPECT_THAT(log, HasSubstr("bad.toml:3:"));
  EXPECT_THAT(log, HasSubstr("bad.toml:5:"));
  EXPECT_THAT(log, HasSubstr("bad.toml:8:"));
  EXPECT_THAT(log, HasSubstr("keep_fee"));
  EXPECT_EQ(ExitCode({"--config", directory.Path("bad.toml")}, &log), 2);
  EXPECT_EQ(ExitCode({"--config", directory.Path("missing.toml")}, &log), 2);
  EXPECT_EQ(ExitCode({"--config"}, &log), 2);
  EXPECT_EQ(ExitCode({"--help"}, &log), 0);
  EXPECT_THAT(log, HasSubstr("exit codes"));
  EXPECT_EQ(ExitCode({"--version"}, &log), 0);
}

TEST_F(PillarProcess, TheSampleSettingsHaveNoProblems) {
  std::string log;
  EXPECT_EQ(ExitCode({"--config", BITREPO_SAMPLE, "--check-config"}, &log), 0) << log;
}

TEST_F(PillarProcess, RefusesAStoreThatAnotherPillarHasOpen) {
  WritePillar("p1", "store");
  WritePillar("again", "store");
  const auto pillar = StartAndHear(kPillar, "p1.toml");
  std::string log;
  EXPECT_EQ(ExitCode({"--config", directory.Path("again.toml")}, &log), 7);
  EXPECT_THAT(log, HasSubstr("in use"));
  EXPECT_THAT(log, HasSubstr(directory.Path("store")));
}

TEST_F(PillarProcess, SaysSoWhenTheStoreDirectoryIsMissing) {
  WritePillar("p1", "store");
  std::filesystem::remove(directory.Path("store"));
  std::string log;
  EXPECT_EQ(ExitCode({"--config", directory.Path("p1.toml")}, &log), 10);
  EXPECT_THAT(log, HasSubstr(directory.Path("store")));
}

TEST_F(PillarProcess, EndsWhenItsIdIsTakenByAnotherStore) {
  StartCoordinator();
  WritePillar("p1", "store");
  WritePillar("imposter", "other-store");
  const auto pillar = StartAndHear(kPillar, "p1.toml");
  Asker alice(bus);
  wire::Body status;
  status.mutable_get_status_request();
  const auto asked = alice.Request(wire::GET_STATUS, status);
  ASSERT_TRUE(alice.SendUntil(
      asked, [&] { return alice.Final(asked) != nullptr; }, kPatience));
  std::string log;
  EXPECT_EQ(ExitCode({"--config", directory.Path("imposter.toml")}, &log), 7);
  EXPECT_THAT(log, HasSubstr("p1"));
  EXPECT_EQ(pillar->Wait(absl::ZeroDuration()), std::nullopt) << "the first one stays";
}

// [S-2]
TEST_F(PillarProcess, KeepsAFileAndServesItAgainAfterBeingKilled) {
  StartCoordinator();
  WritePillar("p1", "store");
  auto pillar = StartAndHear(kPillar, "p1.toml");
  Asker alice(bus);
  const std::string bytes = base::SeededRandom(1).Bytes(5'000'000);
  const auto put = alice.Put("a.txt", bytes.size());
  ASSERT_TRUE(alice.SendUntil(
      put, [&] { return !alice.Token(put).empty(); }, kPatience));
  const auto pushed = alice.Push(alice.Token(put), std::make_shared<channel::TextSource>(bytes));
  ASSERT_TRUE(alice.Until([&] { return alice.Final(put) != nullptr && *pushed; }, kPatience));
  EXPECT_OK(**pushed);
  ASSERT_EQ(alice.Final(put)->body.response().code(), wire::OPERATION_COMPLETED);
  pillar->Signal(SIGKILL);
  ASSERT_THAT(pillar->Wait(kPatience), Optional(-SIGKILL));

  pillar = StartAndHear(kPillar, "p1.toml");
  const auto get = alice.Get("a.txt");
  ASSERT_TRUE(alice.SendUntil(
      get, [&] { return !alice.Token(get).empty(); }, kPatience));
  const auto sink = std::make_shared<channel::TextSink>();
  const auto fetched = alice.Fetch(alice.Token(get), sink);
  ASSERT_TRUE(alice.Until([&] { return alice.Final(get) != nullptr && *fetched; }, kPatience));
  EXPECT_OK(**fetched);
  EXPECT_TRUE(sink->text == bytes);
  EXPECT_EQ(alice.Final(get)->body.response().code(), wire::OPERATION_COMPLETED);
}

TEST_F(PillarProcess, APutCutShortByAKillHasOneEffectWhenItIsAskedAgain) {
  StartCoordinator();
  WritePillar("p1", "store");
  auto pillar = StartAndHear(kPillar, "p1.toml");
  Asker alice(bus);
  const std::string bytes = base::SeededRandom(1).Bytes(40'000'000);
  const auto put = alice.Put("a.txt", bytes.size());
  ASSERT_TRUE(alice.SendUntil(
      put, [&] { return !alice.Token(put).empty(); }, kPatience));
  const std::string old_token = alice.Token(put);
  // Killed when some of the bytes are there.
  auto source = std::make_shared<channel::TextSource>(bytes);
  const auto cut = alice.Push(old_token, source);
  ASSERT_TRUE(alice.Until([&] { return source->read_bytes >= 10'000'000; }, kPatience));
  pillar->Signal(SIGKILL);
  ASSERT_THAT(pillar->Wait(kPatience), Optional(-SIGKILL));
  ASSERT_TRUE(alice.Until([&] { return cut->has_value(); }, kPatience));
  EXPECT_THAT(**cut, Not(testing_support::IsOk()));

  pillar = StartAndHear(kPillar, "p1.toml");
  alice.heard.clear();
  ASSERT_TRUE(alice.SendUntil(
      put, [&] { return !alice.Token(put).empty(); }, kPatience));
  EXPECT_NE(alice.Token(put), old_token);
  const auto pushed = alice.Push(alice.Token(put), std::make_shared<channel::TextSource>(bytes));
  ASSERT_TRUE(alice.Until([&] { return alice.Final(put) != nullptr; }, kPatience));
  ASSERT_EQ(alice.Final(put)->body.response().code(), wire::OPERATION_COMPLETED);
  const std::string final = alice.Final(put)->body_bytes;

  // Killed once more, it knows what it has answered.
  pillar->Signal(SIGKILL);
  ASSERT_THAT(pillar->Wait(kPatience), Optional(-SIGKILL));
  pillar = StartAndHear(kPillar, "p1.toml");
  alice.heard.clear();
  ASSERT_TRUE(alice.SendUntil(
      put, [&] { return alice.Final(put) != nullptr; }, kPatience));
  EXPECT_EQ(alice.Final(put)->body_bytes, final);
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(directory.Path("store") + "/photos/files")) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(files, 1u);
}

TEST_F(PillarProcess, AStopInTheMiddleOfAPutWaitsForItsGraceOnly) {
  StartCoordinator();
  WritePillar("p1", "store", "[times]\ngrace = '200ms'\n");
  const auto pillar = StartAndHear(kPillar, "p1.toml");
  Asker alice(bus);
  const auto put = alice.Put("a.txt", 5);
  ASSERT_TRUE(alice.SendUntil(
      put, [&] { return !alice.Token(put).empty(); }, kPatience));
  pillar->Signal(SIGTERM);
  EXPECT_THAT(pillar->Wait(kPatience), Optional(0)) << pillar->Log();
  EXPECT_EQ(alice.Final(put), nullptr);
}

}  // namespace
}  // namespace bitrepo::pillar
