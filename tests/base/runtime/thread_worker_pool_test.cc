// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/thread_worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::runtime {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

// Opens once; who comes before waits.
class Gate {
 public:
  void Open() {
    base::MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    base::MutexLock lock(mutex_);
    while (!open_) {
      changed_.Wait(mutex_);
    }
  }

 private:
  base::Mutex mutex_;
  base::Condition changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(ThreadWorkerPool, FinishesAllItTookOnBeforeItDies) {
  std::atomic<int> done{0};
  {
    ThreadWorkerPool pool({.read = 2, .write = 2, .hash = 2});
    const StrandId strand = pool.NewStrand();
    for (int i = 0; i < 300; ++i) {
      const Lane lane = static_cast<Lane>(i % 3);
      ASSERT_OK(pool.Submit(lane, i % 2 == 0 ? strand : StrandId::kNone, [&] { ++done; }));
    }
  }
  EXPECT_EQ(done, 300);
}

TEST(ThreadWorkerPool, AStrandRunsOneAtATimeAndInOrderAcrossLanes) {
  constexpr int kStrands = 8;
  constexpr int kEach = 200;
  std::vector<std::vector<int>> order(kStrands);
  std::vector<std::atomic<int>> inside(kStrands);
  std::atomic<bool> overlapped{false};
  {
    ThreadWorkerPool pool({.read = 3, .write = 3, .hash = 3});
    std::vector<StrandId> strands;
    for (int strand = 0; strand < kStrands; ++strand) {
      strands.push_back(pool.NewStrand());
    }
    for (int i = 0; i < kEach; ++i) {
      for (size_t strand = 0; strand < kStrands; ++strand) {
        ASSERT_OK(pool.Submit(static_cast<Lane>(i % 3), strands[strand], [&, strand, i] {
          if (++inside[strand] != 1) {
            overlapped = true;
          }
          order[strand].push_back(i);
          std::this_thread::yield();
          --inside[strand];
        }));
      }
    }
  }
  EXPECT_FALSE(overlapped);
  for (const std::vector<int>& one : order) {
    EXPECT_EQ(one.size(), size_t{kEach});
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  }
}

TEST(ThreadWorkerPool, DifferentStrandsRunAtOnce) {
  Gate both;
  std::atomic<int> arrived{0};
  ThreadWorkerPool pool({.read = 2, .write = 1, .hash = 1});
  const auto meet = [&] {
    if (++arrived == 2) {
      both.Open();
    }
    both.Pass();  // ends only when the other is here too
  };
  ASSERT_OK(pool.Submit(Lane::kRead, pool.NewStrand(), meet));
  ASSERT_OK(pool.Submit(Lane::kRead, pool.NewStrand(), meet));
  both.Pass();
}

TEST(ThreadWorkerPool, AWaitingStrandHoldsNoThread) {
  Gate gate;
  Gate ran;
  ThreadWorkerPool pool({.read = 2, .write = 1, .hash = 1});
  const StrandId slow = pool.NewStrand();
  ASSERT_OK(pool.Submit(Lane::kRead, slow, [&] { gate.Pass(); }));
  ASSERT_OK(pool.Submit(Lane::kRead, slow, [] {}));
  ASSERT_OK(pool.Submit(Lane::kRead, StrandId::kNone, [&] { ran.Open(); }));
  ran.Pass();
  gate.Open();
}

TEST(ThreadWorkerPool, AFullLaneRefusesAndTheOthersGoOn) {
  Gate gate;
  Gate started;
  std::atomic<size_t> done{0};
  {
    ThreadWorkerPool pool({.read = 1, .write = 1, .hash = 1});
    ASSERT_OK(pool.Submit(Lane::kWrite, StrandId::kNone, [&] {
      started.Open();
      gate.Pass();
    }));
    started.Pass();
    const StrandId strand = pool.NewStrand();
    for (size_t i = 0; i < WorkerPool::kQueuedPerLaneMax; ++i) {
      // What waits in a strand counts as well.
      ASSERT_OK(pool.Submit(Lane::kWrite, i % 2 == 0 ? strand : StrandId::kNone, [&] { ++done; }));
    }
    EXPECT_THAT(pool.Submit(Lane::kWrite, StrandId::kNone, [&] { ++done; }),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("write lane")));
    EXPECT_THAT(pool.Submit(Lane::kWrite, strand, [&] { ++done; }),
                StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_OK(pool.Submit(Lane::kRead, StrandId::kNone, [] {}));
    EXPECT_OK(pool.Submit(Lane::kHash, strand, [] {}));
    gate.Open();
  }
  EXPECT_EQ(done, WorkerPool::kQueuedPerLaneMax) << "what was refused was not taken on";
}

TEST(ThreadWorkerPool, WorkMaySubmitWork) {
  std::atomic<int> done{0};
  {
    ThreadWorkerPool pool({.read = 1, .write = 1, .hash = 1});
    const StrandId strand = pool.NewStrand();
    ASSERT_OK(pool.Submit(Lane::kRead, strand, [&] {
      ++done;
      EXPECT_OK(pool.Submit(Lane::kHash, strand, [&] {
        ++done;
        EXPECT_OK(pool.Submit(Lane::kWrite, strand, [&] { ++done; }));
      }));
    }));
  }
  EXPECT_EQ(done, 3);
}

TEST(ThreadWorkerPool, WhatWorkHoldsDiesBeforeItsStrandGoesOn) {
  std::optional<bool> expired;
  {
    ThreadWorkerPool pool({.read = 2, .write = 1, .hash = 1});
    const StrandId strand = pool.NewStrand();
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> alive = held;
    ASSERT_OK(pool.Submit(Lane::kRead, strand, [held] {}));
    held.reset();
    ASSERT_OK(pool.Submit(Lane::kRead, strand, [&, alive] { expired = alive.expired(); }));
  }
  EXPECT_EQ(expired, true);
}

TEST(ThreadWorkerPool, StrandsAreAllDifferent) {
  ThreadWorkerPool pool({});
  const StrandId first = pool.NewStrand();
  EXPECT_NE(first, StrandId::kNone);
  EXPECT_NE(first, pool.NewStrand());
}

}  // namespace
}  // namespace bitrepo::runtime
