// SPDX-License-Identifier: Apache-2.0
// Simulated time: one queue of events for the whole world, run in one thread, the same for the same
// seed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"

namespace bitrepo::simulation {

// Loop-confined. Events due at one instant run in the order in which they were scheduled.
class SimScheduler final : public base::Clock {
 public:
  using Callback = absl::AnyInvocable<void()>;
  absl::Time Now() const override { return now_; }
  absl::Time WallNow() const override { return now_ + wall_offset_; }
  void JumpWallClock(absl::Duration by) { wall_offset_ += by; }

  uint64_t Schedule(absl::Time when, Callback callback);
  void Cancel(uint64_t event);
  // Runs the next event; false when there is none.
  bool Step();
  // Runs all that is due until `when`, which is then the time.
  void RunUntil(absl::Time when);
  uint64_t steps() const { return steps_; }
  bool idle() const { return events_.empty(); }

 private:
  using Key = std::pair<absl::Time, uint64_t>;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  absl::Duration wall_offset_ = absl::Hours(24 * 365 * 50);
  uint64_t next_ = 1;
  uint64_t steps_ = 0;
  std::map<Key, Callback> events_;
  std::map<uint64_t, absl::Time> when_of_;
};

// The loop of one simulated process. When the process dies, so does its loop, with all that was
// still to run on it.
class SimEventLoop final : public runtime::EventLoop {
 public:
  explicit SimEventLoop(SimScheduler& scheduler) : scheduler_(scheduler) {}
  ~SimEventLoop() override;
  const base::Clock& clock() const override { return scheduler_; }
  void Post(Callback callback) override;
  runtime::TimerId RunAt(absl::Time when, Callback callback) override;
  void CancelTimer(runtime::TimerId timer) override;
  runtime::WatchId WatchReadable(int descriptor, absl::AnyInvocable<void()> callback) override;
  void Unwatch(runtime::WatchId watch) override;
  void Run() override;
  void Stop() override;
  // What was still to run will not; its captures die now. The first step of a process's death.
  void DropAll();

 private:
  SimScheduler& scheduler_;
  std::map<uint64_t, bool> pending_;  // events of this process
};

// Blocking work that takes simulated time: one piece after another on each lane of one process.
class SimWorkerPool final : public runtime::WorkerPool {
 public:
  // `cost` is asked for each piece how long it takes.
  SimWorkerPool(SimEventLoop& loop, absl::AnyInvocable<absl::Duration()> cost)
      : loop_(loop), cost_(std::move(cost)) {}
  runtime::StrandId NewStrand() override { return runtime::StrandId{++strands_}; }
  absl::Status Submit(runtime::Lane lane, runtime::StrandId strand,
                      absl::AnyInvocable<void()> work) override;

 private:
  SimEventLoop& loop_;
  absl::AnyInvocable<absl::Duration()> cost_;
  uint64_t strands_ = 0;
  std::map<runtime::Lane, absl::Time> lane_free_at_;
  std::map<runtime::StrandId, absl::Time> strand_free_at_;
};

}  // namespace bitrepo::simulation
