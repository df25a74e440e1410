// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/system_event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/check.h"

namespace bitrepo::runtime {
namespace {

// What epoll says of the loop's own descriptors; watches count from 1.
constexpr uint64_t kWakeTag = ~uint64_t{0};
constexpr uint64_t kTimerTag = ~uint64_t{0} - 1;
constexpr size_t kEventsPerWait = 64;

void Register(int epoll, int descriptor, uint64_t tag) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag;
  BITREPO_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0,
                "the descriptor can be watched, and is not yet");
}

// Both of the loop's own descriptors are read as one 64-bit count, which re-arms them.
void Drain(int descriptor) {
  uint64_t count = 0;
  while (read(descriptor, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

SystemEventLoop::SystemEventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  BITREPO_CHECK(epoll_.valid() && wake_.valid() && timer_.valid(), "the kernel has epoll");
  Register(epoll_.get(), wake_.get(), kWakeTag);
  Register(epoll_.get(), timer_.get(), kTimerTag);
}

SystemEventLoop::~SystemEventLoop() { DropAll(); }

// What a dying callback posts, or sets a timer for, is dropped as well.
void SystemEventLoop::DropAll() {
  bool dropped = true;
  while (dropped) {
    std::deque<Callback> posted;
    {
      base::MutexLock lock(mutex_);
      posted.swap(posted_);
    }
    auto timers = std::exchange(timers_, {});
    auto watches = std::exchange(watches_, {});
    timer_times_.clear();
    dropped = !posted.empty() || !timers.empty() || !watches.empty();
  }
}

void SystemEventLoop::CheckThread() const {
  const std::thread::id runner = runner_;
  BITREPO_CHECK(runner == std::thread::id() || runner == std::this_thread::get_id(),
                "the loop is used on its own thread; elsewhere use Post");
}

void SystemEventLoop::Wake() {
  const uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void SystemEventLoop::Post(Callback callback) {
  bool first = false;
  {
    base::MutexLock lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(callback));
  }
  // The loop itself looks before it waits.
  if (first && runner_.load() != std::this_thread::get_id()) {
    Wake();
  }
}

TimerId SystemEventLoop::RunAt(absl::Time when, Callback callback) {
  CheckThread();
  const TimerId id{++last_id_};
  timer_times_.emplace(id, when);
  timers_.emplace(std::pair(when, id), std::move(callback));
  return id;
}

void SystemEventLoop::CancelTimer(TimerId timer) {
  CheckThread();
  const auto found = timer_times_.find(timer);
  if (found == timer_times_.end()) {
    return;
  }
  const auto node = timers_.extract(std::pair(found->second, timer));
  timer_times_.erase(found);
}

WatchId SystemEventLoop::WatchReadable(int descriptor, absl::AnyInvocable<void()> callback) {
  CheckThread();
  const WatchId id{++last_id_};
  Register(epoll_.get(), descriptor, static_cast<uint64_t>(id));
  watches_.emplace(id, std::make_shared<Watch>(Watch{descriptor, std::move(callback)}));
  return id;
}

void SystemEventLoop::Unwatch(WatchId watch) {
  CheckThread();
  const auto found = watches_.find(watch);
  if (found == watches_.end()) {
    return;
  }
  const std::shared_ptr<Watch> dropped = found->second;
  watches_.erase(found);
  // Fails only when the owner has closed the descriptor already, which unwatches it too.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, dropped->descriptor, nullptr);
}

void SystemEventLoop::Run() {
  BITREPO_CHECK(runner_.load() == std::thread::id(), "one thread runs the loop");
  runner_ = std::this_thread::get_id();
  while (!stop_.exchange(false)) {
    Wait();
  }
  runner_ = std::thread::id();
}

void SystemEventLoop::Stop() {
  stop_ = true;
  Wake();
}

// One turn: waits for something, then runs what is readable, what is due and what was posted.
void SystemEventLoop::Wait() {
  ArmTimer();
  std::array<epoll_event, kEventsPerWait> events;
  const int timeout = HasPosted() ? 0 : -1;
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  BITREPO_CHECK(count >= 0 || errno == EINTR, "epoll waits");
  bool timer_due = false;
  for (int i = 0; i < count; ++i) {
    const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
    if (tag == kWakeTag) {
      Drain(wake_.get());
    } else if (tag == kTimerTag) {
      timer_due = true;
    } else if (const auto found = watches_.find(WatchId{tag}); found != watches_.end()) {
      // Held here: the callback may unwatch itself.
      const std::shared_ptr<Watch> watch = found->second;
      watch->callback();
    }
  }
  if (timer_due) {
    Drain(timer_.get());
    armed_for_ = absl::InfiniteFuture();
    RunDueTimers();
  }
  RunPosted();
}

bool SystemEventLoop::HasPosted() {
  base::MutexLock lock(mutex_);
  return !posted_.empty();
}

void SystemEventLoop::ArmTimer() {
  const absl::Time earliest =
      timers_.empty() ? absl::InfiniteFuture() : timers_.begin()->first.first;
  if (earliest == armed_for_) {
    return;
  }
  armed_for_ = earliest;
  itimerspec spec{};
  if (earliest != absl::InfiniteFuture()) {
    // A zero instant would disarm the timer; what is long due is due at the first nanosecond.
    const absl::Time first = absl::UnixEpoch() + absl::Nanoseconds(1);
    spec.it_value = absl::ToTimespec(std::max(earliest, first));
  }
  BITREPO_CHECK(timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr) == 0,
                "the timer can be set");
}

void SystemEventLoop::RunDueTimers() {
  // Timers set by these callbacks wait for the next turn, so that a timer that renews itself at
  // once leaves room for the rest.
  const absl::Time now = Now();
  const uint64_t last = last_id_;
  for (auto next = timers_.begin(); next != timers_.end() && next->first.first <= now && !stop_;) {
    if (static_cast<uint64_t>(next->first.second) > last) {
      ++next;
      continue;
    }
    auto due = timers_.extract(next);
    timer_times_.erase(due.key().second);
    due.mapped()();
    next = timers_.begin();
  }
}

void SystemEventLoop::RunPosted() {
  std::deque<Callback> batch;
  {
    base::MutexLock lock(mutex_);
    batch.swap(posted_);
  }
  while (!batch.empty() && !stop_) {
    Callback callback = std::move(batch.front());
    batch.pop_front();
    callback();
  }
  if (batch.empty()) {
    return;
  }
  base::MutexLock lock(mutex_);
  posted_.insert(posted_.begin(), std::make_move_iterator(batch.begin()),
                 std::make_move_iterator(batch.end()));
}

}  // namespace bitrepo::runtime
