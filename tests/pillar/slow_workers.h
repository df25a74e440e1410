// SPDX-License-Identifier: Apache-2.0
// A worker pool on a manual loop: every piece of work takes as long as the test says, one after
// another in each lane.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"

namespace bitrepo::pillar {

// Loop-confined. Lifetime: the loop outlives it; what is left when it dies is dropped, unrun.
class SlowWorkers final : public runtime::WorkerPool {
 public:
  explicit SlowWorkers(runtime::EventLoop& loop) : loop_(loop) {}

  runtime::StrandId NewStrand() override { return runtime::StrandId{++strands_}; }
  absl::Status Submit(runtime::Lane lane, runtime::StrandId /*strand*/,
                      absl::AnyInvocable<void()> work) override {
    if (full) return absl::ResourceExhaustedError("the lane is full");
    std::deque<absl::AnyInvocable<void()>>& waiting = waiting_[lane];
    waiting.push_back(std::move(work));
    most_waiting = std::max(most_waiting, waiting.size());
    if (waiting.size() == 1) RunLater(lane);
    return absl::OkStatus();
  }
  // Forgets what was not yet run, as a killed process does.
  void Drop() { waiting_.clear(); }

  bool full = false;        // every lane refuses
  size_t most_waiting = 0;  // pieces in one lane, the running one included
  absl::Duration piece = absl::Milliseconds(1);

 private:
  void RunLater(runtime::Lane lane) {
    loop_.RunAfter(piece, [this, lane, alive = std::weak_ptr(alive_)] {
      if (alive.expired() || waiting_[lane].empty()) return;
      absl::AnyInvocable<void()> work = std::move(waiting_[lane].front());
      work();
      work = nullptr;
      if (waiting_[lane].empty()) return;  // dropped meanwhile
      waiting_[lane].pop_front();
      if (!waiting_[lane].empty()) RunLater(lane);
    });
  }

  runtime::EventLoop& loop_;
  std::map<runtime::Lane, std::deque<absl::AnyInvocable<void()>>> waiting_;
  uint64_t strands_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace bitrepo::pillar
