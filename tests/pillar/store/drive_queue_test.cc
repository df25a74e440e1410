// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/drive_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace bitrepo::store {
namespace {

using ::testing::ElementsAre;

constexpr DriveSpeed kSpeed = {
    .load = absl::Seconds(20), .seek = absl::Seconds(10), .bytes_per_second = 100, .time_scale = 1};
constexpr absl::Time kStart = absl::UnixEpoch();

absl::string_view NameOf(const DriveQueue::Step& step) {
  if (step.done) return "done";
  switch (step.phase) {
    case MediumPhase::kQueued:
      return "queued";
    case MediumPhase::kLocating:
      return "locating";
    case MediumPhase::kLoading:
      return "loading";
    case MediumPhase::kSeeking:
      return "seeking";
    case MediumPhase::kStaging:
      return "staging";
    case MediumPhase::kVerifying:
      return "verifying";
    case MediumPhase::kWriting:
      return "writing";
    case MediumPhase::kReadingBack:
      return "reading-back";
  }
  return "?";
}

bool MovesBytes(MediumPhase phase) {
  return phase == MediumPhase::kStaging || phase == MediumPhase::kWriting ||
         phase == MediumPhase::kReadingBack;
}

// Moves bytes at once, and goes from one instant at which something happens to the next.
class Drives {
 public:
  explicit Drives(size_t drives, DriveSpeed speed = kSpeed) : queue_(speed, drives) {}

  void Read(uint64_t id, uint32_t volume, uint64_t bytes) { Add({id, volume, bytes, false}); }
  void Write(uint64_t id, uint32_t volume, uint64_t bytes) { Add({id, volume, bytes, true}); }
  void Withdraw(uint64_t id) {
    DriveQueue::Steps steps;
    live_.erase(id);
    queue_.Withdraw(id, now_, steps);
    Take(steps);
  }
  // To the next instant; false when nothing is to come.
  bool Next() {
    const absl::Time wake = queue_.WakeAt();
    if (wake == absl::InfiniteFuture()) return false;
    now_ = std::max(now_, wake);
    DriveQueue::Steps steps;
    queue_.OnTime(now_, steps);
    Take(steps);
    return true;
  }
  void Finish() {
    while (Next()) {
    }
  }

  std::vector<std::string> told(uint64_t id) const { return told_.at(id); }
  DriveQueue& queue() { return queue_; }
  absl::Time now() const { return now_; }
  const std::map<uint64_t, DriveQueue::Job>& live() const { return live_; }

 private:
  void Add(const DriveQueue::Job& job) {
    DriveQueue::Steps steps;
    live_[job.id] = job;
    queue_.Add(job, now_, steps);
    Take(steps);
  }
  void Take(const DriveQueue::Steps& steps) {
    for (const DriveQueue::Step& step : steps) {
      told_[step.id].push_back(
          absl::StrCat(NameOf(step), "@", absl::ToInt64Seconds(now_ - kStart)));
      if (step.done) live_.erase(step.id);
      if (step.done || !MovesBytes(step.phase)) continue;
      DriveQueue::Steps more;
      queue_.OnMoved(step.id, now_, more);
      Take(more);
    }
  }

  DriveQueue queue_;
  absl::Time now_ = kStart;
  std::map<uint64_t, DriveQueue::Job> live_;
  std::map<uint64_t, std::vector<std::string>> told_;
};

TEST(DriveQueue, AReadGoesThroughItsPhasesInOrder) {
  Drives drives(1);
  drives.Read(1, 7, 500);
  EXPECT_EQ(drives.queue().StepOf(1, drives.now())->left, absl::Seconds(35));
  drives.Finish();
  EXPECT_THAT(drives.told(1), ElementsAre("queued@0", "locating@0", "loading@0", "seeking@20",
                                          "staging@30", "done@35"));
}

TEST(DriveQueue, AWriteIsReadBackFromTheVolume) {
  Drives drives(1);
  drives.Write(1, 7, 500);
  drives.Finish();
  EXPECT_THAT(drives.told(1), ElementsAre("queued@0", "loading@0", "seeking@20", "writing@30",
                                          "reading-back@35", "done@50"));
}

TEST(DriveQueue, AVolumeThatIsLoadedIsNotLoadedAgain) {
  Drives drives(1);
  drives.Read(1, 7, 100);
  drives.Finish();
  drives.Read(2, 7, 100);
  drives.Finish();
  EXPECT_THAT(drives.told(2),
              ElementsAre("queued@31", "locating@31", "seeking@31", "staging@41", "done@42"));
}

TEST(DriveQueue, AJobWaitsForTheDriveThatHasItsVolume) {
  Drives drives(2);
  drives.Read(1, 7, 1000);
  drives.Read(2, 7, 100);
  EXPECT_EQ(drives.queue().StepOf(2, drives.now())->queue_place, 1u);
  drives.Finish();
  EXPECT_THAT(drives.told(1).back(), "done@40");
  EXPECT_THAT(drives.told(2),
              ElementsAre("queued@0", "locating@40", "seeking@40", "staging@50", "done@51"));
}

TEST(DriveQueue, TwoDrivesWorkAtOnce) {
  Drives drives(2);
  drives.Read(1, 1, 100);
  drives.Read(2, 2, 100);
  drives.Finish();
  EXPECT_THAT(drives.told(1).back(), "done@31");
  EXPECT_THAT(drives.told(2).back(), "done@31");
}

TEST(DriveQueue, SlowBytesHoldAPhaseBeyondItsTime) {
  DriveQueue queue(kSpeed, 1);
  DriveQueue::Steps steps;
  queue.Add({1, 1, 100, false}, kStart, steps);
  queue.OnTime(kStart + absl::Seconds(20), steps);
  queue.OnTime(kStart + absl::Seconds(30), steps);
  steps.clear();
  queue.OnTime(kStart + absl::Seconds(60), steps);
  EXPECT_TRUE(steps.empty());
  EXPECT_EQ(queue.WakeAt(), absl::InfiniteFuture());
  queue.OnMoved(1, kStart + absl::Seconds(61), steps);
  ASSERT_EQ(steps.size(), 1u);
  EXPECT_TRUE(steps[0].done);
}

TEST(DriveQueue, WhoLeavesLetsTheOthersForward) {
  Drives drives(1);
  drives.Read(1, 1, 1000);
  drives.Read(2, 2, 100);
  drives.Read(3, 3, 100);
  EXPECT_EQ(drives.queue().StepOf(3, drives.now())->queue_place, 2u);
  drives.Withdraw(2);
  EXPECT_EQ(drives.queue().StepOf(3, drives.now())->queue_place, 1u);
  drives.Withdraw(1);  // has the drive
  EXPECT_EQ(drives.queue().StepOf(3, drives.now())->queue_place, 0u);
  drives.Finish();
  EXPECT_THAT(drives.told(3).back(), "done@31");
  drives.Withdraw(3);  // unknown by now: nothing
  EXPECT_FALSE(drives.queue().StepOf(3, drives.now()).has_value());
  EXPECT_EQ(drives.queue().size(), 0u);
}

TEST(DriveQueue, ScaleZeroTakesNoTime) {
  DriveSpeed speed = kSpeed;
  speed.time_scale = 0;
  Drives drives(1, speed);
  drives.Read(1, 1, 1 << 20);
  drives.Write(2, 2, 1 << 20);
  EXPECT_EQ(drives.told(2).back(), "done@0");
}

TEST(DriveQueue, TheTimeForAJobIsTheTimeItTakes) {
  Drives drives(1);
  drives.Read(1, 1, 1000);
  drives.Read(2, 2, 100);
  const DriveQueue::Job job{3, 1, 100, true};
  const absl::Duration told = drives.queue().TimeFor(job, drives.now());
  const absl::Time asked = drives.now();
  drives.Write(3, 1, 100);
  drives.Finish();
  EXPECT_EQ(drives.now() - asked, told);
}

// B14: whatever comes and goes, no job is ever told a later end than before.
TEST(DriveQueue, B14NoEstimateEverRises) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint64_t n) { return static_cast<uint64_t>(random() % n); };
    Drives drives(1 + below(3));
    std::map<uint64_t, MediumStep> before;
    std::map<uint64_t, absl::Time> ends;
    uint64_t last_id = 0;
    for (int turn = 0; turn < 200; ++turn) {
      switch (below(4)) {
        case 0:
          drives.Read(++last_id, static_cast<uint32_t>(below(4)), below(5000));
          break;
        case 1:
          drives.Write(++last_id, static_cast<uint32_t>(below(4)), below(5000));
          break;
        case 2:
          if (below(3) == 0 && last_id > 0) drives.Withdraw(1 + below(last_id));
          break;
        default:
          drives.Next();
      }
      for (const auto& [id, job] : drives.live()) {
        const MediumStep step = drives.queue().StepOf(id, drives.now()).value();
        const absl::Time end = drives.now() + step.left;
        if (ends.contains(id)) {
          ASSERT_LE(end, std::max(ends.at(id), drives.now())) << "seed " << seed << " job " << id;
          ASSERT_LE(step.queue_place, before.at(id).queue_place) << "seed " << seed;
        }
        ends[id] = end;
        before[id] = step;
      }
    }
  }
}

}  // namespace
}  // namespace bitrepo::store
