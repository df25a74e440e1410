// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trail_merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

wire::AuditItem At(uint64_t sequence, int64_t at_us) {
  wire::AuditItem item;
  item.set_sequence(sequence);
  item.set_at_us(at_us);
  return item;
}

std::vector<std::string> TakeAll(TrailMerge& merge) {
  std::vector<std::string> taken;
  while (auto next = merge.Take()) {
    taken.push_back(absl::StrCat(next->contributor, next->record.sequence()));
  }
  return taken;
}

TEST(TrailMerge, GivesTheOldestFirstAndWaitsForThoseThatHaveNotSaid) {
  TrailMerge merge;
  merge.Expect("a");
  merge.Expect("b");
  merge.Push("a", At(1, 10));
  merge.Push("a", At(2, 30));
  EXPECT_THAT(TakeAll(merge), IsEmpty()) << "b may have an older one";
  merge.Push("b", At(7, 20));
  EXPECT_THAT(TakeAll(merge), ElementsAre("a1", "b7"));
  EXPECT_TRUE(merge.Empty("b"));
  EXPECT_FALSE(merge.Empty("a"));
  merge.End("b");
  EXPECT_THAT(TakeAll(merge), ElementsAre("a2"));
}

TEST(TrailMerge, RecordsOfOneStayInTheirOrderWhereItsClockWasSetBack) {
  TrailMerge merge;
  merge.Expect("a");
  merge.Push("a", At(1, 50));
  merge.Push("a", At(2, 10));
  merge.End("a");
  EXPECT_THAT(TakeAll(merge), ElementsAre("a1", "a2"));
}

}  // namespace
}  // namespace bitrepo::commands
