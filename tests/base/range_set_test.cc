// SPDX-License-Identifier: Apache-2.0
#include "base/range_set.h"

#include <gtest/gtest.h>

#include <bitset>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace bitrepo::base {
namespace {

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

ByteRange Of(uint64_t offset, uint64_t length) { return *ByteRange::Make(offset, length); }

// What a range set says, said by one bit for each byte.
constexpr size_t kBytes = 64;
using Bitmap = std::bitset<kBytes>;

void Fill(Bitmap& bits, const ByteRange& range, bool value) {
  for (uint64_t i = range.offset(); i < range.end(); ++i) {
    bits.set(i, value);
  }
}

std::string Text(const Bitmap& bits) {
  std::string text;
  for (size_t from = 0; from < kBytes; ++from) {
    if (bits[from] && (from == 0 || !bits[from - 1])) {
      size_t to = from;
      while (to < kBytes && bits[to]) {
        ++to;
      }
      absl::StrAppend(&text, text.empty() ? "" : ",", from, "+", to - from);
    }
  }
  return text;
}

TEST(RangeSet, AgreesWithABitmapWhateverIsDoneToIt) {
  SeededRandom random(4711);
  for (int round = 0; round < 300; ++round) {
    RangeSet set;
    Bitmap bits;
    for (int step = 0; step < 60; ++step) {
      const uint64_t offset = random.Below(kBytes);
      const ByteRange range = Of(offset, random.Below(kBytes - offset + 1));
      if (random.Below(3) == 0) {
        set.Remove(range);
        Fill(bits, range, false);
      } else {
        set.Add(range);
        Fill(bits, range, true);
      }
      ASSERT_EQ(set.ToString(), Text(bits)) << "round " << round << " step " << step;
      ASSERT_EQ(set.bytes(), bits.count());
      ASSERT_EQ(set.empty(), bits.none());
      ASSERT_EQ(set.range_count(), set.ranges().size());

      const uint64_t from = random.Below(kBytes);
      const ByteRange asked = Of(from, random.Below(kBytes - from + 1));
      Bitmap within;
      Fill(within, asked, true);
      ASSERT_EQ(set.Contains(asked), (within & ~bits).none());
      ASSERT_EQ(set.Intersects(asked), (within & bits).any());
      ASSERT_EQ(set.Missing(asked).ToString(), Text(within & ~bits));
    }
  }
}

TEST(RangeSet, TouchingRangesBecomeOne) {
  RangeSet set;
  set.Add(Of(0, 5));
  set.Add(Of(10, 5));
  EXPECT_EQ(set.range_count(), 2u);
  set.Add(Of(5, 5));
  EXPECT_EQ(set.ToString(), "0+15");
}

TEST(RangeSet, EmptyRangesChangeNothing) {
  RangeSet set;
  set.Add(Of(7, 0));
  EXPECT_TRUE(set.empty());
  set.Add(Of(0, 10));
  set.Remove(Of(5, 0));
  EXPECT_EQ(set.ToString(), "0+10");
  EXPECT_TRUE(set.Contains(Of(99, 0)));
  EXPECT_FALSE(set.Intersects(Of(5, 0)));
}

TEST(RangeSet, HoldsTheWholeOf64Bits) {
  RangeSet set;
  set.Add(Of(0, kMax));
  EXPECT_EQ(set.bytes(), kMax);
  set.Remove(Of(1, kMax - 2));
  EXPECT_EQ(set.ToString(), absl::StrCat("0+1,", kMax - 1, "+1"));
  EXPECT_EQ(set.Missing(Of(0, kMax)).bytes(), kMax - 2);
}

}  // namespace
}  // namespace bitrepo::base
