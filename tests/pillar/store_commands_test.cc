// SPDX-License-Identifier: Apache-2.0
// What the real program does with a store when it is told to do that and end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using ::testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::ReadyListener;
using testing_support::StoreOnDisk;
using testing_support::TempDir;

constexpr char kPillar[] = BITREPO_PROGRAMS "/bitrepo-pillar";
constexpr absl::Duration kPatience = absl::Seconds(60);  // of a machine that is busy

// A store with two files in the collection "books" and one in "maps".
class StoreCommandsTest : public ::testing::Test {
 protected:
  StoreCommandsTest() {
    on_disk_.Reopen();
    on_disk_.PutAll({"a", "b c"});
    EXPECT_OK(on_disk_.Put("m", "x", "maps"));
    on_disk_.Close();
    std::ofstream(directory_.Path("pillar.toml"))
        << absl::StrCat("repository = 'demo'\n[pillar]\nid = 'p1'\n",
                        "coordinator = 'tcp://127.0.0.1:1'\ndata_listen = 'tcp://127.0.0.1:0'\n",
                        "[store]\ndirectory = '", on_disk_.PathOf(""),
                        "'\n[collections.books]\n[collections.maps]\n");
  }
  std::vector<std::string> Command(const std::vector<std::string>& flags) {
    std::vector<std::string> all = {kPillar, "--config", directory_.Path("pillar.toml")};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  }
  // Runs it to its end; output_ is what it wrote.
  int Run(const std::vector<std::string>& flags) {
    std::filesystem::remove(directory_.Path("once"));
    ChildProcess process(Command(flags), directory_.Path("once"));
    const int code = process.Wait(kPatience).value_or(-1000);
    output_ = process.Log();
    return code;
  }
  std::unique_ptr<ChildProcess> StartPillar() {
    ReadyListener ready(directory_.Path("ready"));
    auto pillar = std::make_unique<ChildProcess>(
        Command({}), directory_.Path("log"),
        std::vector<std::pair<std::string, std::string>>{ready.environment()});
    EXPECT_TRUE(ready.Hear("READY=1", kPatience)) << pillar->Log();
    return pillar;
  }

  TempDir directory_;
  StoreOnDisk on_disk_;
  std::string output_;
};

TEST_F(StoreCommandsTest, ALostCatalogueIsMadeAgainAndThePillarStarts) {
  on_disk_.LoseCatalogue();
  EXPECT_EQ(Run({}), 7);
  EXPECT_THAT(output_, HasSubstr("bitrepo-pillar --config FILE --rebuild"));
  EXPECT_EQ(Run({"--rebuild"}), 0) << output_;
  EXPECT_THAT(output_, HasSubstr("catalogue.sqlite: 3 files (3 bytes), 0 damaged, 0 unproven"));
  EXPECT_THAT(output_, HasSubstr("4 audit records"));
  const auto pillar = StartPillar();
  EXPECT_THAT(pillar->Log(), HasSubstr("3 files, 0 newly missing"));
}

TEST_F(StoreCommandsTest, ACatalogueThatIsThereOrInUseIsNotMadeAgain) {
  EXPECT_EQ(Run({"--rebuild"}), 7);
  EXPECT_THAT(output_, HasSubstr("move catalogue.sqlite"));
  const auto pillar = StartPillar();
  EXPECT_EQ(Run({"--rebuild"}), 7);
  EXPECT_THAT(output_, HasSubstr("in use"));
}

TEST_F(StoreCommandsTest, AManifestIsWrittenBesideARunningPillar) {
  const auto pillar = StartPillar();
  EXPECT_EQ(Run({"--manifest", "books"}), 0) << output_;
  std::filesystem::copy_file(directory_.Path("once"), directory_.Path("list"));
  ChildProcess tool(
      {"/bin/sh", "-c",
       absl::StrCat("cd '", on_disk_.PathOf("books/files"),
                    "' && exec sha256sum --check --strict '", directory_.Path("list"), "'")},
      directory_.Path("checked"));
  EXPECT_THAT(tool.Wait(kPatience), ::testing::Optional(0)) << tool.Log();
  EXPECT_THAT(tool.Log(), HasSubstr("b%20c~1: OK"));
}

TEST_F(StoreCommandsTest, AManifestOfWhatIsNotKeptIsRefused) {
  EXPECT_EQ(Run({"--manifest", "Not A Name"}), 2);
  EXPECT_EQ(Run({"--manifest", "other"}), 7);
  EXPECT_THAT(output_, HasSubstr("other"));
}

}  // namespace
}  // namespace bitrepo::pillar
