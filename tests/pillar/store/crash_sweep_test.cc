// SPDX-License-Identifier: Apache-2.0
// Every operation of the disk fails, kills the process, or ends the power while files are put;
// after each the store is opened again and must have kept its promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pillar/store/file_name.h"
#include "tests/pillar/store/store_sweep.h"

namespace bitrepo::store {
namespace {

class CrashSweepTest : public StoreSweep {};

TEST_P(CrashSweepTest, WhatWasAcknowledgedIsThereAndNothingIsHalfThere) {
  Sweep(
      [](Witness& witness) {
        ASSERT_OK(witness.Open());
        witness.PutGroup({"before"});
      },
      Begin::kOpen,
      [](Witness& witness) {
        witness.PutGroup({"alone"});
        witness.Bustle();
        witness.PutGroup({"one", "before", "long", "a/b"});
        witness.Refuse();
      },
      [](Witness& witness) {
        witness.Check();
        witness.PutGroup({"alone", "after"});
        witness.Check();
        EXPECT_THAT(witness.Find("after"), IsOk());
        EXPECT_THAT(witness.Find("alone"), IsOk());
      });
}

TEST_P(CrashSweepTest, ADamagedFileIsReplacedAndItsBytesAreNeverDestroyed) {
  const std::string path = absl::StrCat("books/", GenerationPath(Witness::Id("f"), 1));
  Sweep(
      [&](Witness& witness) {
        ASSERT_OK(witness.Open());
        witness.PutGroup({"f", "g"});
        ASSERT_TRUE(witness.medium().FlipBit(path, 3));
        ASSERT_TRUE(absl::IsDataLoss(witness.TryGet("f").status()));
      },
      Begin::kOpen, [](Witness& witness) { witness.PutGroup({"f"}); },
      [](Witness& witness) {
        const bool replaced = witness.Find("f").ok();
        if (!replaced) witness.PutGroup({"f"});
        ASSERT_TRUE(witness.Find("f").ok());
        witness.Check();
        size_t files = 0;
        for (const std::string& each : witness.medium().Files()) {
          files += absl::StartsWith(each, "books/quarantine/") && !absl::EndsWith(each, ".id");
        }
        EXPECT_GE(files, 1u) << "the damaged bytes are gone";
      });
}

INSTANTIATE_TEST_SUITE_P(
    Ways, CrashSweepTest,
    ::testing::Combine(::testing::Values(Way::kTogether, Way::kEachWithoutAttributes),
                       ::testing::Values(Blow::kError, Blow::kNoSpace, Blow::kKill, Blow::kPowerCut,
                                         Blow::kPowerTears)),
    SweepName);

}  // namespace
}  // namespace bitrepo::store
