// SPDX-License-Identifier: Apache-2.0
// The end of a transfer that receives: hands verified segments to its sink, and says credit as they
// are written.
#pragma once

#include <memory>
#include <utility>

#include "channel/sink.h"
#include "channel/stream_port.h"
#include "channel/transfer/receiver.h"

namespace bitrepo::channel {

// Loop-confined. Of one transfer, over as many streams as it takes; held by shared_ptr by its
// owner, who calls Stop before it goes.
class ReceivingEnd final : public TransferMemory::Waiter,
                           public RateGate::Waiter,
                           public std::enable_shared_from_this<ReceivingEnd> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnWritten(uint64_t bytes) = 0;  // in all
    // The sender has no credit, and gets none for now; or that is over.
    virtual void OnPaused(bool paused) = 0;
    // Everything has come and was written: the sink is asked to commit next.
    virtual std::optional<base::Digest> DigestToCommit(std::optional<base::Digest> sent) = 0;
    virtual void OnCommitted(const wire::ResponseInfo& response) = 0;
    // The last call. A violation is the peer's.
    virtual void OnReceiveFailed(const absl::Status& why, bool violation) = 0;
  };
  // `terms`: whose bytes they are; each stream adds its session.
  ReceivingEnd(TransferServices services, std::shared_ptr<Sink> sink, transfer::ReceiverSpec spec,
               transfer::RateTerms terms, Owner& owner);
  void Stop() { owner_ = nullptr; }

  // A stream begins on which `unasked` bytes may come before any credit is said. False: no memory
  // for them now.
  bool Attach(StreamPort port, uint64_t unasked);
  void OnGranted();  // the other side has opened the stream too
  void Detach();     // the stream has ended
  // DATA, ACK, COMMIT.
  void OnFrame(const transfer::FrameHeader& header, base::Buffer payload, bool intact);
  bool OnMemoryFreed() override;
  RateGate::Turn OnTurn() override;

  const transfer::Receiver& machine() const { return machine_; }
  // The sink has been asked to commit and has not answered.
  bool committing() const { return committing_; }

 private:
  void Run(transfer::ReceiverOutbox outbox);
  void StandInLine();
  void Write(transfer::WriteSegment write);
  void Commit(transfer::CommitSegments all);

  TransferServices services_;
  std::shared_ptr<Sink> sink_;
  transfer::RateTerms terms_;
  Owner* owner_;
  std::unique_ptr<transfer::RateFlow> flow_;  // of the present stream; outlives its use in machine_
  transfer::Receiver machine_;
  StreamPort port_;
  bool waiting_ = false;  // for memory
  bool in_line_ = false;  // for its turn under a rate
  bool paused_ = false;
  bool committing_ = false;
};

}  // namespace bitrepo::channel
