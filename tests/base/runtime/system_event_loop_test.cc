// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/system_event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/base/runtime/run_until.h"

namespace bitrepo::runtime {
namespace {

using testing_support::RunUntil;

TEST(SystemEventLoop, RunsWhatIsPostedInOrderAndNeverInsidePost) {
  SystemEventLoop loop;
  std::vector<int> order;
  loop.Post([&] {
    loop.Post([&] { order.push_back(3); });
    order.push_back(1);
  });
  loop.Post([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  loop.Post([&] { loop.Post([&] { loop.Stop(); }); });
  loop.Run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(SystemEventLoop, WhatOtherThreadsPostComesInTheOrderOfEach) {
  SystemEventLoop loop;
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  std::vector<std::vector<int>> seen(kThreads);
  int total = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        loop.Post([&, thread, i] {
          seen[static_cast<size_t>(thread)].push_back(i);
          if (++total == kThreads * kEach) {
            loop.Stop();
          }
        });
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::vector<int>& one : seen) {
    ASSERT_EQ(one.size(), size_t{kEach});
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  }
}

TEST(SystemEventLoop, TimersRunInTheOrderOfTheirTimeThenOfTheCall) {
  SystemEventLoop loop;
  std::vector<std::string> order;
  const absl::Time base = loop.Now() + absl::Milliseconds(20);
  loop.RunAt(base + absl::Milliseconds(1), [&] {
    order.push_back("last");
    loop.Stop();
  });
  loop.RunAt(base, [&] { order.push_back("b1"); });
  loop.RunAt(base - absl::Milliseconds(10), [&] { order.push_back("a"); });
  loop.RunAt(base, [&] { order.push_back("b2"); });
  loop.Run();
  EXPECT_EQ(order, (std::vector<std::string>{"a", "b1", "b2", "last"}));
}

TEST(SystemEventLoop, ATimerIsNeverEarlyAndAPastOneRunsAtOnce) {
  SystemEventLoop loop;
  const absl::Time due = loop.Now() + absl::Milliseconds(5);
  std::optional<absl::Time> ran;
  bool past = false;
  loop.RunAt(due, [&] { ran = loop.Now(); });
  loop.RunAt(loop.Now() - absl::Hours(1), [&] { past = true; });
  loop.RunAt(absl::InfinitePast(), [] {});
  loop.RunAt(absl::InfiniteFuture(), [] { FAIL() << "never comes"; });
  EXPECT_TRUE(RunUntil(
      loop, [&] { return past; }, absl::Seconds(1)));
  EXPECT_TRUE(RunUntil(loop, [&] { return ran.has_value(); }));
  EXPECT_GE(*ran, due);
}

TEST(SystemEventLoop, ATimerSetBehindAnEarlierOneDoesNotDelayIt) {
  SystemEventLoop loop;
  bool early = false;
  loop.RunAfter(absl::Hours(1), [] { FAIL() << "an hour has not passed"; });
  loop.Post([&] { loop.RunAfter(absl::Milliseconds(1), [&] { early = true; }); });
  EXPECT_TRUE(RunUntil(
      loop, [&] { return early; }, absl::Seconds(5)));
}

TEST(SystemEventLoop, ACancelledTimerDoesNotRunAlsoWhenBothAreDue) {
  SystemEventLoop loop;
  TimerId second = TimerId::kNone;
  bool ran = false;
  const absl::Time due = loop.Now();
  loop.RunAt(due, [&] { loop.CancelTimer(second); });
  second = loop.RunAt(due, [&] { ran = true; });
  const TimerId third = loop.RunAt(due, [&] { ran = true; });
  loop.CancelTimer(third);
  loop.CancelTimer(third);
  loop.CancelTimer(TimerId::kNone);
  loop.CancelTimer(TimerId{12345});
  loop.RunAfter(absl::Milliseconds(2), [&] { loop.Stop(); });
  loop.Run();
  EXPECT_FALSE(ran);
}

TEST(SystemEventLoop, ATimerThatRenewsItselfAtOnceLeavesRoomForTheRest) {
  SystemEventLoop loop;
  int turns = 0;
  std::function<void()> again = [&] {
    ++turns;
    loop.RunAt(loop.Now(), again);
  };
  again();
  loop.Post([&] { loop.Post([&] { loop.Stop(); }); });
  loop.Run();
  EXPECT_LT(turns, 1000);
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  int reader() const { return ends_[0]; }
  void Write() { EXPECT_EQ(write(ends_[1], "x", 1), 1); }
  void Read() {
    char byte = 0;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2];
};

TEST(SystemEventLoop, AReadableDescriptorIsToldUntilItIsRead) {
  SystemEventLoop loop;
  Pipe pipe;
  int told = 0;
  const WatchId watch = loop.WatchReadable(pipe.reader(), [&] {
    if (++told == 3) {
      pipe.Read();
    }
  });
  EXPECT_FALSE(RunUntil(
      loop, [&] { return told > 0; }, absl::Milliseconds(20)));
  pipe.Write();
  EXPECT_TRUE(RunUntil(loop, [&] { return told == 3; }));
  EXPECT_FALSE(RunUntil(
      loop, [&] { return told > 3; }, absl::Milliseconds(20)));
  pipe.Write();
  loop.Unwatch(watch);
  loop.Unwatch(watch);
  EXPECT_FALSE(RunUntil(
      loop, [&] { return told > 3; }, absl::Milliseconds(20)));
}

TEST(SystemEventLoop, AWatchMayEndItselfAndOthersThatAreReadyToo) {
  SystemEventLoop loop;
  Pipe first;
  Pipe second;
  std::vector<WatchId> watches;
  int told = 0;
  const auto end_all = [&, held = std::make_shared<int>(7)] {
    ++told;
    for (const WatchId watch : watches) {
      loop.Unwatch(watch);
    }
    EXPECT_EQ(*held, 7) << "the callback lives while it runs";
  };
  watches.push_back(loop.WatchReadable(first.reader(), end_all));
  watches.push_back(loop.WatchReadable(second.reader(), end_all));
  first.Write();
  second.Write();
  EXPECT_TRUE(RunUntil(loop, [&] { return told > 0; }));
  EXPECT_FALSE(RunUntil(
      loop, [&] { return told > 1; }, absl::Milliseconds(20)));
}

TEST(SystemEventLoop, ADescriptorNumberUsedAgainIsWatchedAfresh) {
  SystemEventLoop loop;
  int told = 0;
  auto first = std::make_unique<Pipe>();
  const int number = first->reader();
  const WatchId watch = loop.WatchReadable(number, [&] { told += 100; });
  loop.Unwatch(watch);
  first.reset();
  Pipe second;
  ASSERT_EQ(second.reader(), number);
  loop.WatchReadable(second.reader(), [&] {
    second.Read();
    ++told;
  });
  second.Write();
  EXPECT_TRUE(RunUntil(loop, [&] { return told > 0; }));
  EXPECT_EQ(told, 1);
}

TEST(SystemEventLoop, AStopBeforeRunEndsItAtOnceAndOnlyThatOne) {
  SystemEventLoop loop;
  loop.Stop();
  loop.Run();
  bool ran = false;
  loop.Post([&] {
    ran = true;
    loop.Stop();
  });
  loop.Run();
  EXPECT_TRUE(ran);
}

TEST(SystemEventLoop, AStopKeepsWhatIsBehindItForTheNextRun) {
  SystemEventLoop loop;
  std::vector<int> order;
  loop.Post([&] {
    order.push_back(1);
    loop.Stop();
  });
  loop.Post([&] { order.push_back(2); });
  loop.Post([&] {
    order.push_back(3);
    loop.Stop();
  });
  loop.Run();
  EXPECT_EQ(order, std::vector<int>{1});
  loop.Run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(SystemEventLoop, ADyingLoopDropsItsCallbacksUnrun) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = held;
  Pipe pipe;
  {
    SystemEventLoop loop;
    loop.Post([held] { FAIL(); });
    loop.RunAfter(absl::ZeroDuration(), [held] { FAIL(); });
    loop.WatchReadable(pipe.reader(), [held] { FAIL(); });
    held.reset();
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

TEST(SystemEventLoopDeathTest, AnotherThreadMayOnlyPostAndStop) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        SystemEventLoop loop;
        std::atomic<bool> running{false};
        std::thread runner([&] { loop.Run(); });
        loop.Post([&] { running = true; });
        while (!running) {
          std::this_thread::yield();
        }
        loop.RunAfter(absl::Seconds(1), [] {});
      },
      "elsewhere use Post");
}

}  // namespace
}  // namespace bitrepo::runtime
