// SPDX-License-Identifier: Apache-2.0
// Absolute byte credit: a limit that only rises, granted by the receiver out of the memory that all
// its streams share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "channel/transfer/rate_limiter.h"

namespace bitrepo::transfer {

// Most that is granted on one stream beyond what has been released there: a sender may forget what
// lies deeper.
inline constexpr uint64_t kStreamWindowBytes = 16 * 1024 * 1024;

// The sender's view of one stream. Credit counts the payload of DATA as sent, what is sent again
// included. Loop-confined value.
class CreditLimit {
 public:
  explicit CreditLimit(uint64_t limit) : limit_(limit) {}
  void Raise(uint64_t limit);  // a lower limit than the present one says nothing
  bool Spend(uint64_t bytes);  // false, and nothing spent, when they do not fit
  uint64_t left() const { return limit_ - spent_; }
  uint64_t spent() const { return spent_; }
  uint64_t limit() const { return limit_; }

 private:
  uint64_t limit_;
  uint64_t spent_ = 0;
};

// What a receiving process can still take on, over all streams. Loop-confined; outlives the windows
// that draw on it.
class CreditPool {
 public:
  explicit CreditPool(uint64_t bytes_max) : free_(bytes_max), bytes_max_(bytes_max) {}
  bool Take(uint64_t bytes);  // all or nothing
  void Return(uint64_t bytes);
  uint64_t free() const { return free_; }
  uint64_t bytes_max() const { return bytes_max_; }
  // Kept for streams that begin or have nothing: running ones do not grow into it.
  uint64_t reserve() const { return bytes_max_ / kReserveShare; }

 private:
  friend class CreditWindow;
  static constexpr uint64_t kReserveShare = 4;
  uint64_t free_;
  uint64_t bytes_max_;
  size_t hungry_ = 0;  // windows that wait their turn
};

// The receiver's view of one transfer, over the streams that carry it one after the other.
// Invariant: granted and not arrived, plus arrived and not released, is taken from the pool and at
// most the window.
class CreditWindow {
 public:
  // Requires: `window_bytes` is at least a segment and at most kStreamWindowBytes.
  explicit CreditWindow(CreditPool& pool, uint64_t window_bytes = kStreamWindowBytes);
  ~CreditWindow();  // gives everything back
  CreditWindow(const CreditWindow&) = delete;
  CreditWindow& operator=(const CreditWindow&) = delete;

  // A stream begins on which `bytes` may come unasked. False when the pool cannot cover them.
  // `flow`: the rates it is under; nullptr: none. It outlives the stream.
  bool Begin(uint64_t bytes, RateFlow* flow = nullptr);
  // The stream has ended: nothing more arrives on it.
  void End();
  // kResourceExhausted: beyond the limit; nothing counted.
  absl::Status Arrive(uint64_t bytes);
  // Nothing more arrives, whatever was granted.
  void Complete();
  // What arrived is no longer held.
  void Release(uint64_t bytes);
  // The new limit, when it can rise by a useful step; `to_come` is what the sender may still have
  // to send. While other windows are hungry it waits its `turn` like them: the host gives turns,
  // first come first served. `again`: of the largest segment that is to come again whole, which
  // needs so much credit at once.
  std::optional<uint64_t> Grow(uint64_t to_come, bool turn, uint64_t again = 0);
  // True when the last Grow stopped only because the pool had nothing for it.
  bool hungry() const { return hungry_; }
  bool limited() const { return flow_ != nullptr && flow_->limited(); }
  // True when the last Grow stopped because of a rate.
  bool slowed() const { return flow_ != nullptr && flow_->waiting(); }
  uint64_t ahead() const { return limit_ - arrived_; }  // granted, not arrived
  uint64_t limit() const { return limit_; }
  uint64_t committed() const { return limit_ - arrived_ + held_; }

 private:
  void SetHungry(bool hungry);

  CreditPool& pool_;
  const uint64_t window_bytes_;
  RateFlow* flow_ = nullptr;  // of the present stream
  bool hungry_ = false;
  uint64_t limit_ = 0;    // of the present stream
  uint64_t arrived_ = 0;  // on the present stream
  uint64_t held_ = 0;     // arrived on any, not released
};

}  // namespace bitrepo::transfer
