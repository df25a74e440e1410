// SPDX-License-Identifier: Apache-2.0
// The end of a stream that sends: reads its source as the machine wants, and says the segments.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "channel/source.h"
#include "channel/stream_port.h"
#include "channel/transfer/sender.h"

namespace bitrepo::channel {

// Loop-confined. Of one stream; held by shared_ptr by its owner, who calls Stop before it goes.
class SendingEnd final : public TransferMemory::Waiter,
                         public RateGate::Waiter,
                         public std::enable_shared_from_this<SendingEnd> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnAllSent() = 0;               // once
    virtual void OnStored(uint64_t bytes) = 0;  // written at the receiver
    // It has no credit for what it would send; or that is over.
    virtual void OnPaused(bool paused) = 0;
    // The last call. A violation is the peer's.
    virtual void OnSendFailed(const absl::Status& why, bool violation) = 0;
  };
  // `acknowledges`: an ACK goes before each segment.
  SendingEnd(TransferServices services, StreamPort port, std::shared_ptr<Source> source,
             bool acknowledges, Owner& owner);
  void Start(std::vector<base::ByteRange> ranges, uint64_t credit);
  void Stop() { owner_ = nullptr; }

  // CREDIT, STORED, NACK.
  void OnFrame(const transfer::FrameHeader& header);
  void OnBlocked(bool blocked);
  void OnGranted(
      const transfer::OpenAnswer& answer);  // a store: what the receiver lacks, and its credit
  bool OnMemoryFreed() override;
  uint64_t sent_bytes() const { return sent_bytes_; }  // on this stream, again included
  RateGate::Turn OnTurn() override;
  bool wants_credit() const { return machine_->wants_credit(); }

 private:
  void Run(transfer::SenderOutbox outbox);
  // What of the receiver's credit this side uses now, by its own pace.
  uint64_t Pace(uint64_t credit);
  void Read();
  void OnRead(uint64_t number, uint64_t taken, absl::StatusOr<base::Buffer> bytes);
  void SayAck(uint64_t number, const base::ByteRange& range, const absl::Status& status);

  TransferServices services_;
  StreamPort port_;
  std::shared_ptr<Source> source_;
  const bool acknowledges_;
  Owner* owner_;
  std::unique_ptr<transfer::RateFlow> flow_;
  uint64_t credit_ = 0;  // as the receiver has said
  uint64_t used_ = 0;    // of it, until now
  bool in_line_ = false;
  bool paused_ = false;
  std::unique_ptr<transfer::Sender> machine_;
  std::deque<transfer::ReadSegment> to_read_;  // waits for memory
  bool waiting_ = false;
  uint64_t sent_bytes_ = 0;
};

}  // namespace bitrepo::channel
