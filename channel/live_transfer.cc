// SPDX-License-Identifier: Apache-2.0
#include "channel/live_transfer.h"

#include "absl/strings/str_cat.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;

void LiveTransfer::OnFrame(const transfer::FrameHeader& header, base::Buffer payload, bool intact) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  absl::Status fault;
  if (header.type == FrameType::kAbort) {
    absl::StatusOr<wire::ResponseInfo> response = transfer::ReadStreamEnd(payload.text());
    fault = response.status();
    if (response.ok()) {
      const absl::Status why = transfer::StatusOf(*response);
      Conclude(why.ok() ? absl::CancelledError("the peer has ended the transfer") : why);
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
  if (!ended_) {
    StreamBroke(why);
  }
}

void LiveTransfer::End(const absl::Status& why) {
  if (!ended_ && port_ && !why.ok()) {
    port_.SayEnd(FrameType::kAbort, transfer::ResponseOf(why));
  }
  Conclude(why);
}

void LiveTransfer::EndSaying(FrameType type, const wire::ResponseInfo& response) {
  if (!ended_ && port_) {
    port_.SayEnd(type, response);
  }
  Conclude(transfer::StatusOf(response));
}

void LiveTransfer::Conclude(const absl::Status& why) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (std::exchange(ended_, true)) {
    return;
  }
  CloseStream();
  LetGo(why);
  if (events_.on_end) {
    std::exchange(events_.on_end, nullptr)(why);
  }
  events_.on_progress = nullptr;
  events_.on_paused = nullptr;
  Forget();
}

void LiveTransfer::Progress(uint64_t bytes_done) {
  if (!ended_ && events_.on_progress) {
    events_.on_progress(bytes_done);
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
    port.session().EndStream(port.stream());
  }
}

}  // namespace bitrepo::channel
