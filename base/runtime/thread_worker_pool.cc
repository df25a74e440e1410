// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/thread_worker_pool.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::runtime {
namespace {

absl::string_view LaneName(Lane lane) {
  switch (lane) {
    case Lane::kRead:
      return "read";
    case Lane::kWrite:
      return "write";
    case Lane::kHash:
      return "hash";
  }
  return "unknown";
}

}  // namespace

ThreadWorkerPool::ThreadWorkerPool(LaneThreads threads) {
  const std::pair<Lane, int> plan[] = {
      {Lane::kRead, threads.read}, {Lane::kWrite, threads.write}, {Lane::kHash, threads.hash}};
  for (const auto& [lane, count] : plan) {
    BITREPO_CHECK(count > 0, "every lane has a thread");
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, served = lane] { Serve(served); });
    }
  }
}

ThreadWorkerPool::~ThreadWorkerPool() {
  {
    base::MutexLock lock(mutex_);
    ending_ = true;
    for (LaneState& each : lanes_) {
      each.changed.NotifyAll();
    }
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

StrandId ThreadWorkerPool::NewStrand() {
  base::MutexLock lock(mutex_);
  return StrandId{++last_strand_};
}

absl::Status ThreadWorkerPool::Submit(Lane lane, StrandId strand, absl::AnyInvocable<void()> work) {
  base::Condition* changed = nullptr;
  {
    base::MutexLock lock(mutex_);
    LaneState& state = StateOf(lane);
    if (state.queued == kQueuedPerLaneMax) {
      return absl::ResourceExhaustedError(absl::StrCat("the ", LaneName(lane), " lane has ",
                                                       state.queued, " pieces of work waiting"));
    }
    ++state.queued;
    ++unfinished_;
    Task task{lane, strand, std::move(work)};
    if (strand != StrandId::kNone) {
      const auto [busy, fresh] = busy_strands_.try_emplace(strand);
      if (!fresh) {
        busy->second.push_back(std::move(task));
        return absl::OkStatus();
      }
    }
    state.ready.push_back(std::move(task));
    changed = &state.changed;
  }
  // Not under the lock, which who wakes would have to wait for.
  changed->NotifyOne();
  return absl::OkStatus();
}

void ThreadWorkerPool::Finished(Lane lane, StrandId strand) {
  if (--unfinished_ == 0 && ending_) {
    for (LaneState& each : lanes_) {
      each.changed.NotifyAll();
    }
  }
  const auto busy = busy_strands_.find(strand);
  if (busy == busy_strands_.end()) {
    return;
  }
  if (busy->second.empty()) {
    busy_strands_.erase(busy);
    return;
  }
  Task next = std::move(busy->second.front());
  busy->second.pop_front();
  LaneState& state = StateOf(next.lane);
  // In its own lane this thread looks next anyway.
  if (next.lane != lane) {
    state.changed.NotifyOne();
  }
  state.ready.push_back(std::move(next));
}

void ThreadWorkerPool::Serve(Lane lane) {
  base::MutexLock lock(mutex_);
  LaneState& state = StateOf(lane);
  for (;;) {
    while (state.ready.empty() && !(ending_ && unfinished_ == 0)) {
      state.changed.Wait(mutex_);
    }
    if (state.ready.empty()) {
      return;
    }
    Task task = std::move(state.ready.front());
    state.ready.pop_front();
    --state.queued;
    mutex_.Unlock();
    task.work();
    task.work = nullptr;  // what it holds dies before the strand goes on, and outside the lock
    mutex_.Lock();
    Finished(lane, task.strand);
  }
}

}  // namespace bitrepo::runtime
