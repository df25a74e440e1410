// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer_memory.h"

#include <utility>

namespace bitrepo::channel {
namespace {

// Gives the bytes back when the last buffer that shares it dies, on whichever thread.
class Loan {
 public:
  Loan(base::Buffer buffer, uint64_t bytes, std::weak_ptr<TransferMemory> memory,
       std::shared_ptr<LoopDoor> door)
      : buffer_(std::move(buffer)),
        bytes_(bytes),
        memory_(std::move(memory)),
        door_(std::move(door)) {}
  ~Loan() {
    door_->Post([memory = std::move(memory_), bytes = bytes_] {
      if (std::shared_ptr<TransferMemory> lender = memory.lock()) {
        lender->ReturnToSend(bytes);
      }
    });
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

 private:
  base::Buffer buffer_;
  uint64_t bytes_;
  std::weak_ptr<TransferMemory> memory_;
  std::shared_ptr<LoopDoor> door_;
};

}  // namespace

base::Buffer TransferMemory::Lend(base::Buffer buffer, uint64_t taken) {
  const std::span<const std::byte> bytes = buffer.bytes();
  return base::Buffer(bytes,
                      std::make_shared<Loan>(std::move(buffer), taken, weak_from_this(), door_));
}

void TransferMemory::ReturnToSend(uint64_t bytes) {
  to_send_.Return(bytes);
  OnFreed();
}

void TransferMemory::OnFreed() {
  if (waiters_.empty() || std::exchange(turns_posted_, true)) {
    return;
  }
  door_->Post([weak = weak_from_this()] {
    if (std::shared_ptr<TransferMemory> self = weak.lock()) {
      self->GiveTurns();
    }
  });
}

void TransferMemory::GiveTurns() {
  turns_posted_ = false;
  for (size_t turns = waiters_.size(); turns > 0; --turns) {
    std::weak_ptr<Waiter> weak = std::move(waiters_.front());
    waiters_.pop_front();
    std::shared_ptr<Waiter> waiter = weak.lock();
    if (waiter != nullptr && waiter->OnMemoryFreed()) {
      waiters_.push_back(std::move(weak));
    }
  }
}

}  // namespace bitrepo::channel
