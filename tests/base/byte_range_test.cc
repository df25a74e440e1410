// SPDX-License-Identifier: Apache-2.0
#include "base/byte_range.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using testing_support::StatusIs;

constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
constexpr uint64_t k31 = uint64_t{1} << 31;
constexpr uint64_t k32 = uint64_t{1} << 32;
constexpr uint64_t k63 = uint64_t{1} << 63;

TEST(ByteRange, MakeTable) {
  struct Row {
    uint64_t offset;
    uint64_t length;
    bool fits;
  };
  for (const Row& row : {
           Row{0, 0, true},         Row{0, 1, true},         Row{5, 0, true},
           Row{k31 - 1, 1, true},   Row{k31, k31, true},     Row{k31 + 1, 1, true},
           Row{k32 - 1, 1, true},   Row{k32, k32, true},     Row{k32 + 1, k32, true},
           Row{k63 - 1, 1, true},   Row{k63, k63 - 1, true}, Row{k63, k63, false},
           Row{0, kMax, true},      Row{1, kMax, false},     Row{1, kMax - 1, true},
           Row{kMax, 0, true},      Row{kMax, 1, false},     Row{kMax - 1, 1, true},
           Row{kMax - 1, 2, false}, Row{kMax, kMax, false},
       }) {
    const absl::StatusOr<ByteRange> range = ByteRange::Make(row.offset, row.length);
    if (!row.fits) {
      EXPECT_THAT(range, StatusIs(absl::StatusCode::kOutOfRange))
          << row.offset << "+" << row.length;
      continue;
    }
    ASSERT_OK(range);
    EXPECT_EQ(range->offset(), row.offset);
    EXPECT_EQ(range->length(), row.length);
    EXPECT_EQ(range->end() - range->offset(), row.length);
  }
}

TEST(ByteRange, WithinTable) {
  struct Row {
    uint64_t size;
    uint64_t offset;
    std::optional<uint64_t> length;
    std::optional<uint64_t> expected;  // nothing: out of range
  };
  for (const Row& row : {
           Row{0, 0, std::nullopt, 0},
           Row{0, 0, 0, 0},
           Row{0, 0, 1, std::nullopt},
           Row{0, 1, std::nullopt, std::nullopt},
           Row{0, 1, 0, std::nullopt},
           Row{10, 0, std::nullopt, 10},
           Row{10, 3, std::nullopt, 7},
           Row{10, 3, 0, 0},
           Row{10, 3, 7, 7},
           Row{10, 3, 8, std::nullopt},
           Row{10, 10, std::nullopt, 0},
           Row{10, 10, 0, 0},
           Row{10, 10, 1, std::nullopt},
           Row{10, 11, std::nullopt, std::nullopt},
           Row{10, 11, 0, std::nullopt},
           Row{10, kMax, std::nullopt, std::nullopt},
           Row{10, 1, kMax, std::nullopt},
           Row{10, 2, kMax - 1, std::nullopt},  // offset + length wraps to 0
           Row{10, 5, kMax - 4, std::nullopt},
           Row{kMax, 0, kMax, kMax},
           Row{kMax, kMax, 0, 0},
           Row{kMax, kMax, 1, std::nullopt},
           Row{kMax, k63, std::nullopt, k63 - 1},
           Row{k32, k32 - 1, 1, 1},
       }) {
    const absl::StatusOr<ByteRange> range = ByteRange::Within(row.size, row.offset, row.length);
    if (!row.expected) {
      EXPECT_THAT(range, StatusIs(absl::StatusCode::kOutOfRange)) << row.size << ": " << row.offset;
      continue;
    }
    ASSERT_OK(range);
    EXPECT_EQ(range->offset(), row.offset);
    EXPECT_EQ(range->length(), *row.expected);
  }
}

TEST(ByteRange, ContainsAndIntersects) {
  const ByteRange range = *ByteRange::Make(10, 10);
  const auto of = [](uint64_t offset, uint64_t length) { return *ByteRange::Make(offset, length); };
  EXPECT_TRUE(range.Contains(range));
  EXPECT_TRUE(range.Contains(of(10, 0)));
  EXPECT_TRUE(range.Contains(of(20, 0)));
  EXPECT_TRUE(range.Contains(of(19, 1)));
  EXPECT_FALSE(range.Contains(of(19, 2)));
  EXPECT_FALSE(range.Contains(of(9, 1)));
  EXPECT_EQ(range.Intersect(of(0, 10)), ByteRange());
  EXPECT_EQ(range.Intersect(of(20, 10)), ByteRange());
  EXPECT_EQ(range.Intersect(of(0, 11)), of(10, 1));
  EXPECT_EQ(range.Intersect(of(15, kMax - 15)), of(15, 5));
  EXPECT_EQ(range.Intersect(of(0, 100)), range);
  EXPECT_EQ(ByteRange::Whole(7), of(0, 7));
  EXPECT_TRUE(ByteRange::Whole(0).empty());
  EXPECT_EQ(of(5, 7).ToString(), "5+7");
}

}  // namespace
}  // namespace bitrepo::base
