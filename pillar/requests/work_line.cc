// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/work_line.h"

#include <utility>

namespace bitrepo::requests {

void WorkLine::Add(Work work) {
  {
    base::MutexLock lock(mutex_);
    waiting_.push_back(std::move(work));
    if (running_) return;
    running_ = true;
  }
  Submit();
}

void WorkLine::Submit() {
  const absl::Status taken = workers_.Submit(lane_, runtime::StrandId::kNone,
                                             [self = shared_from_this()] { self->RunOne(); });
  if (taken.ok()) return;
  std::deque<Work> refused;
  {
    base::MutexLock lock(mutex_);
    refused.swap(waiting_);
    running_ = false;
  }
  for (Work& work : refused) work(taken);
}

void WorkLine::RunOne() {
  Work work;
  {
    base::MutexLock lock(mutex_);
    work = std::move(waiting_.front());
    waiting_.pop_front();
  }
  work(absl::OkStatus());
  work = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (waiting_.empty()) {
      running_ = false;
      return;
    }
  }
  Submit();
}

}  // namespace bitrepo::requests
