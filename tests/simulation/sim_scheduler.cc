// SPDX-License-Identifier: Apache-2.0
// Simulated time, the loops that share it, and work that takes some of it.
#include "tests/simulation/sim_scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace bitrepo::simulation {

uint64_t SimScheduler::Schedule(absl::Time when, Callback callback) {
  const uint64_t event = next_++;
  when = std::max(when, now_);
  events_.emplace(Key(when, event), std::move(callback));
  when_of_.emplace(event, when);
  return event;
}

void SimScheduler::Cancel(uint64_t event) {
  auto found = when_of_.find(event);
  if (found == when_of_.end()) return;
  auto dying = events_.extract(Key(found->second, event));  // its captures may come back here
  when_of_.erase(found);
}

bool SimScheduler::Step() {
  if (events_.empty()) return false;
  auto first = events_.begin();
  now_ = first->first.first;
  when_of_.erase(first->first.second);
  Callback callback = std::move(first->second);
  events_.erase(first);
  ++steps_;
  callback();
  return true;
}

void SimScheduler::RunUntil(absl::Time when) {
  while (!events_.empty() && events_.begin()->first.first <= when) Step();
  now_ = std::max(now_, when);
}

SimEventLoop::~SimEventLoop() { DropAll(); }

void SimEventLoop::DropAll() {
  // Captures that die may cancel timers of this very loop.
  const std::map<uint64_t, bool> pending = std::move(pending_);
  pending_.clear();
  for (const auto& [event, unused] : pending) scheduler_.Cancel(event);
}

void SimEventLoop::Post(Callback callback) { RunAt(scheduler_.Now(), std::move(callback)); }

runtime::TimerId SimEventLoop::RunAt(absl::Time when, Callback callback) {
  if (when == absl::InfiniteFuture()) return runtime::TimerId::kNone;
  auto id = std::make_shared<uint64_t>(0);
  *id = scheduler_.Schedule(when, [this, id, callback = std::move(callback)]() mutable {
    pending_.erase(*id);
    callback();
  });
  pending_.emplace(*id, true);
  return runtime::TimerId{*id};
}

void SimEventLoop::CancelTimer(runtime::TimerId timer) {
  const auto event = static_cast<uint64_t>(timer);
  if (pending_.erase(event) > 0) scheduler_.Cancel(event);
}

runtime::WatchId SimEventLoop::WatchReadable(int /*descriptor*/,
                                             absl::AnyInvocable<void()> /*callback*/) {
  base::CheckFailed(__FILE__, __LINE__, "a simulated process has no descriptors");
}

void SimEventLoop::Unwatch(runtime::WatchId /*watch*/) {}

void SimEventLoop::Run() {
  base::CheckFailed(__FILE__, __LINE__, "the scheduler runs a simulated loop");
}

void SimEventLoop::Stop() {}

absl::Status SimWorkerPool::Submit(runtime::Lane lane, runtime::StrandId strand,
                                   absl::AnyInvocable<void()> work) {
  absl::Time begin = std::max(loop_.Now(), lane_free_at_[lane]);
  if (strand != runtime::StrandId::kNone) begin = std::max(begin, strand_free_at_[strand]);
  const absl::Time end = begin + cost_();
  lane_free_at_[lane] = end;
  if (strand != runtime::StrandId::kNone) strand_free_at_[strand] = end;
  loop_.RunAt(end, std::move(work));
  return absl::OkStatus();
}

}  // namespace bitrepo::simulation
