// SPDX-License-Identifier: Apache-2.0
// Every operation of the disk fails, kills the process, or ends the power while a store starts or
// is made again: the next start makes good what the one before left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pillar/store/file_name.h"
#include "tests/pillar/store/store_sweep.h"

namespace bitrepo::store {
namespace {

class RestartSweepTest : public StoreSweep {};

TEST_P(RestartSweepTest, AFirstStartThatIsCutShortIsMadeGoodByTheNext) {
  Sweep([](Witness&) {}, Begin::kClosed, [](Witness& witness) { witness.Open().IgnoreError(); },
        [](Witness& witness) {
          witness.PutGroup({"first"});
          witness.Check();
          EXPECT_THAT(witness.Find("first"), IsOk());
        });
}

// A file is gone, one is not recorded, and something was on its way in.
TEST_P(RestartSweepTest, ARecoveryThatIsCutShortIsMadeGoodByTheNext) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        witness.PutGroup({"lost", "kept"});
        witness.Close();
        runtime::Disk& hand = witness.Hand();
        ASSERT_OK(hand.Remove(absl::StrCat("books/", GenerationPath(Witness::Id("lost"), 1))));
        const std::string shard = absl::StrCat("books/files/", ShardName(Witness::Id("kept")));
        ASSERT_OK(hand.Create(shard + "/unknown~1"));
        ASSERT_OK(hand.Create("books/files/stranger"));
        ASSERT_OK(hand.Create("books/staging/1.99"));
        ASSERT_OK(hand.SyncAll());
      },
      Begin::kClosed, [](Witness& witness) { witness.Open().IgnoreError(); },
      [](Witness& witness) {
        witness.Check({"lost"});
        EXPECT_TRUE(absl::IsDataLoss(witness.Find("lost").status()));
        const CollectionCount count = Witness::CountOf(witness.store().Check().value(), "books");
        EXPECT_EQ(count.missing_files, 1u);
        size_t quarantined = 0;
        for (const std::string& path : witness.medium().Files()) {
          quarantined += absl::StartsWith(path, "books/quarantine/") ? 1 : 0;
        }
        EXPECT_EQ(count.quarantined_files, quarantined) << "each is recorded once";
        // Where a file has no attributes, the record of the lost one stays behind. A power cut may
        // leave a file with its old name and its new one: then it is moved twice.
        const size_t owed = way() == Way::kEachWithoutAttributes ? 3 : 2;
        if (blow() == Blow::kKill) {
          EXPECT_EQ(quarantined, owed);
        } else {
          EXPECT_GE(quarantined, owed);
        }
      });
}

TEST_P(RestartSweepTest, ARebuildThatIsCutShortBeginsAgain) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        witness.PutGroup({"one", "two"});
        witness.Refuse();
        witness.Close();
        runtime::Disk& hand = witness.Hand();
        ASSERT_OK(hand.Remove("catalogue.sqlite"));
        ASSERT_OK(hand.SyncAll());
      },
      Begin::kClosed,
      [](Witness& witness) {
        witness.Rebuild().IgnoreError();
        witness.EndBlow();
        if (witness.Open().ok()) return;  // it has its name
        const absl::StatusOr<RebuildFindings> found = witness.Rebuild();
        ASSERT_THAT(found, IsOk());
        EXPECT_EQ(found->files, 2u);
        EXPECT_EQ(found->answers, 3u);
      },
      [](Witness& witness) { witness.Check(); });
}

INSTANTIATE_TEST_SUITE_P(Ways, RestartSweepTest,
                         ::testing::Values(std::tuple(Way::kTogether, Blow::kError),
                                           std::tuple(Way::kTogether, Blow::kKill),
                                           std::tuple(Way::kTogether, Blow::kPowerCut),
                                           std::tuple(Way::kTogether, Blow::kPowerTears),
                                           std::tuple(Way::kEachWithoutAttributes,
                                                      Blow::kPowerCut)),
                         SweepName);

}  // namespace
}  // namespace bitrepo::store
