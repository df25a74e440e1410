// SPDX-License-Identifier: Apache-2.0
#include "channel/live_transfer.h"

#include "absl/strings/str_cat.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;

void LiveTransfer::OnFrame(const transfer::FrameHeader& header, base::Buffer payload, bool intact) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  const transfer::StreamCell cell =
      transfer::StreamTransition(stream_state_, transfer::StreamEventOf(header.type));
  if (cell.action == transfer::StreamAction::kCut) {
    Violation(absl::InvalidArgumentError(absl::StrCat(transfer::FrameName(header.type),
                                                      " has no place on a stream that is ",
                                                      transfer::StreamStateName(stream_state_))));
    return;
  }
  stream_state_ = cell.next;
  absl::Status fault;
  if (header.type == FrameType::kAbort) {
    absl::StatusOr<wire::ResponseInfo> response = transfer::ReadStreamEnd(payload.text());
    fault = response.status();
    if (response.ok()) {
      if (response->code() == wire::OPERATION_COMPLETED) {  // ABORT is no success, whatever it says
        response->set_code(wire::CANCELLED);
        response->set_text("the peer has ended the transfer");
      }
      EndTold(*response);
      return;
    }
  } else {
    fault = TakeFrame(header, std::move(payload), intact);
  }
  if (!fault.ok()) {
    Violation(fault);
  }
}

void LiveTransfer::OnBroken(const absl::Status& why) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  port_ = StreamPort();
  Step(transfer::StreamEvent::kBroke);
  if (!ended_) {
    StreamBroke(why);
  }
}

void LiveTransfer::End(const absl::Status& why) {
  const wire::ResponseInfo outcome = transfer::ResponseOf(why);
  if (!ended_ && port_ && !why.ok()) {
    port_.SayEnd(FrameType::kAbort, outcome);
  }
  Conclude(why, outcome);
}

void LiveTransfer::EndTold(const wire::ResponseInfo& response) {
  Conclude(transfer::StatusOf(response), response);
}

void LiveTransfer::EndSaying(FrameType type, const wire::ResponseInfo& response) {
  if (!ended_ && port_) {
    port_.SayEnd(type, response);
  }
  Conclude(transfer::StatusOf(response), response);
}

void LiveTransfer::Conclude(const absl::Status& why, const wire::ResponseInfo& outcome) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (std::exchange(ended_, true)) {
    return;
  }
  outcome_ = outcome;
  CloseStream();
  LetGo(why);
  if (events_.on_end) {
    std::exchange(events_.on_end, nullptr)(why);
  }
  events_.on_progress = nullptr;
  events_.on_stream = nullptr;
  events_.on_paused = nullptr;
  Forget();
}

void LiveTransfer::Enter(StreamPort port, transfer::StreamState state) {
  port_ = std::move(port);
  stream_state_ = state;
}

void LiveTransfer::Progress(uint64_t bytes_done) {
  if (!ended_ && events_.on_progress) {
    events_.on_progress(bytes_done);
  }
}

void LiveTransfer::TellStream(bool open) {
  if (!ended_ && events_.on_stream) {
    events_.on_stream(open);
  }
}

void LiveTransfer::Paused(bool paused) {
  if (!ended_ && events_.on_paused) {
    events_.on_paused(paused);
  }
}

void LiveTransfer::Violation(const absl::Status& why) {
  if (port_) {
    const std::shared_ptr<PeerSession> session = port_.session().shared_from_this();
    session->OnViolation(why);
  }
}

void LiveTransfer::CloseStream() {
  if (port_) {
    const StreamPort port = std::exchange(port_, StreamPort());
    Step(transfer::StreamEvent::kEndSaid);
    port.session().EndStream(port.stream());
  }
}

}  // namespace bitrepo::channel
