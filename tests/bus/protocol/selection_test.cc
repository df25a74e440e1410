// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitrepo::protocol {
namespace {

using ::testing::ElementsAre;

base::ComponentId Name(const std::string& text) { return *base::ComponentId::Parse(text); }

Candidate Make(const std::string& id, uint64_t first_byte_us, uint32_t queue_place) {
  Candidate candidate{Name(id), {}};
  candidate.time_to_deliver.set_first_byte_us(first_byte_us);
  candidate.time_to_deliver.set_queue_place(queue_place);
  return candidate;
}

TEST(Selection, TheFastestServes) {
  EXPECT_THAT(RankCandidates({Make("p-1", 900, 0), Make("p-2", 100, 5), Make("p-3", 500, 0)}, {}),
              ElementsAre(Name("p-2"), Name("p-3"), Name("p-1")));
}

TEST(Selection, QueueThenIdBreakTies) {
  EXPECT_THAT(RankCandidates({Make("p-3", 1, 1), Make("p-2", 1, 0), Make("p-1", 1, 1)}, {}),
              ElementsAre(Name("p-2"), Name("p-1"), Name("p-3")));
}

TEST(Selection, ThePreferredOneIsFirstHoweverSlow) {
  EXPECT_THAT(
      RankCandidates({Make("p-1", 1, 0), Make("p-2", 2, 0), Make("p-3", 9, 9)}, Name("p-3")),
      ElementsAre(Name("p-3"), Name("p-1"), Name("p-2")));
  EXPECT_THAT(RankCandidates({Make("p-1", 1, 0)}, Name("p-9")), ElementsAre(Name("p-1")));
}

TEST(Selection, OfNobodyNobody) { EXPECT_TRUE(RankCandidates({}, Name("p-1")).empty()); }

}  // namespace
}  // namespace bitrepo::protocol
