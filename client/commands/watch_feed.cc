// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_feed.h"

#include <future>
#include <utility>

#include "absl/time/clock.h"

namespace bitrepo::commands {

// Thread-safe.
class WatchFeed::Mailbox final : public bus::WatchSubscriber::Handler {
 public:
  void OnWatchConnected() override { Note("watching"); }
  void OnWatchDisconnected() override { Note("the watch stream broke off; waiting for it"); }
  void OnWatchCopy(const bus::WatchCopy& copy) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    lost_ += copy.missed;
    const size_t bytes = sizeof(Copy) + copy.header.SpaceUsedLong() + copy.body.SpaceUsedLong();
    if (waiting_.bytes + bytes > kWaitingBytesMax) {
      ++lost_;
      ++lost_here_;
      return;
    }
    waiting_.bytes += bytes;
    waiting_.copies.push_back({copy, absl::Now()});
    waiting_.copies.back().copy.missed += std::exchange(lost_here_, 0);
    changed_.notify_all();
  }
  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  Batch Take(absl::Time deadline) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto ready = [this] {
      return closed_ || !waiting_.copies.empty() || !waiting_.notes.empty();
    };
    if (deadline == absl::InfiniteFuture()) {
      changed_.wait(lock, ready);
    } else {
      changed_.wait_for(lock, absl::ToChronoNanoseconds(deadline - absl::Now()), ready);
    }
    Batch taken = std::exchange(waiting_, {});
    taken.closed = closed_;
    return taken;
  }
  uint64_t lost() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lost_;
  }

 private:
  void Note(std::string text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.notes.push_back(std::move(text));
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  Batch waiting_;
  uint64_t lost_ = 0;
  uint64_t lost_here_ = 0;  // since the last that was kept
  bool closed_ = false;
};

WatchFeed::WatchFeed(Session& session) : session_(session), mailbox_(std::make_shared<Mailbox>()) {
  session.OnInterrupt([mailbox = mailbox_] { mailbox->Close(); });
}

WatchFeed::~WatchFeed() {
  if (client_ == nullptr) return;
  std::promise<void> ended;
  client_->Post([&](client::Client&) {
    subscriber_.reset();
    ended.set_value();
  });
  ended.get_future().wait();
}

bool WatchFeed::Start(client::BlockingClient& client, absl::Duration time_limit) {
  const std::string endpoint = session_.welcome().watch_endpoint();
  if (endpoint.empty()) {
    session_.report().Error(
        {.code = ExitCode::kRefused,
         .message = "this coordinator has no watch stream: its settings name no watch_listen"});
    return false;
  }
  client_ = &client;
  std::promise<absl::Status> promise;
  client.Post([&, mailbox = mailbox_](client::Client&) {
    auto made = session_.parts().make_watch(client.loop(), endpoint);
    absl::Status started = made.status();
    if (made.ok()) {
      subscriber_ = *std::move(made);
      started = subscriber_->Start(*mailbox);
    }
    if (time_limit != absl::InfiniteDuration()) {
      client.loop().RunAfter(time_limit, [mailbox] { mailbox->Close(); });
    }
    promise.set_value(started);
  });
  const absl::Status started = promise.get_future().get();
  if (!started.ok()) {
    session_.report().Error({.code = ExitCode::kUnreachable,
                             .message = std::string(started.message()),
                             .retryable = true});
  }
  return started.ok();
}

WatchFeed::Batch WatchFeed::Take(absl::Time deadline) { return mailbox_->Take(deadline); }
void WatchFeed::Close() { mailbox_->Close(); }
uint64_t WatchFeed::lost() const { return mailbox_->lost(); }

}  // namespace bitrepo::commands
