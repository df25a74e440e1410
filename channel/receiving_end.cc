// SPDX-License-Identifier: Apache-2.0
#include "channel/receiving_end.h"

#include <variant>

#include "base/check.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;
using transfer::ReceiverOutbox;

ReceivingEnd::ReceivingEnd(TransferServices services, std::shared_ptr<Sink> sink,
                           transfer::ReceiverSpec spec, transfer::RateTerms terms, Owner& owner)
    : services_(std::move(services)),
      sink_(std::move(sink)),
      terms_(std::move(terms)),
      owner_(&owner),
      machine_(std::move(spec), services_.memory->received()) {}

bool ReceivingEnd::Attach(StreamPort port, uint64_t unasked) {
  ReceiverOutbox outbox;
  terms_.session = port.session().connection();
  flow_ = services_.rates->Join(terms_);
  if (!machine_.OnOpened(unasked, outbox, flow_.get())) {
    flow_.reset();
    return false;
  }
  port_ = std::move(port);
  Run(std::move(outbox));
  return true;
}

void ReceivingEnd::OnGranted() {
  services_.rates->CatchUp();
  ReceiverOutbox outbox;
  machine_.OnGranted(outbox);
  Run(std::move(outbox));
}

void ReceivingEnd::Detach() {
  port_ = StreamPort();
  services_.rates->CatchUp();
  machine_.OnClosed();
  flow_.reset();
  services_.rates->Arm();
  services_.memory->OnFreed();
}

void ReceivingEnd::OnFrame(const transfer::FrameHeader& header, base::Buffer payload, bool intact) {
  services_.rates->CatchUp();
  ReceiverOutbox outbox;
  absl::Status fault;
  switch (header.type) {
    case FrameType::kData:
      machine_.OnData(header, std::move(payload), intact, outbox);
      break;
    case FrameType::kAck: {
      absl::StatusOr<transfer::AckPayload> ack = transfer::ParseAck(payload.text());
      fault = ack.status();
      if (ack.ok()) {
        machine_.OnAck(header.number, header.offset, *ack, outbox);
      }
      break;
    }
    case FrameType::kCommit: {
      absl::StatusOr<transfer::CommitRequest> commit = transfer::ReadCommit(payload.text());
      fault = commit.status();
      if (commit.ok()) {
        machine_.OnCommit(*std::move(commit), outbox);
      }
      break;
    }
    default:
      BITREPO_CHECK(false, "a receiving end hears what is sent");
  }
  if (!fault.ok()) {
    outbox.emplace_back(transfer::ReceiverFailed{fault, true});
  }
  Run(std::move(outbox));
}

bool ReceivingEnd::OnMemoryFreed() {
  waiting_ = false;
  services_.rates->CatchUp();
  ReceiverOutbox outbox;
  machine_.OnPoolFreed(outbox);
  waiting_ = machine_.hungry();
  Run(std::move(outbox));
  return waiting_;
}

RateGate::Turn ReceivingEnd::OnTurn() {
  const uint64_t before = machine_.credit_limit();
  ReceiverOutbox outbox;
  machine_.OnRateTurn(outbox);
  in_line_ = machine_.slowed();
  const bool served = machine_.credit_limit() != before;
  const bool waits = in_line_;
  Run(std::move(outbox));
  return !waits   ? RateGate::Turn::kLeaves
         : served ? RateGate::Turn::kServed
                  : RateGate::Turn::kWaits;
}

void ReceivingEnd::Run(ReceiverOutbox outbox) {
  const std::shared_ptr<ReceivingEnd> self = shared_from_this();
  for (transfer::ReceiverEffect& effect : outbox) {
    if (owner_ == nullptr) {
      return;
    }
    if (auto* write = std::get_if<transfer::WriteSegment>(&effect)) {
      Write(std::move(*write));
    } else if (auto* nack = std::get_if<transfer::NackSegment>(&effect)) {
      if (port_) {
        const absl::Status why = absl::DataLossError("the segment arrived damaged");
        port_.SaySegment(FrameType::kNack, nack->number, nack->range.offset(),
                         base::Buffer::Of(transfer::WriteStreamEnd(transfer::ResponseOf(why))));
      }
    } else if (auto* credit = std::get_if<transfer::RaiseCredit>(&effect)) {
      if (port_) {
        port_.SayCount(FrameType::kCredit, credit->limit);
      }
    } else if (auto* stored = std::get_if<transfer::TellStored>(&effect)) {
      if (port_) {
        port_.SayCount(FrameType::kStored, stored->bytes);
      }
      owner_->OnWritten(stored->bytes);
    } else if (auto* all = std::get_if<transfer::CommitSegments>(&effect)) {
      Commit(std::move(*all));
    } else if (auto* unreadable = std::get_if<transfer::StreamUnreadable>(&effect)) {
      if (port_) {
        port_.session().OnViolation(unreadable->why);
      }
    } else if (auto* failed = std::get_if<transfer::ReceiverFailed>(&effect)) {
      owner_->OnReceiveFailed(failed->why, failed->violation);
    }
  }
  StandInLine();
}

void ReceivingEnd::StandInLine() {
  if (!waiting_ && machine_.hungry()) {
    waiting_ = true;
    services_.memory->Wait(weak_from_this());
  }
  if (!in_line_ && machine_.slowed()) {
    in_line_ = true;
    services_.rates->Wait(weak_from_this());
  }
  services_.rates->Arm();
  if (owner_ != nullptr && paused_ != machine_.grants_none()) {
    paused_ = !paused_;
    owner_->OnPaused(paused_);
  }
}

void ReceivingEnd::Write(transfer::WriteSegment write) {
  sink_->Write(
      write.range, std::move(write.bytes),
      [door = services_.door, weak = weak_from_this(), number = write.write](absl::Status how) {
        door->Post([weak, number, how = std::move(how)] {
          std::shared_ptr<ReceivingEnd> self = weak.lock();
          if (self == nullptr) {
            return;
          }
          self->services_.rates->CatchUp();
          ReceiverOutbox outbox;
          self->machine_.OnWritten(number, how, outbox);
          self->Run(std::move(outbox));
          self->services_.memory->OnFreed();
        });
      });
}

void ReceivingEnd::Commit(transfer::CommitSegments all) {
  committing_ = true;
  sink_->Commit(all.size_bytes, owner_->DigestToCommit(std::move(all.sha256)),
                [door = services_.door, weak = weak_from_this()](wire::ResponseInfo response) {
                  door->Post([weak, response = std::move(response)] {
                    std::shared_ptr<ReceivingEnd> self = weak.lock();
                    if (self == nullptr || self->owner_ == nullptr) {
                      return;
                    }
                    self->committing_ = false;
                    self->owner_->OnCommitted(response);
                  });
                });
}

}  // namespace bitrepo::channel
