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

TEST(PillarSettings, HasRates) {
  const auto settings = Read(std::string(kGood) + R"([rates]
node = "08:00,10M;19:00,off"
session = "5M"
collection.photos = "2M"
partner.each = "0"
)");
  ASSERT_OK(settings);
  std::vector<std::string> rates;
  for (const transfer::RateRule& rule : settings->rates) {
    rates.push_back(
        absl::StrCat(wire::RateLevel_Name(rule.level), " ", rule.name, " ", rule.table.ToString()));
    EXPECT_FALSE(rule.until_restart);
  }
  EXPECT_THAT(rates, ElementsAre("RATE_NODE  08:00,10M;19:00,off", "RATE_SESSION  5M",
                                 "RATE_COLLECTION photos 2M", "RATE_PARTNER  0"));
}

TEST(PillarSettings, RatesThatAreNoneAreToldWithTheirLine) {
  for (const char* line : {"node = \"fast\"", "node = 10", "speed = \"10M\"",
                           "collection.photos = \"08:00\"", "partner.\"No Name\" = \"1M\""}) {
    const auto settings = Read(absl::StrCat(kGood, "[rates]\n", line, "\n"));
    ASSERT_FALSE(settings.ok()) << line;
    EXPECT_THAT(settings.status().message(), HasSubstr("pillar.toml:17:")) << line;
  }
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

std::string OfKind(absl::string_view kind, absl::string_view more = "") {
  return absl::StrCat(With("id = \"p1\"\n", absl::StrCat("id = \"p1\"\nkind = \"", kind, "\"\n")),
                      more);
}
std::string Bare(const std::string& text) {
  return absl::StrReplaceAll(text, {{"directory = \"/disk2/sounds\"\n", ""}});
}

TEST(PillarSettings, APillarIsFullUnlessItSaysOtherwise) {
  EXPECT_EQ(Read(kGood)->host.kind, wire::FULL_PILLAR);
  EXPECT_EQ(Read(OfKind("full"))->host.kind, wire::FULL_PILLAR);
}

TEST(PillarSettings, AChecksumPillarHasThreeWaysToTakeAPut) {
  const auto intake = [](absl::string_view word) {
    return Read(Bare(OfKind("checksum", absl::StrCat("[checksum]\ndownload = \"", word, "\"\n"))))
        ->host.intake;
  };
  EXPECT_EQ(Read(Bare(OfKind("checksum")))->host.kind, wire::CHECKSUM_PILLAR);
  EXPECT_EQ(Read(Bare(OfKind("checksum")))->host.intake, requests::ChecksumIntake::kWhenMissing);
  EXPECT_EQ(intake("always"), requests::ChecksumIntake::kAlways);
  EXPECT_EQ(intake("when-missing"), requests::ChecksumIntake::kWhenMissing);
  EXPECT_EQ(intake("never"), requests::ChecksumIntake::kNever);
}

TEST(PillarSettings, ANearlinePillarSaysWhatItsMediaAreLike) {
  const auto settings = Read(Bare(OfKind("nearline", R"([nearline]
media = "/media"
cache = "1MiB"
keep_written = true
drives = 64
volume = "1MiB"
load = "5s"
seek = "0s"
bytes_per_second = "2MiB"
time_scale = 0.01
)")));
  ASSERT_OK(settings);
  EXPECT_EQ(settings->host.kind, wire::NEARLINE_PILLAR);
  const NearlineSettings& nearline = settings->nearline;
  EXPECT_EQ(nearline.media_directory, "/media");
  EXPECT_EQ(nearline.store.cache_bytes, 1u << 20);
  EXPECT_TRUE(nearline.store.keep_written);
  EXPECT_EQ(nearline.medium.drives, 64u);
  EXPECT_EQ(nearline.medium.volume_bytes, 1u << 20);
  EXPECT_EQ(nearline.medium.speed.load, absl::Seconds(5));
  EXPECT_EQ(nearline.medium.speed.seek, absl::ZeroDuration());
  EXPECT_EQ(nearline.medium.speed.bytes_per_second, 2u << 20);
  EXPECT_EQ(nearline.medium.speed.time_scale, 0.01);
}

TEST(PillarSettings, MistakesOfAKindAreToldWithTheirLine) {
  struct Row {
    std::string text;
    const char* told;
  };
  const std::string nearline = Bare(OfKind("nearline", "[nearline]\nmedia = \"/m\"\n"));
  for (const Row& row : {
           Row{OfKind("tape"), "pillar.toml:4:"},
           Row{OfKind("checksum"), "for a full pillar"},
           Row{Bare(OfKind("nearline")), "nearline.media"},
           Row{nearline + "drives = 65\n", "pillar.toml:18:"},
           Row{nearline + "drives = 0\n", "drives"},
           Row{nearline + "volume = \"1023KiB\"\n", "at least 1MiB"},
           Row{nearline + "time_scale = -1\n", "time_scale"},
           Row{nearline + "bytes_per_second = 0\n", "must not be 0"},
           Row{nearline + "load = \"25h\"\n", "24h"},
           Row{OfKind("full", "[nearline]\nmedia = \"/m\"\n"), "is for a nearline pillar"},
           Row{OfKind("full", "[checksum]\ndownload = \"never\"\n"), "is for a checksum pillar"},
           Row{Bare(OfKind("checksum", "[checksum]\ndownload = \"maybe\"\n")), "when-missing"},
           Row{absl::StrReplaceAll(Bare(OfKind("checksum")),
                                   {{"[collections.photos]\n",
                                     "[collections.photos]\ndefault_algorithm = \"md5\"\n"}}),
               "must be \"sha256\""},
       }) {
    const auto settings = Read(row.text);
    EXPECT_THAT(std::string(settings.status().message()), HasSubstr(row.told)) << row.text;
  }
}

TEST(PillarSettings, ACollectionHasTermsOfItsOwn) {
  const auto with = [](absl::string_view more) {
    return Read(With("[collections.photos]\n", absl::StrCat("[collections.photos]\n", more)));
  };
  const base::CollectionId photos = base::CollectionId::Parse("photos").value();
  const auto settings = with("max_file = \"4TiB\"\ndefault_algorithm = \"md5\"\n");
  ASSERT_OK(settings);
  EXPECT_EQ(settings->host.terms.at(photos).file_bytes_max, store::kFileBytesMax);
  EXPECT_EQ(settings->host.terms.at(photos).default_algorithm, wire::MD5);
  EXPECT_EQ(with("max_file = 1\n")->host.terms.at(photos).file_bytes_max, 1u);
  for (const char* const wrong :
       {"max_file = 0\n", "max_file = 4398046511105\n", "default_algorithm = \"crc32\"\n"}) {
    EXPECT_THAT(std::string(with(wrong).status().message()), HasSubstr("pillar.toml:9:")) << wrong;
  }
}

}  // namespace
}  // namespace bitrepo::pillar
