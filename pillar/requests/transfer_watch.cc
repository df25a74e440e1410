// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/transfer_watch.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace bitrepo::requests {

// What the channel's loop may reach: it never sees the watch itself.
struct TransferWatch::Shared {
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<bool> stream_open{false};
  std::atomic<bool> paused{false};
  Ended ended;  // on the loop only; empty once it was called or the watch died
};

TransferWatch::TransferWatch(const RequestParts& parts, uint64_t held_bytes, Ended ended)
    : loop_(parts.loop),
      idle_(parts.transfer_idle),
      shared_(std::make_shared<Shared>()),
      seen_bytes_(held_bytes),
      seen_at_(parts.loop.Now()),
      stream_seen_at_(seen_at_) {
  shared_->ended = std::move(ended);
}

TransferWatch::~TransferWatch() { shared_->ended = nullptr; }

channel::TransferEvents TransferWatch::Events() {
  channel::TransferEvents events;
  events.on_progress = [shared = shared_](uint64_t bytes_done) {
    shared->bytes_done.store(bytes_done, std::memory_order_relaxed);
  };
  events.on_stream = [shared = shared_](bool open) {
    shared->stream_open.store(open, std::memory_order_relaxed);
  };
  events.on_paused = [shared = shared_](bool paused) {
    shared->paused.store(paused, std::memory_order_relaxed);
  };
  events.on_end = [shared = shared_, loop = &loop_](absl::Status how) {
    loop->Post([shared, how = std::move(how)] {
      if (shared->ended == nullptr) return;
      Ended ended = std::move(shared->ended);
      shared->ended = nullptr;
      ended(how);
    });
  };
  return events;
}

uint64_t TransferWatch::bytes_done() const {
  return std::max(seen_bytes_, shared_->bytes_done.load(std::memory_order_relaxed));
}

absl::Duration TransferWatch::StillFor(absl::Time now) {
  const uint64_t bytes = bytes_done();
  const bool moved = std::exchange(seen_bytes_, bytes) != bytes;
  waits_for_credit_ = !moved && shared_->paused.load(std::memory_order_relaxed);
  // Time in which the receiver wants nothing is nobody's fault.
  if (moved || waits_for_credit_) seen_at_ = now;
  return now - seen_at_;
}

absl::Duration TransferWatch::WithoutStreamFor(absl::Time now) {
  if (shared_->stream_open.load(std::memory_order_relaxed)) stream_seen_at_ = now;
  return now - stream_seen_at_;
}

void TransferWatch::HoldStreamOpen() { shared_->stream_open = true; }

bool TransferWatch::StoodStill(absl::Time now) { return StillFor(now) >= idle_; }

}  // namespace bitrepo::requests
