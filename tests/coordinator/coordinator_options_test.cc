// SPDX-License-Identifier: Apache-2.0
#include "coordinator/coordinator_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using testing_support::StatusIs;

absl::Status CheckTcp(absl::string_view endpoint) {
  return absl::StartsWith(endpoint, "tcp://") ? absl::OkStatus()
                                              : absl::InvalidArgumentError("no tcp");
}

absl::StatusOr<CoordinatorOptions> Read(const std::string& text) {
  auto settings = runtime::Settings::Parse(text, "c.toml");
  if (!settings.ok()) {
    return settings.status();
  }
  return ReadCoordinatorOptions(*settings, &CheckTcp);
}

constexpr char kLeast[] = R"(
repository = "demo"
[coordinator]
listen = "tcp://127.0.0.1:7100"
[collections.default]
pillars = ["p1"]
)";

TEST(CoordinatorOptionsTest, TheSampleInDeployIsReadAndHoldsTheDefaults) {
  ASSERT_OK_AND_ASSIGN(auto settings,
                       runtime::Settings::Load(BITREPO_SOURCE_ROOT "/deploy/coordinator.toml"));
  ASSERT_OK_AND_ASSIGN(const CoordinatorOptions sample,
                       ReadCoordinatorOptions(settings, &CheckTcp));
  ASSERT_OK_AND_ASSIGN(const CoordinatorOptions least, Read(kLeast));
  EXPECT_EQ(sample.repository_id, "demo");
  EXPECT_EQ(sample.watch_listen, "tcp://127.0.0.1:7101");
  EXPECT_THAT(sample.collections.at("default"), ElementsAre("p1", "p2", "p3"));
  EXPECT_EQ(sample.coordinator_id, least.coordinator_id);
  EXPECT_EQ(sample.members_max, least.members_max);
  EXPECT_EQ(sample.connections_max, least.connections_max);
  EXPECT_EQ(sample.heartbeat, least.heartbeat);
  EXPECT_EQ(sample.gone_after, least.gone_after);
  EXPECT_EQ(sample.settle, least.settle);
}

TEST(CoordinatorOptionsTest, EverySettingIsTaken) {
  ASSERT_OK_AND_ASSIGN(const CoordinatorOptions options, Read(R"(
repository = "archive"
[coordinator]
id = "hub"
listen = "tcp://*:1"
watch_listen = "tcp://*:2"
watch_public = "tcp://bus.example.org:2"
runtime_file = "/run/c.toml"
[collections.books]
pillars = ["a", "b"]
[collections."maps.1900"]
pillars = ["b"]
[limits]
members = 7
connections = 9
[times]
heartbeat = "200ms"
gone_after = "2s"
settle = "0s"
)"));
  EXPECT_EQ(options.repository_id, "archive");
  EXPECT_EQ(options.coordinator_id, "hub");
  EXPECT_EQ(options.listen, "tcp://*:1");
  EXPECT_EQ(options.watch_public, "tcp://bus.example.org:2");
  EXPECT_EQ(options.runtime_file, "/run/c.toml");
  EXPECT_THAT(options.collections.at("books"), ElementsAre("a", "b"));
  EXPECT_THAT(options.collections.at("maps.1900"), ElementsAre("b"));
  EXPECT_EQ(options.members_max, 7u);
  EXPECT_EQ(options.connections_max, 9u);
  EXPECT_EQ(options.heartbeat, absl::Milliseconds(200));
  EXPECT_EQ(options.gone_after, absl::Seconds(2));
  EXPECT_EQ(options.settle, absl::ZeroDuration());
}

TEST(CoordinatorOptionsTest, EveryProblemIsReportedWithItsLine) {
  const auto options = Read(R"(repository = "De mo"
[coordinator]
id = "Hub"
listen = "udp://x"
watch_listen = "tcp://0.0.0.0:2"
colour = "red"
[collections.books]
pillars = ["a", "a", "Bad Id", ""]
[collections.maps]
pillars = []
[limits]
members = 0
[times]
heartbeat = "1s"
gone_after = "2s"
)");
  ASSERT_THAT(options, StatusIs(absl::StatusCode::kInvalidArgument));
  std::vector<std::string> starts;
  const std::string text(options.status().message());
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    starts.push_back(line.substr(0, line.find(' ', line.find(": ") + 2)));
    at = end + 1;
  }
  EXPECT_THAT(
      starts,
      ElementsAre("c.toml:1: repository", "c.toml:3: coordinator.id",
                  "c.toml:4: coordinator.listen", "c.toml:5: coordinator.watch_listen",
                  "c.toml:6: unknown", "c.toml:8: collections.books.pillars",
                  "c.toml:8: collections.books.pillars", "c.toml:8: collections.books.pillars",
                  "c.toml:10: collections.maps.pillars", "c.toml:12: limits.members",
                  "c.toml:15: times.gone_after"))
      << text;
}

TEST(CoordinatorOptionsTest, WhatMustBeChosenIsMissed) {
  const auto options = Read("");
  for (const char* key : {"repository", "coordinator.listen", "collections"}) {
    EXPECT_THAT(options, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(key)));
  }
}

TEST(CoordinatorOptionsTest, LimitsHoldAtTheirValueAndNotOnePast) {
  const auto with_pillars = [](size_t count, size_t collections) {
    std::string text = "repository = \"r\"\n[coordinator]\nlisten = \"tcp://a:1\"\n";
    for (size_t c = 0; c < collections; ++c) {
      absl::StrAppend(&text, "[collections.c", c, "]\npillars = [");
      for (size_t p = 0; p < count; ++p) {
        absl::StrAppend(&text, "\"c", collections > 2 ? 0 : c, "p", p, "\",");
      }
      absl::StrAppend(&text, "]\n");
    }
    return Read(text).ok();
  };
  EXPECT_TRUE(with_pillars(kPillarsOfCollectionMax, 1));
  EXPECT_FALSE(with_pillars(kPillarsOfCollectionMax + 1, 1));
  EXPECT_TRUE(with_pillars(kPillarsMax / 2, 2));
  EXPECT_FALSE(with_pillars(kPillarsMax / 2 + 1, 2));
  EXPECT_TRUE(with_pillars(1, kCollectionsMax));
  EXPECT_FALSE(with_pillars(1, kCollectionsMax + 1));
  const auto with_limits = [](int64_t members, int64_t connections) {
    return Read(absl::StrCat(kLeast, "[limits]\nmembers = ", members,
                             "\nconnections = ", connections, "\n"))
        .ok();
  };
  EXPECT_TRUE(with_limits(kMembersMax, kConnectionsMax));
  EXPECT_FALSE(with_limits(kMembersMax + 1, kConnectionsMax));
  EXPECT_FALSE(with_limits(kMembersMax, kConnectionsMax + 1));
}

}  // namespace
}  // namespace bitrepo::coordinator
