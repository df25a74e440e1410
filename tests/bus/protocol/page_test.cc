// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/page.h"

#include <gtest/gtest.h>

#include "bus/protocol/envelope.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::protocol {
namespace {

wire::PageSpec Asked(uint32_t items, uint32_t bytes) {
  wire::PageSpec spec;
  spec.set_limit_items(items);
  spec.set_limit_bytes(bytes);
  return spec;
}

TEST(Page, NothingAskedForGivesOwnLimits) {
  EXPECT_EQ(EffectiveLimits({}).items, kPageItemsMax);
  EXPECT_EQ(EffectiveLimits({}).bytes, kPageBytesMax);
  EXPECT_EQ(EffectiveLimits({}, {100, 4096}).items, 100u);
  EXPECT_EQ(EffectiveLimits({}, {100, 4096}).bytes, 4096u);
}

TEST(Page, TheLesserLimitCounts) {
  EXPECT_EQ(EffectiveLimits(Asked(7, 0), {100, 4096}).items, 7u);
  EXPECT_EQ(EffectiveLimits(Asked(7, 99), {100, 4096}).bytes, 99u);
  EXPECT_EQ(EffectiveLimits(Asked(500, 9999), {100, 4096}).items, 100u);
  EXPECT_EQ(EffectiveLimits(Asked(500, 9999), {100, 4096}).bytes, 4096u);
}

TEST(Page, NobodyPassesTheProtocolsLimits) {
  const PageLimits limits = EffectiveLimits(Asked(~0u, ~0u), {~0u, ~size_t{0}});
  EXPECT_EQ(limits.items, kPageItemsMax);
  EXPECT_EQ(limits.bytes, kPageBytesMax);
}

TEST(Page, CursorHasALimit) {
  EXPECT_OK(CheckCursor(std::string(kCursorBytesMax, 'c')));
  EXPECT_THAT(CheckCursor(std::string(kCursorBytesMax + 1, 'c')),
              testing_support::StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Page, TakesItemsUntilOneOfTheLimits) {
  wire::FileInfo item;
  item.set_file_id("x");
  PagePacker by_items({3, 4096});
  EXPECT_TRUE(by_items.TryAdd(item));
  EXPECT_TRUE(by_items.TryAdd(item));
  EXPECT_TRUE(by_items.TryAdd(item));
  EXPECT_FALSE(by_items.TryAdd(item));
  EXPECT_EQ(by_items.items(), 3u);

  const size_t one = by_items.bytes() / 3;
  PagePacker exact({100, 2 * one});
  EXPECT_TRUE(exact.TryAdd(item));
  EXPECT_TRUE(exact.TryAdd(item));
  EXPECT_FALSE(exact.TryAdd(item));
  PagePacker one_less({100, 2 * one - 1});
  EXPECT_TRUE(one_less.TryAdd(item));
  EXPECT_FALSE(one_less.TryAdd(item));
}

// [C-31] However small the limit, a list goes on.
TEST(Page, TheFirstItemAlwaysHasRoom) {
  wire::FileInfo item;
  item.set_file_id(std::string(255, 'x'));
  PagePacker packer({1, 1});
  EXPECT_TRUE(packer.TryAdd(item));
  EXPECT_FALSE(packer.TryAdd(item));
}

// Order would be lost if a smaller item slipped in behind one that had no room.
TEST(Page, AfterTheFirstThatHasNoRoomNothingIsTaken) {
  wire::FileInfo large;
  large.set_file_id(std::string(200, 'x'));
  wire::FileInfo small;
  small.set_file_id("x");
  PagePacker packer({100, 100});
  EXPECT_TRUE(packer.TryAdd(small));
  EXPECT_FALSE(packer.TryAdd(large));
  EXPECT_FALSE(packer.TryAdd(small));
}

TEST(Page, AFullPageFitsTheEnvelope) {
  samples::Sample ids = samples::ByName("get-file-ids-final");
  wire::FileInfo item = ids.body.get_file_ids_final().items(0);
  item.set_file_id(std::string(255, 'x'));
  ids.body.mutable_get_file_ids_final()->clear_items();
  ids.body.mutable_get_file_ids_final()->mutable_page()->set_next_cursor(
      std::string(kCursorBytesMax, 'c'));
  ids.body.mutable_response()->set_text(std::string(kTextBytesMax, 't'));
  PagePacker packer(EffectiveLimits({}));
  while (packer.TryAdd(item)) {
    *ids.body.mutable_get_file_ids_final()->add_items() = item;
  }
  EXPECT_OK(SealEnvelope(ids.destination, ids.header, ids.body, ""));

  samples::Sample sums = samples::ByName("get-checksums-final");
  wire::ChecksumItem small = sums.body.get_checksums_final().items(0);
  small.set_file_id("x");
  sums.body.mutable_get_checksums_final()->clear_items();
  PagePacker sums_packer(EffectiveLimits({}));
  while (sums_packer.TryAdd(small)) {
    *sums.body.mutable_get_checksums_final()->add_items() = small;
  }
  EXPECT_OK(SealEnvelope(sums.destination, sums.header, sums.body, ""));
}

}  // namespace
}  // namespace bitrepo::protocol
