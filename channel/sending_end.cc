// SPDX-License-Identifier: Apache-2.0
#include "channel/sending_end.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;
using transfer::SenderOutbox;

SendingEnd::SendingEnd(TransferServices services, StreamPort port, std::shared_ptr<Source> source,
                       bool acknowledges, Owner& owner)
    : services_(std::move(services)),
      port_(std::move(port)),
      source_(std::move(source)),
      acknowledges_(acknowledges),
      owner_(&owner),
      flow_(services_.pace->Join({})) {}

void SendingEnd::Start(std::vector<base::ByteRange> ranges, uint64_t credit) {
  SenderOutbox outbox;
  machine_ = std::make_unique<transfer::Sender>(
      transfer::SenderSpec{std::move(ranges), Pace(credit), port_.session().segment_bytes_max()},
      outbox);
  machine_->OnBlocked(port_.session().blocked(), outbox);
  Run(std::move(outbox));
}

void SendingEnd::OnFrame(const transfer::FrameHeader& header) {
  SenderOutbox outbox;
  switch (header.type) {
    case FrameType::kCredit:
      machine_->OnCredit(Pace(header.offset), outbox);
      break;
    case FrameType::kNack:
      machine_->OnNack(header.number, outbox);
      break;
    case FrameType::kStored:
      if (owner_ != nullptr) {
        owner_->OnStored(header.offset);
      }
      break;
    default:
      BITREPO_CHECK(false, "a sending end hears what a receiver says");
  }
  Run(std::move(outbox));
}

void SendingEnd::OnBlocked(bool blocked) {
  SenderOutbox outbox;
  machine_->OnBlocked(blocked, outbox);
  Run(std::move(outbox));
}

void SendingEnd::OnGranted(const transfer::OpenAnswer& answer) {
  SenderOutbox outbox;
  machine_->OnMissing(answer.missing, outbox);
  machine_->OnCredit(Pace(answer.credit), outbox);
  Run(std::move(outbox));
}

bool SendingEnd::OnMemoryFreed() {
  waiting_ = false;
  Read();
  return waiting_;
}

uint64_t SendingEnd::Pace(uint64_t credit) {
  credit_ = std::max(credit_, credit);
  flow_->StopWaiting();
  if (!flow_->limited()) {
    used_ = credit_;
    return used_;
  }
  services_.pace->CatchUp();
  while (used_ < credit_) {
    const uint64_t step = flow_->Room(credit_ - used_, flow_->segment_bytes());
    if (step == 0) {
      break;
    }
    // What is sent is spent: it waits for nobody on this side.
    flow_->OnGranted(step);
    flow_->OnArrived(step);
    used_ += step;
  }
  if (flow_->waiting() && !in_line_) {
    in_line_ = true;
    services_.pace->Wait(weak_from_this());
  }
  services_.pace->Arm();
  return used_;
}

RateGate::Turn SendingEnd::OnTurn() {
  if (owner_ == nullptr) {
    return RateGate::Turn::kLeaves;
  }
  const uint64_t before = used_;
  SenderOutbox outbox;
  machine_->OnCredit(Pace(credit_), outbox);
  in_line_ = flow_->waiting();
  const RateGate::Turn turn = !in_line_         ? RateGate::Turn::kLeaves
                              : used_ != before ? RateGate::Turn::kServed
                                                : RateGate::Turn::kWaits;
  Run(std::move(outbox));
  return turn;
}

void SendingEnd::Run(SenderOutbox outbox) {
  const std::shared_ptr<SendingEnd> self = shared_from_this();
  for (transfer::SenderEffect& effect : outbox) {
    if (owner_ == nullptr) {
      return;
    }
    if (auto* read = std::get_if<transfer::ReadSegment>(&effect)) {
      to_read_.push_back(*read);
    } else if (auto* send = std::get_if<transfer::SendSegment>(&effect)) {
      if (acknowledges_) {
        SayAck(send->number, send->range, absl::OkStatus());
      }
      sent_bytes_ += send->range.length();
      port_.SaySegment(FrameType::kData, send->number, send->range.offset(),
                       std::move(send->bytes));
    } else if (auto* refuse = std::get_if<transfer::RefuseSegment>(&effect)) {
      if (acknowledges_) {
        SayAck(refuse->number, refuse->range, refuse->why);
      }
    } else if (std::holds_alternative<transfer::AllSent>(effect)) {
      owner_->OnAllSent();
    } else if (auto* failed = std::get_if<transfer::SenderFailed>(&effect)) {
      to_read_.clear();
      owner_->OnSendFailed(failed->why, failed->violation);
    }
  }
  if (!waiting_) {
    Read();
    if (waiting_) {
      services_.memory->Wait(weak_from_this());
    }
  }
  if (owner_ != nullptr && paused_ != machine_->wants_credit()) {
    paused_ = !paused_;
    owner_->OnPaused(paused_);
  }
}

void SendingEnd::Read() {
  while (owner_ != nullptr && !to_read_.empty()) {
    const transfer::ReadSegment next = to_read_.front();
    const uint64_t taken = next.range.length();
    if (!services_.memory->TakeToSend(taken)) {
      waiting_ = true;
      return;
    }
    to_read_.pop_front();
    source_->Read(next.range,
                  [door = services_.door, memory = services_.memory, weak = weak_from_this(),
                   number = next.number, taken](absl::StatusOr<base::Buffer> bytes) {
                    door->Post([weak, memory, number, taken, bytes = std::move(bytes)]() mutable {
                      if (std::shared_ptr<SendingEnd> self = weak.lock()) {
                        self->OnRead(number, taken, std::move(bytes));
                      } else {
                        memory->ReturnToSend(taken);
                      }
                    });
                  });
  }
}

void SendingEnd::OnRead(uint64_t number, uint64_t taken, absl::StatusOr<base::Buffer> bytes) {
  if (bytes.ok()) {
    bytes = services_.memory->Lend(*std::move(bytes), taken);
  } else {
    services_.memory->ReturnToSend(taken);
  }
  SenderOutbox outbox;
  machine_->OnRead(number, std::move(bytes), outbox);
  Run(std::move(outbox));
}

void SendingEnd::SayAck(uint64_t number, const base::ByteRange& range, const absl::Status& status) {
  transfer::AckPayload ack;
  ack.length = range.length();
  ack.status = transfer::ResponseOf(status).code();
  port_.SaySegment(FrameType::kAck, number, range.offset(),
                   base::Buffer::Of(transfer::SerializeAck(ack)));
}

}  // namespace bitrepo::channel
