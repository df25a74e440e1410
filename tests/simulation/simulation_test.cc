// SPDX-License-Identifier: Apache-2.0
// A few hundred storms: every promise holds under each, and a seed repeats.
#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"

namespace bitrepo::simulation {
namespace {

constexpr uint64_t kSeedsPerShard = 50;

// Each shard runs its own seeds, so that ctest can run shards side by side.
class Storms : public ::testing::TestWithParam<uint64_t> {
 protected:
  static void SetUpTestSuite() {
    base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  }
};

void ExpectAllPromisesHeld(const SimulationReport& report) {
  EXPECT_TRUE(report.violations.empty())
      << "repeat it with: simulate --seed " << report.seed << "\n"
      << absl::StrJoin(report.violations, "\n");
}

// [S-2]
TEST_P(Storms, BreakNoPromise) {
  uint64_t operations = 0;
  uint64_t acknowledged = 0;
  uint64_t crashes = 0;
  for (uint64_t i = 0; i < kSeedsPerShard; ++i) {
    const SimulationReport report = RunSimulation(GetParam() * kSeedsPerShard + i + 1);
    ExpectAllPromisesHeld(report);
    operations += report.operations;
    acknowledged += report.acknowledged;
    crashes += report.crashes;
  }
  // A storm in which nothing was asked, kept or killed would prove nothing.
  EXPECT_GT(operations, kSeedsPerShard * 8);
  EXPECT_GT(acknowledged, kSeedsPerShard * 4);
  EXPECT_GT(crashes, kSeedsPerShard);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Storms, ::testing::Range<uint64_t>(0, 4));

TEST(StormsThatOnceBrokeAPromise, BreakNoneNow) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  std::ifstream seeds(BITREPO_SEEDS_FILE);
  ASSERT_TRUE(seeds.good());
  uint64_t seed = 0;
  while (seeds >> seed) ExpectAllPromisesHeld(RunSimulation(seed));
}

// The watch on the watchers.
TEST(DisksThatOnlySayThatTheySynced, AreFoundOut) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  for (const uint64_t seed : {1, 2, 3}) {
    EXPECT_FALSE(RunSimulation(seed, Weather::kStormOnLyingDisks).violations.empty())
        << "seed " << seed;
  }
}

TEST(FairWeather, UsersWhoRaceForOneIdLeaveOneContentOfIt) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    ExpectAllPromisesHeld(RunSimulation(seed, Weather::kFair));
  }
}

TEST(OneSeed, GivesOneTrace) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  for (const uint64_t seed : {3, 17, 99}) {
    const SimulationReport first = RunSimulation(seed);
    const SimulationReport second = RunSimulation(seed);
    EXPECT_EQ(first.trace_digest, second.trace_digest) << "seed " << seed;
    EXPECT_EQ(first.events, second.events) << "seed " << seed;
  }
}

TEST(TwoSeeds, GiveTwoTraces) {
  base::ConfigureLog(base::LogLevel::kError, base::LogFormat::kText);
  EXPECT_NE(RunSimulation(1).trace_digest, RunSimulation(2).trace_digest);
}

}  // namespace
}  // namespace bitrepo::simulation
