// SPDX-License-Identifier: Apache-2.0
#include "client/client_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_support::StatusIs;

// The places where settings may stand, all in one directory of the test's.
class Settings : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = directory_.Path(name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  absl::StatusOr<ClientSettings> Read() { return ReadSettings(flags_, Places()); }
  SettingsPlaces Places() {
    SettingsPlaces places;
    places.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      if (it == environment_.end()) return std::nullopt;
      return it->second;
    };
    places.working_directory = directory_.Path("work");
    places.system_file = directory_.Path("etc/bitrepo.toml");
    places.user_name = "alice";
    return places;
  }

  testing_support::TempDir directory_;
  SettingsFlags flags_;
  std::map<std::string, std::string> environment_ = {{"HOME", directory_.Path("home")}};
};

constexpr char kWork[] = "work/.bitrepo.toml";
constexpr char kUser[] = "home/.config/bitrepo/bitrepo.toml";
constexpr char kLocal[] = "home/.local/share/bitrepo/.bitrepo.toml";
constexpr char kSystem[] = "etc/bitrepo.toml";

TEST_F(Settings, EachRateComesFromTheFirstFileThatHasIt) {
  Write(kWork, "[rates]\nnode = \"1M\"\n");
  Write(kUser, "[rates]\nnode = \"2M\"\npartner.p1 = \"3M\"\n");
  const auto settings = Read();
  ASSERT_OK(settings);
  ASSERT_THAT(settings->rates, SizeIs(2));
  EXPECT_EQ(settings->rates[0].table.ToString(), "1M");
  EXPECT_EQ(settings->rates[1].name, "p1");
  Write(kWork, "[rates]\nnode = \"quick\"\n");
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bitrepo.toml:2:")));
}

TEST_F(Settings, FlagsBeatEnvironmentBeatsTheDirectoryBeatsTheUserBeatsTheSystem) {
  for (const char* file : {kWork, kUser, kLocal, kSystem}) {
    Write(file, absl::StrCat("collection = \"", std::filesystem::path(file).begin()->string(),
                             file == kLocal ? "-local" : "", "\"\n"));
  }
  environment_["BITREPO_COLLECTION"] = "environment";
  flags_.collection = "flag";
  std::vector<std::string> order;
  const auto next = [&] {
    const auto settings = Read();
    ASSERT_OK(settings);
    order.push_back(settings->collection);
  };
  next();
  flags_.collection.clear();
  next();
  environment_.erase("BITREPO_COLLECTION");
  for (const char* file : {kWork, kUser, kLocal, kSystem}) {
    next();
    std::filesystem::remove(directory_.Path(file));
  }
  next();
  EXPECT_THAT(order, ElementsAre("flag", "environment", "work", "home", "home-local", "etc",
                                 kDefaultCollection));
}

TEST_F(Settings, EachValueComesFromTheFirstThatHasIt) {
  Write(kWork, "coordinator = \"tcp://127.0.0.1:1\"\n");
  Write(kUser, "coordinator = \"tcp://127.0.0.1:2\"\nrepository = \"mine\"\n");
  Write(kSystem, "repository = \"theirs\"\nname = \"someone\"\nsilence_timeout = \"90s\"\n");
  environment_["BITREPO_REPOSITORY"] = "ours";
  const auto settings = Read();
  ASSERT_OK(settings);
  EXPECT_EQ(settings->coordinator, "tcp://127.0.0.1:1");
  EXPECT_EQ(settings->repository, "ours");
  EXPECT_EQ(settings->name, "someone");
  EXPECT_EQ(settings->PatienceOf().silence, absl::Seconds(90));
  EXPECT_EQ(settings->PatienceOf().identify, protocol::Patience().identify);
  EXPECT_THAT(settings->files, ElementsAre(EndsWith(kWork), EndsWith(kUser), EndsWith(kSystem)));
}

TEST_F(Settings, EveryEnvironmentVariableIsHeard) {
  environment_["BITREPO_COORDINATOR"] = "tcp://10.0.0.1:7100";
  environment_["BITREPO_REPOSITORY"] = "library";
  environment_["BITREPO_COLLECTION"] = "books";
  environment_["BITREPO_NAME"] = "bob";
  const auto settings = Read();
  ASSERT_OK(settings);
  EXPECT_EQ(settings->coordinator, "tcp://10.0.0.1:7100");
  EXPECT_EQ(settings->repository, "library");
  EXPECT_EQ(settings->collection, "books");
  EXPECT_EQ(settings->name, "bob");
}

TEST_F(Settings, ANamedFileIsTheOnlyOneAndMustBeThere) {
  Write(kWork, "collection = \"work\"\n");
  Write("named.toml", "repository = \"named\"\n");
  environment_["BITREPO_CONFIG"] = directory_.Path("named.toml");
  const auto settings = Read();
  ASSERT_OK(settings);
  EXPECT_EQ(settings->repository, "named");
  EXPECT_EQ(settings->collection, kDefaultCollection);
  flags_.config = directory_.Path("absent.toml");
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("absent.toml")));
}

TEST_F(Settings, AllMistakesAreToldAtOnceWithTheirLines) {
  Write(kWork,
        "coordinator = \"localhost\"\n"
        "collection = \"ok\"\n"
        "repository = \"No Name\"\n"
        "identify_timeout = \"soon\"\n"
        "colour = \"red\"\n");
  const auto settings = Read();
  ASSERT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument));
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(settings.status().message()), '\n');
  EXPECT_THAT(lines, ElementsAre(HasSubstr(".bitrepo.toml:1: "), HasSubstr(".bitrepo.toml:3: "),
                                 HasSubstr(".bitrepo.toml:4: "), HasSubstr(".bitrepo.toml:5: ")));
}

TEST_F(Settings, MistakesOfSeveralFilesAndFlagsAreToldTogether) {
  Write(kWork, "collection = 7\n");
  Write(kUser, "this is no TOML\n");
  flags_.identify_timeout = "soon";
  environment_["BITREPO_NAME"] = "No Name";
  const auto settings = Read();
  ASSERT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument));
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(settings.status().message()), '\n');
  EXPECT_THAT(lines, SizeIs(4));
  EXPECT_THAT(lines[0], HasSubstr("work/.bitrepo.toml:1: "));
  EXPECT_THAT(lines[1], HasSubstr("bitrepo/bitrepo.toml:1:"));
  EXPECT_THAT(lines[2], HasSubstr("--identify-timeout"));
  EXPECT_THAT(lines[3], HasSubstr("name"));
}

TEST_F(Settings, AnAddressIsATcpAddress) {
  flags_.coordinator = "localhost:7100";
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tcp://HOST:PORT")));
}

TEST_F(Settings, TimesMustBeMoreThanNothing) {
  Write(kWork, "identify_timeout = \"0s\"\nsilence_timeout = \"0s\"\n");
  const auto settings = Read();
  EXPECT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":1: ")));
  EXPECT_THAT(settings, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(":2: ")));
}

TEST_F(Settings, TheirDirectoriesMoveWithTheXdgVariables) {
  environment_["XDG_CONFIG_HOME"] = directory_.Path("xdg");
  environment_["XDG_DATA_HOME"] = directory_.Path("data");
  Write("xdg/bitrepo/bitrepo.toml", "collection = \"moved\"\n");
  ASSERT_OK(Read());
  EXPECT_EQ(Read()->collection, "moved");
  EXPECT_EQ(DefaultLocalDirectory(Places()), directory_.Path("data/bitrepo"));
}

TEST_F(Settings, TheShippedSampleIsValidAndShowsTheDefaults) {
  flags_.config = BITREPO_SAMPLE;
  const auto settings = Read();
  ASSERT_OK(settings);
  EXPECT_EQ(settings->coordinator, "tcp://127.0.0.1:7100");
  EXPECT_EQ(settings->collection, kDefaultCollection);
  EXPECT_EQ(settings->PatienceOf().identify, protocol::Patience().identify);
  EXPECT_EQ(settings->PatienceOf().silence, protocol::Patience().silence);
}

TEST_F(Settings, EverySettingOfTheSampleIsShown) {
  const std::string text = testing_support::TextOf(BITREPO_SAMPLE);
  for (const char* key :
       {"coordinator", "repository", "collection", "name", "identify_timeout", "silence_timeout"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(key, " = "))) << key;
  }
}

TEST(Principal, IsMadeOfAnyName) {
  EXPECT_EQ(PrincipalFrom("Alice Smith"), "alicesmith");
  EXPECT_EQ(PrincipalFrom("_-x.y"), "x.y");
  EXPECT_EQ(PrincipalFrom("\xC3\x89\xC3\xA9"), "someone");
  EXPECT_EQ(PrincipalFrom(""), "someone");
  EXPECT_LE(PrincipalFrom(std::string(200, 'a')).size(), 48u);
}

}  // namespace
}  // namespace bitrepo::client
