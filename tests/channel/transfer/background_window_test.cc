// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/background_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "channel/transfer/credit.h"

namespace bitrepo::transfer {
namespace {

constexpr uint64_t kSegment = kBackgroundSegmentBytes;
const absl::Time kStart = absl::FromUnixSeconds(1000);

// A path that carries `bytes_per_second` and takes `base` besides.
class Path {
 public:
  Path(double bytes_per_second, absl::Duration base) : rate_(bytes_per_second), base_(base) {}
  // Keeps as much under way as the window allows, for `time`.
  void Run(BackgroundWindow& window, absl::Duration time) {
    const absl::Time end = now_ + time;
    while (now_ < end) {
      while (window.Room(kSegment, now_) >= kSegment) {
        window.OnGranted(kSegment, now_);
        free_at_ = std::max(free_at_, now_) + absl::Seconds(kSegment / rate_);
        arrivals_.push_back(free_at_ + base_);
      }
      if (arrivals_.empty()) {
        now_ = std::min(end, window.RoomAt(now_));
        continue;
      }
      now_ = arrivals_.front();
      arrivals_.pop_front();
      window.OnArrived(kSegment, now_);
      most_queued_ = std::max(most_queued_, free_at_ - now_);
      bytes_ += kSegment;
    }
  }
  // Others take so much of it from now on.
  void Slow(double bytes_per_second) { rate_ = bytes_per_second; }
  absl::Time now() const { return now_; }
  uint64_t TakeBytes() { return std::exchange(bytes_, 0); }
  absl::Duration TakeMostQueued() { return std::exchange(most_queued_, absl::ZeroDuration()); }

 private:
  double rate_;
  absl::Duration base_;
  absl::Time now_ = kStart;
  absl::Time free_at_ = kStart;
  std::deque<absl::Time> arrivals_;
  uint64_t bytes_ = 0;
  absl::Duration most_queued_;
};

TEST(BackgroundWindow, FillsAnIdlePathAndKeepsItsQueueNearTheTarget) {
  constexpr double kRate = 100e6;
  BackgroundWindow window;
  Path path(kRate, absl::Milliseconds(10));
  path.Run(window, absl::Seconds(5));
  path.TakeBytes();
  path.TakeMostQueued();
  path.Run(window, absl::Seconds(5));
  EXPECT_GT(static_cast<double>(path.TakeBytes()), 0.9 * 5 * kRate);
  EXPECT_LT(path.TakeMostQueued(), 2 * kBackgroundTarget);
  EXPECT_LE(window.bytes(), kStreamWindowBytes);
}

TEST(BackgroundWindow, GivesWayWhenThePathBecomesNarrow) {
  BackgroundWindow window;
  Path path(100e6, absl::Milliseconds(10));
  path.Run(window, absl::Seconds(5));
  path.Slow(10e6);
  path.Run(window, absl::Seconds(5));
  path.TakeMostQueued();
  path.Run(window, absl::Seconds(5));
  EXPECT_LT(path.TakeMostQueued(), 2 * kBackgroundTarget);
}

// [D-54]
TEST(BackgroundWindow, HasOneSegmentAtATimeWhileOthersReceive) {
  BackgroundWindow window;
  Path path(1e9, absl::Milliseconds(1));
  path.Run(window, absl::Seconds(1));
  ASSERT_GT(window.bytes(), 4 * kSegment);
  path.TakeBytes();
  for (int i = 0; i < 100; ++i) {
    window.OnOthers(path.now());
    path.Run(window, absl::Milliseconds(10));
  }
  const uint64_t bytes = path.TakeBytes();
  EXPECT_GE(bytes, 9 * kSegment) << "it is not starved";
  EXPECT_LE(bytes, 50 * kSegment);
  window.OnOthers(path.now());
  EXPECT_EQ(window.bytes(), kSegment);
}

TEST(BackgroundWindow, GoesOnWhenTheOthersAreDone) {
  BackgroundWindow window;
  window.OnOthers(kStart);
  EXPECT_EQ(window.Room(kSegment, kStart), kSegment) << "the first one";
  window.OnGranted(kSegment, kStart);
  EXPECT_EQ(window.Room(kSegment, kStart), 0u);
  EXPECT_EQ(window.RoomAt(kStart), kStart + kBackgroundYield);
  window.OnArrived(kSegment, kStart + absl::Milliseconds(1));
  EXPECT_EQ(window.Room(kSegment, kStart + absl::Milliseconds(99)), 0u);
  EXPECT_EQ(window.Room(kSegment, kStart + kBackgroundYield), kSegment);
}

}  // namespace
}  // namespace bitrepo::transfer
