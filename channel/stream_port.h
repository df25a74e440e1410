// SPDX-License-Identifier: Apache-2.0
// One stream of one session, as the two ends of a transfer speak on it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "base/runtime/event_loop.h"
#include "channel/loop_door.h"
#include "channel/peer_session.h"
#include "channel/rate_gate.h"
#include "channel/transfer_memory.h"

namespace bitrepo::channel {

// What every transfer stands on. Loop-confined; copied freely.
struct TransferServices {
  runtime::EventLoop* loop = nullptr;
  std::shared_ptr<LoopDoor> door;
  std::shared_ptr<TransferMemory> memory;
  std::shared_ptr<RateGate> rates;  // of what comes
  std::shared_ptr<RateGate> pace;   // of what is sent: this side's own wish, within its credit
};

// Loop-confined value; empty until bound.
class StreamPort {
 public:
  StreamPort() = default;
  StreamPort(std::shared_ptr<PeerSession> session, uint32_t stream)
      : session_(std::move(session)), stream_(stream) {}
  explicit operator bool() const { return session_ != nullptr; }
  PeerSession& session() const { return *session_; }
  uint32_t stream() const { return stream_; }

  void Say(transfer::FrameType type, std::string payload = {}) const {
    session_->Say(type, stream_, std::move(payload));
  }
  void SayEnd(transfer::FrameType type, const wire::ResponseInfo& response) const {
    Say(type, transfer::WriteStreamEnd(response));
  }
  void SayCount(transfer::FrameType type, uint64_t bytes) const {
    session_->SayCount(type, stream_, bytes);
  }
  void SaySegment(transfer::FrameType type, uint64_t number, uint64_t offset,
                  base::Buffer payload) const {
    session_->SaySegment(type, stream_, number, offset, std::move(payload));
  }

 private:
  std::shared_ptr<PeerSession> session_;
  uint32_t stream_ = 0;
};

}  // namespace bitrepo::channel
