// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/content_digests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "pillar/store/file_store.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

std::span<const std::byte> Span(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The bytes of `text` come as `range`.
void Arrive(ContentDigests& digests, const std::string& text, uint64_t offset, uint64_t length) {
  digests.Arrived(base::ByteRange::Make(offset, length).value());
  digests.DigestNext(offset, Span(text).subspan(offset, length));
}

void ExpectDigestsOf(ContentDigests& digests, const std::string& text) {
  ASSERT_EQ(digests.digested_bytes(), text.size());
  const ContentDigests::Result result = digests.Finish();
  EXPECT_EQ(result.sha256, base::Hasher::Of(base::Algorithm::kSha256, text));
  ASSERT_EQ(result.block_digests.size(), BlockCount(text.size()) * kBlockDigestBytes);
  for (uint64_t block = 0; block < BlockCount(text.size()); ++block) {
    const std::string bytes = text.substr(block * kBlockBytes, kBlockBytes);
    EXPECT_TRUE(BlockMatches(result.block_digests, block, Span(bytes))) << block;
    std::string other = bytes;
    other.back() ^= 1;
    EXPECT_FALSE(BlockMatches(result.block_digests, block, Span(other))) << block;
  }
  EXPECT_FALSE(BlockMatches(result.block_digests, BlockCount(text.size()), {}));
}

TEST(ContentDigestsTest, CountsBlocksAtTheirEdges) {
  EXPECT_EQ(BlockCount(0), 0u);
  EXPECT_EQ(BlockCount(1), 1u);
  EXPECT_EQ(BlockCount(kBlockBytes), 1u);
  EXPECT_EQ(BlockCount(kBlockBytes + 1), 2u);
  EXPECT_EQ(BlockCount(~uint64_t{0}), (uint64_t{1} << 44));
}

TEST(ContentDigestsTest, PiecesOfAnySizeInOrderAreDigestedAsTheyCome) {
  base::SeededRandom random(1);
  for (const size_t size : {size_t{0}, size_t{1}, kBlockBytes - 1, kBlockBytes, kBlockBytes + 1,
                            2 * kBlockBytes + 12345}) {
    const std::string text = random.Bytes(size);
    for (const size_t piece : {size_t{4099}, kBlockBytes, 3 * kBlockBytes}) {
      ContentDigests digests;
      for (size_t at = 0; at < size; at += piece) {
        Arrive(digests, text, at, std::min(piece, size - at));
        EXPECT_EQ(digests.digested_bytes(), std::min(size, at + piece));
      }
      EXPECT_OK(digests.CheckComplete(size));
      ExpectDigestsOf(digests, text);
    }
  }
}

TEST(ContentDigestsTest, WhatComesOutOfOrderIsOwedFromThere) {
  const std::string text = base::SeededRandom(2).Bytes(3000);
  ContentDigests digests;
  Arrive(digests, text, 0, 1000);
  Arrive(digests, text, 2000, 1000);
  EXPECT_EQ(digests.digested_bytes(), 1000u);
  EXPECT_THAT(digests.CheckComplete(3000),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("the first at 1000")));
  Arrive(digests, text, 1000, 1000);
  EXPECT_EQ(digests.digested_bytes(), 2000u);
  EXPECT_EQ(digests.arrived_bytes(), 3000u);
  EXPECT_OK(digests.CheckComplete(3000));
  digests.Digest(Span(text).subspan(2000));  // read back by the owner
  ExpectDigestsOf(digests, text);
}

TEST(ContentDigestsTest, BytesThatReplaceDigestedOnesMakeAllOwedAgain) {
  const std::string text = base::SeededRandom(3).Bytes(2000);
  ContentDigests digests;
  Arrive(digests, std::string(2000, 'x'), 0, 2000);
  Arrive(digests, text, 1999, 1);
  EXPECT_EQ(digests.digested_bytes(), 2000u);
  digests.Settle();
  EXPECT_EQ(digests.digested_bytes(), 0u);
  EXPECT_EQ(digests.arrived_bytes(), 2000u) << "the same bytes are not counted twice";
  digests.Digest(Span(text));
  ExpectDigestsOf(digests, text);
}

TEST(ContentDigestsTest, AnEmptyPieceReplacesNothing) {
  const std::string text = "some bytes";
  ContentDigests digests;
  Arrive(digests, text, 0, text.size());
  Arrive(digests, text, 3, 0);
  digests.Settle();
  ExpectDigestsOf(digests, text);
}

TEST(ContentDigestsTest, MoreThanTheFileIsSaidToHaveIsRefused) {
  ContentDigests digests;
  Arrive(digests, "0123456789", 0, 10);
  EXPECT_OK(digests.CheckComplete(10));
  EXPECT_THAT(digests.CheckComplete(9),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("more has arrived")));
  EXPECT_THAT(digests.CheckComplete(11), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace bitrepo::store
