// SPDX-License-Identifier: Apache-2.0
#include "pillar/pillar_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "pillar/requests/request_handler.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kGood[] = R"(repository = "demo"
[pillar]
id = "p1"
coordinator = "tcp://127.0.0.1:7100"
data_listen = "tcp://127.0.0.1:0"
[store]
directory = "/store"
[collections.photos]
[collections.sounds]
directory = "/disk2/sounds"
[limits]
requests = 4096
transfer_memory = "32MiB"
[times]
grace = "3s"
)";

absl::Status StartsWithTcp(absl::string_view endpoint) {
  return absl::StartsWith(endpoint, "tcp://") ? absl::OkStatus()
                                              : absl::InvalidArgumentError("no address");
}

absl::StatusOr<PillarSettings> Read(const std::string& text) {
  auto settings = runtime::Settings::Parse(text, "pillar.toml");
  if (!settings.ok()) return settings.status();
  return ReadPillarSettings(*settings, {&StartsWithTcp, &StartsWithTcp});
}

std::string With(absl::string_view from, absl::string_view to) {
  return absl::StrReplaceAll(kGood, {{from, to}});
}

TEST(PillarSettings, SaysWhatThePillarIs) {
  const auto settings = Read(kGood);
  ASSERT_OK(settings);
  EXPECT_EQ(settings->host.repository_id, "demo");
  EXPECT_EQ(settings->host.id.text(), "p1");
  EXPECT_EQ(settings->coordinator, "tcp://127.0.0.1:7100");
  ASSERT_EQ(settings->host.collections.size(), 2u);
  EXPECT_EQ(settings->host.collections[0].text(), "photos");
  EXPECT_THAT(settings->collection_directories, ElementsAre(Pair("sounds", "/disk2/sounds")));
  EXPECT_EQ(settings->transfer_memory_bytes, 32u << 20);
  EXPECT_EQ(settings->host.grace, absl::Seconds(3));
  EXPECT_EQ(settings->host.requests_max, kRequestsMax);
  EXPECT_EQ(settings->host.requests_per_principal_max, kRequestsPerPrincipalMax);
}

TEST(PillarSettings, EveryMistakeIsToldWithItsLine) {
  struct Row {
    const char* from;
    const char* to;
    const char* told;
  };
  for (const Row& row : {
           Row{"id = \"p1\"", "id = \"No Name\"", "pillar.toml:3:"},
           Row{"id = \"p1\"\n", "", "pillar.id"},
           Row{"repository = \"demo\"", "repository = \"\"", "repository"},
           Row{"tcp://127.0.0.1:7100", "7100", "pillar.toml:4:"},
           Row{"tcp://127.0.0.1:0", "localhost", "pillar.toml:5:"},
           Row{"tcp://127.0.0.1:0", "tcp://*:7110", "data_public"},
           Row{"directory = \"/store\"\n", "", "store.directory"},
           Row{"/disk2/sounds", "/store", "used twice"},
           Row{"[collections.photos]", "[collections.\"Not A Name\"]", "pillar.toml:8:"},
           Row{"requests = 4096", "requests = 4097", "pillar.toml:12:"},
           Row{"requests = 4096", "requests = 0", "pillar.toml:12:"},
           Row{"32MiB", "1023KiB", "pillar.toml:13:"},
           Row{"32MiB", "2GiB", "pillar.toml:13:"},
           Row{"32MiB", "much", "pillar.toml:13:"},
           Row{"grace = \"3s\"", "grace = \"11m\"", "pillar.toml:15:"},
           Row{"grace = \"3s\"", "grase = \"3s\"", "grase"},
           Row{"[collections.photos]\n[collections.sounds]\ndirectory = \"/disk2/sounds\"\n", "",
               "collections"},
       }) {
    const auto settings = Read(With(row.from, row.to));
    EXPECT_THAT(settings,
                testing_support::StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(row.told)))
        << row.from << " -> " << row.to;
  }
}

TEST(PillarSettings, TheQuarantineHasATermOfAtLeastAWeek) {
  constexpr char kStore[] = "directory = \"/store\"";
  EXPECT_EQ(Read(kGood)->host.quarantine_term, absl::Hours(24 * 90));
  const auto with = [&](int days) {
    return Read(With(kStore, absl::StrCat("quarantine_days = ", days, "\n", kStore)));
  };
  EXPECT_EQ(with(7)->host.quarantine_term, absl::Hours(24 * 7));
  EXPECT_EQ(with(kQuarantineDaysMax)->host.quarantine_term, absl::Hours(24) * kQuarantineDaysMax);
  for (const int days : {6, 0, -1, static_cast<int>(kQuarantineDaysMax) + 1}) {
    EXPECT_THAT(with(days), testing_support::StatusIs(absl::StatusCode::kInvalidArgument,
                                                      HasSubstr("pillar.toml:7:")))
        << days;
  }
}

TEST(PillarSettings, ACollectionSaysHowManyCopiesMustStay) {
  const auto photos = *base::CollectionId::Parse("photos");
  EXPECT_EQ(Read(kGood)->host.min_copies.at(photos), requests::kMinCopies);
  const auto with = [&](int copies) {
    return Read(
        With("[collections.photos]", absl::StrCat("[collections.photos]\nmin_copies = ", copies)));
  };
  EXPECT_EQ(with(0)->host.min_copies.at(photos), 0u);
  EXPECT_EQ(with(kMinCopiesMax)->host.min_copies.at(photos), kMinCopiesMax);
  for (const int copies : {-1, static_cast<int>(kMinCopiesMax) + 1}) {
    EXPECT_THAT(with(copies), testing_support::StatusIs(absl::StatusCode::kInvalidArgument,
                                                        HasSubstr("pillar.toml:9:")))
        << copies;
  }
}

TEST(PillarSettings, AllMistakesAreToldAtOnce) {
  const auto settings = Read(absl::StrReplaceAll(
      kGood, {{"\"p1\"", "\"No Name\""}, {"tcp://127.0.0.1:0", "nowhere"}, {"grace", "grase"}}));
  ASSERT_FALSE(settings.ok());
  const std::string told(settings.status().message());
  EXPECT_THAT(told, HasSubstr("pillar.toml:3:"));
  EXPECT_THAT(told, HasSubstr("pillar.toml:5:"));
  EXPECT_THAT(told, HasSubstr("pillar.toml:15:"));
}

TEST(PillarSettings, AListenerOnAllAddressesIsFineWithAPublicOne) {
  const auto settings =
      Read(With("data_listen = \"tcp://127.0.0.1:0\"",
                "data_listen = \"tcp://*:7110\"\ndata_public = [\"tcp://p1.example.org:7110\"]"));
  ASSERT_OK(settings);
  EXPECT_THAT(settings->host.data_endpoints, ElementsAre("tcp://p1.example.org:7110"));
}

}  // namespace
}  // namespace bitrepo::pillar
