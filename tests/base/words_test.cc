// SPDX-License-Identifier: Apache-2.0
// The small words of base: buffers, statuses, chance, clocks, printable text, checks.
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/buffer.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status.h"
#include "base/utf8.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using testing_support::StatusIs;

TEST(Buffer, PartsShareTheOwnerUntilTheLastIsGone) {
  auto owner = std::make_shared<std::string>("0123456789");
  const std::weak_ptr<std::string> alive = owner;
  auto part = std::make_unique<Buffer>();
  {
    const Buffer whole(std::as_bytes(std::span(*owner)), owner);
    owner.reset();
    *part = whole.Part(2, 5).Part(1, 3);
  }
  EXPECT_EQ(part->text(), "345");
  EXPECT_FALSE(alive.expired());
  part.reset();
  EXPECT_TRUE(alive.expired());
}

TEST(Buffer, TakesAStringOverAndCopiesAView) {
  std::string text(1000, 'x');
  const char* data = text.data();
  const Buffer taken = Buffer::Of(std::move(text));
  EXPECT_EQ(taken.text().data(), data);
  const Buffer copied = Buffer::Copy(taken.bytes());
  EXPECT_EQ(copied.text(), taken.text());
  EXPECT_NE(copied.text().data(), data);
  EXPECT_TRUE(Buffer().empty());
  EXPECT_EQ(Buffer::Copy("").size(), 0u);
}

TEST(BufferDeathTest, APartLiesWithin) {
  const Buffer buffer = Buffer::Copy("0123456789");
  EXPECT_EQ(buffer.Part(10, 0).size(), 0u);
  EXPECT_DEATH(buffer.Part(5, 6), "within the buffer");
  EXPECT_DEATH(buffer.Part(11, 0), "within the buffer");
  EXPECT_DEATH(buffer.Part(1, ~size_t{0}), "within the buffer");
}

TEST(Status, TheCodeOfAnErrno) {
  const std::pair<int, absl::StatusCode> rows[] = {
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EMFILE, absl::StatusCode::kResourceExhausted},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kPermissionDenied},
      {EIO, absl::StatusCode::kDataLoss},
      {EAGAIN, absl::StatusCode::kUnavailable},
      {ECONNREFUSED, absl::StatusCode::kUnavailable},
      {ENOTDIR, absl::StatusCode::kFailedPrecondition},
      {ELOOP, absl::StatusCode::kFailedPrecondition},
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {ENOTSUP, absl::StatusCode::kUnimplemented},
      {EBADF, absl::StatusCode::kInternal},
  };
  for (const auto& [error, code] : rows) {
    EXPECT_THAT(ErrnoStatus(error, "the thing"), StatusIs(code)) << error;
  }
  EXPECT_EQ(ErrnoStatus(ENOENT, "a/b").message(), "a/b: No such file or directory");
}

TEST(Status, ContextGoesInFrontAndOkStaysOk) {
  EXPECT_EQ(Annotate(absl::NotFoundError("gone"), "pillar 1"),
            absl::NotFoundError("pillar 1: gone"));
  EXPECT_OK(Annotate(absl::OkStatus(), "pillar 1"));
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) {
    return absl::InvalidArgumentError("odd");
  }
  return number / 2;
}

absl::StatusOr<int> Quarter(int number) {
  BITREPO_ASSIGN_OR_RETURN(const int half, Half(number));
  BITREPO_RETURN_IF_ERROR(Half(half).status());
  return half / 2;
}

TEST(Status, TheMacrosPassOnTheFirstError) {
  EXPECT_THAT(Quarter(8), testing_support::IsOkAndHolds(2));
  EXPECT_THAT(Quarter(7), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Quarter(6), StatusIs(absl::StatusCode::kInvalidArgument));
}

// The first output of xoshiro256** after splitmix64 has spread the seed 0.
TEST(SeededRandom, RepeatsForASeedAndDiffersBetweenSeeds) {
  SeededRandom known(0);
  EXPECT_EQ(known.NextU64(), 0x99ec5f36cb75f2b4u);
  SeededRandom a(42);
  SeededRandom b(42);
  SeededRandom c(43);
  const std::string bytes = a.Bytes(1001);
  EXPECT_EQ(bytes, b.Bytes(1001));
  EXPECT_NE(bytes, c.Bytes(1001));
}

TEST(Random, BelowIsWithinItsBoundAndReachesAllOfIt) {
  SeededRandom random(1);
  for (const uint64_t bound : {uint64_t{1}, uint64_t{2}, uint64_t{7}, (uint64_t{1} << 63) + 1}) {
    std::set<uint64_t> seen;
    for (int i = 0; i < 200; ++i) {
      const uint64_t value = random.Below(bound);
      ASSERT_LT(value, bound);
      seen.insert(value);
    }
    EXPECT_GE(seen.size(), std::min<uint64_t>(bound, 100));
  }
}

TEST(Random, JitterStaysAroundTheDuration) {
  SeededRandom random(1);
  absl::Duration least = absl::InfiniteDuration();
  absl::Duration most;
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration jittered = random.Jitter(absl::Seconds(10));
    least = std::min(least, jittered);
    most = std::max(most, jittered);
  }
  EXPECT_GE(least, absl::Seconds(8));
  EXPECT_LT(least, absl::Seconds(8.1));
  EXPECT_LT(most, absl::Seconds(12));
  EXPECT_GT(most, absl::Seconds(11.9));
}

TEST(SystemRandom, FillsEveryByte) {
  SystemRandom random;
  std::string all(1000, '\0');
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = random.Bytes(all.size());
    for (size_t at = 0; at < all.size(); ++at) {
      all[at] = static_cast<char>(all[at] | bytes[at]);
    }
  }
  // A byte misses a bit of its 8 with a chance of 8 / 2^20, all of them with none.
  EXPECT_EQ(all.find('\0'), std::string::npos);
}

TEST(SystemClock, GoesForwardAndShowsTheCalendar) {
  const SystemClock clock;
  const absl::Time first = clock.Now();
  EXPECT_GE(clock.Now(), first);
  EXPECT_LT(first, absl::UnixEpoch() + absl::Hours(24 * 3650)) << "it counts from the boot";
  EXPECT_GT(clock.WallNow(), absl::FromUnixSeconds(1'700'000'000));
}

TEST(Condition, WakesWhoWaitsUnderTheMutex) {
  Mutex mutex;
  Condition changed;
  bool ready = false;
  std::thread other([&] {
    MutexLock lock(mutex);
    ready = true;
    changed.NotifyOne();
  });
  {
    MutexLock lock(mutex);
    while (!ready) {
      changed.Wait(mutex);
    }
  }
  other.join();
  EXPECT_TRUE(ready);
}

TEST(Printable, ShowsTextAndEscapesTheRest) {
  EXPECT_EQ(Printable("caf\xc3\xa9 au lait", 100), "caf\xc3\xa9 au lait");
  EXPECT_EQ(Printable("\x1b[2J\n\"\\\x7f\xc2\x85\xff", 100),
            R"(\x1b[2J\x0a\x22\x5c\x7f\xc2\x85\xff)");
  EXPECT_EQ(Printable(std::string("\0", 1), 100), R"(\x00)");
  EXPECT_EQ(Printable("12345678", 8), "12345678");
  EXPECT_EQ(Printable("123456789", 8), "12345678...");
  EXPECT_EQ(Printable("\xc3\xa9\xc3\xa9", 1), "\xc3\xa9...") << "never inside a character";
}

TEST(CheckDeathTest, SaysWhereAndWhatBeforeItEnds) {
  BITREPO_CHECK(true, "fine");
  EXPECT_DEATH(BITREPO_CHECK(1 == 2, "one is two"), "words_test.cc:[0-9]+: .*one is two");
}

}  // namespace
}  // namespace bitrepo::base
