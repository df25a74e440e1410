// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/space_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/simulation/sim_disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

constexpr uint64_t kFree = 1000;
constexpr uint64_t kKeepFree = 100;

class SpaceAccountTest : public ::testing::Test {
 protected:
  simulation::SimScheduler scheduler_;
  simulation::SimMedium medium_{scheduler_, kFree};
  simulation::SimDisk disk_{medium_};
  SpaceAccount space_{disk_, kKeepFree};
};

TEST_F(SpaceAccountTest, GivesWhatIsFreeLessWhatIsKeptAndNotOneByteMore) {
  EXPECT_OK(space_.CheckRoom(kFree - kKeepFree));
  EXPECT_THAT(space_.CheckRoom(kFree - kKeepFree + 1),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("901 bytes needed, 900 free (1000 on the disk")));
}

TEST_F(SpaceAccountTest, WhatIsPromisedToOneIsNotPromisedToAnother) {
  ASSERT_OK_AND_ASSIGN(const auto first, space_.Reserve(600));
  EXPECT_THAT(space_.Reserve(301), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_OK(space_.Reserve(300));
}

TEST_F(SpaceAccountTest, APromiseThatIsNotKeptIsGivenBack) {
  {
    ASSERT_OK_AND_ASSIGN(auto reservation, space_.Reserve(900));
    const auto moved = std::move(reservation);
    EXPECT_THAT(space_.Reserve(1), StatusIs(absl::StatusCode::kResourceExhausted));
  }
  EXPECT_OK(space_.Reserve(900));
}

TEST_F(SpaceAccountTest, WhatHasArrivedIsOnTheDiskAndNotOwedAnyMore) {
  ASSERT_OK_AND_ASSIGN(auto reservation, space_.Reserve(500));
  reservation.Arrived(200);
  medium_.SetFree(800);
  EXPECT_EQ(space_.arrived_bytes(), 200u);
  EXPECT_OK(space_.CheckRoom(400));  // 800 free, 300 owed, 100 kept
  EXPECT_THAT(space_.CheckRoom(401), StatusIs(absl::StatusCode::kResourceExhausted));
  reservation.Arrived(400);  // more than was promised
  EXPECT_EQ(space_.arrived_bytes(), 600u);
  EXPECT_OK(space_.CheckRoom(700));
}

TEST_F(SpaceAccountTest, ForgetsWhatArrivedWithTheFile) {
  {
    ASSERT_OK_AND_ASSIGN(auto reservation, space_.Reserve(0));
    reservation.Arrived(10);
    EXPECT_EQ(space_.arrived_bytes(), 10u);
  }
  EXPECT_EQ(space_.arrived_bytes(), 0u);
}

TEST_F(SpaceAccountTest, ADiskThatIsFullerThanPromisedGivesNothingAndNothingWraps) {
  ASSERT_OK_AND_ASSIGN(const auto reservation, space_.Reserve(800));
  medium_.SetFree(50);
  EXPECT_OK(space_.CheckRoom(0));
  EXPECT_THAT(space_.CheckRoom(1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(space_.Reserve(~uint64_t{0}), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bitrepo::store
