// SPDX-License-Identifier: Apache-2.0
#include "channel/dialled_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "channel/transfer/control_payload.h"
#include "channel/transfer/token.h"

namespace bitrepo::channel {

using transfer::FrameType;

DialledTransfer::DialledTransfer(TransferServices services, TransferId id, std::string token,
                                 TransferEvents events, Host& host)
    : LiveTransfer(std::move(services), std::move(events)),
      id_(id),
      token_text_(std::move(token)),
      host_(host) {}

void DialledTransfer::Start() {
  absl::StatusOr<wire::TokenBody> token = transfer::ReadToken(token_text_);
  if (!token.ok()) {
    End(token.status());
    return;
  }
  absl::Status fit;
  if (verb() != wire::INQUIRE && token->verb() != verb()) {
    fit = absl::PermissionDeniedError("the token is not for this verb");
  } else if (token->endpoints().empty()) {
    fit = absl::InvalidArgumentError("the token names no endpoint");
  } else {
    fit = Prepare(*token);
  }
  if (!fit.ok()) {
    End(fit);
    return;
  }
  endpoints_.assign(token->endpoints().begin(), token->endpoints().end());
  Dial();
}

void DialledTransfer::Dial() {
  host_.WantSession(endpoints_[endpoint_],
                    std::static_pointer_cast<DialledTransfer>(shared_from_this()));
}

void DialledTransfer::OnSession(PeerSession& session) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  moved_at_open_ = bytes_moved();
  Enter(StreamPort(session.shared_from_this(), session.Begin(weak_from_this())), first_state());
  transfer::OpenRequest open = OpenWith();
  open.token = token_text_;
  open.verb = verb();
  port_.Say(FrameType::kOpen, transfer::WriteOpen(open));
  if (!port_) {  // it was one frame too many for a peer that does not read
    return;
  }
  Opened(std::exchange(opened_before_, true));
}

void DialledTransfer::OnNoSession(const absl::Status& why) {
  if (ended()) {
    return;
  }
  if (++endpoint_ < endpoints_.size()) {
    Dial();
    return;
  }
  if (EndsAlone()) {
    return;
  }
  End(absl::UnavailableError(
      absl::StrCat("no data connection to ", endpoints_.back(), ": ", why.message())));
}

absl::Status DialledTransfer::TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                        bool intact) {
  if (header.type == FrameType::kOpenOk) {
    absl::StatusOr<transfer::OpenAnswer> answer = transfer::ReadOpenOk(payload.text());
    if (!answer.ok()) {
      return answer.status();
    }
    busy_since_.reset();
    return TakeOpenOk(*answer);
  }
  if (header.type == FrameType::kOpenRefused) {
    absl::StatusOr<wire::ResponseInfo> response = transfer::ReadStreamEnd(payload.text());
    return response.ok() ? TakeRefusal(*response) : response.status();
  }
  return TakeStreamFrame(header, std::move(payload), intact);
}

absl::Status DialledTransfer::TakeRefusal(const wire::ResponseInfo& response) {
  const absl::Status why = transfer::StatusOf(response);
  if (why.ok()) {
    return absl::InvalidArgumentError("OPEN_REFUSED says that it is granted");
  }
  CloseStream();
  const absl::Time now = services_.loop->Now();
  if (!busy_since_.has_value()) {
    busy_since_ = now;
    busy_pause_ = kBusyPauseLeast;
  }
  if (response.code() != wire::BUSY || now - *busy_since_ > kBusyPatience) {
    End(why);
    return absl::OkStatus();
  }
  StreamGone();
  ForgetOpening();
  timer_ = services_.loop->RunAfter(host_.Jitter(busy_pause_), [weak = weak_from_this(), this] {
    if (const std::shared_ptr<LiveTransfer> self = weak.lock(); self != nullptr && !ended()) {
      Dial();
    }
  });
  busy_pause_ = std::min(busy_pause_ * 2, kBusyPauseMost);
  return absl::OkStatus();
}

// A connection can be cut while both sides are well: where bytes have moved it is dialled once more
// at once.
void DialledTransfer::StreamBroke(const absl::Status& why) {
  StreamGone();
  if (EndsAlone()) {
    return;
  }
  if (const absl::Status may = MayReopen(); !may.ok()) {
    End(may);
  } else if (bytes_moved() == moved_at_open_) {
    End(absl::UnavailableError(why.message()));
  } else {
    Dial();
  }
}

void DialledTransfer::Cancel(const absl::Status& why) {
  if (!committing()) {
    End(why);
  }
}

void DialledTransfer::Abandon() {
  if (!committing()) {
    CloseStream();
    End(absl::CancelledError("left to whoever has the token"));
  }
}

void DialledTransfer::Forget() {
  services_.loop->CancelTimer(timer_);
  host_.OnDialledEnded(id_);
}

}  // namespace bitrepo::channel
