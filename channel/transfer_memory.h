// SPDX-License-Identifier: Apache-2.0
// The memory that all transfers of a channel share, received and to be sent, and the queue of those
// that wait for it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/buffer.h"
#include "channel/loop_door.h"
#include "channel/transfer/credit.h"

namespace bitrepo::channel {

inline constexpr uint64_t kSendBytesMax =
    64 * 1024 * 1024;  // read, and not yet taken over by the network

// Loop-confined. Held by shared_ptr; the buffers it lends may outlive it and die on any thread.
class TransferMemory : public std::enable_shared_from_this<TransferMemory> {
 public:
  // Someone who waits for memory of either kind.
  class Waiter {
   public:
    virtual ~Waiter() = default;
    // Its turn. True when it still wants more than it got: it goes to the end of the queue.
    virtual bool OnMemoryFreed() = 0;
  };
  TransferMemory(uint64_t received_bytes_max, std::shared_ptr<LoopDoor> door)
      : received_(received_bytes_max), to_send_(kSendBytesMax), door_(std::move(door)) {}

  transfer::CreditPool& received() { return received_; }
  bool TakeToSend(uint64_t bytes) { return to_send_.Take(bytes); }
  // `buffer`, whose bytes were taken with TakeToSend: they are free again when the last copy dies.
  base::Buffer Lend(base::Buffer buffer, uint64_t taken);
  void ReturnToSend(uint64_t bytes);
  // Gets its turns, first come first served, until it wants no more or dies. Call it once at a
  // time.
  void Wait(std::weak_ptr<Waiter> waiter) { waiters_.push_back(std::move(waiter)); }
  // Something was released: turns are given soon.
  void OnFreed();

 private:
  void GiveTurns();

  transfer::CreditPool received_;
  transfer::CreditPool to_send_;
  std::shared_ptr<LoopDoor> door_;
  std::deque<std::weak_ptr<Waiter>> waiters_;
  bool turns_posted_ = false;
};

}  // namespace bitrepo::channel
