// SPDX-License-Identifier: Apache-2.0
#include "channel/granted_transfer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/range_set.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {
namespace {

using transfer::FrameType;

wire::ResponseInfo Answer(wire::ResponseCode code, absl::string_view text) {
  wire::ResponseInfo response;
  response.set_code(code);
  response.set_text(std::string(text));
  return response;
}

// What a token of a store takes at most.
base::ByteRange StoreRange(const wire::TokenBody& token) {
  const uint64_t length = token.has_length() ? token.length() : token.max_bytes();
  return base::ByteRange::Make(token.offset(), length).value_or(base::ByteRange());
}

}  // namespace

GrantedTransfer::GrantedTransfer(TransferServices services, base::TokenId id, wire::TokenBody token,
                                 TransferEvents events, absl::Duration stall, Host& host)
    : LiveTransfer(std::move(services), std::move(events)),
      token_(std::move(token)),
      id_(id),
      stall_(stall),
      host_(host) {}

void GrantedTransfer::Start() { SetTimer(absl::FromUnixMicros(token_.expires_at_boot_us())); }

void GrantedTransfer::SetTimer(absl::Time when) {
  timer_ = services_.loop->RunAt(when, [weak = weak_from_this(), this] {
    if (const std::shared_ptr<LiveTransfer> self = weak.lock()) {
      OnExpired();
    }
  });
}

void GrantedTransfer::OnExpired() {
  const uint64_t moved = bytes_moved();
  const absl::Time last = absl::FromUnixMicros(token_.expires_at_boot_us()) + kPausedTermMax;
  const bool waits = paused() && services_.loop->Now() < last;
  const bool moving = port_ && (waits || moved_at_expiry_ != moved);
  if (moving || committing()) {
    moved_at_expiry_ = moved;
    SetTimer(services_.loop->Now() + stall_);
    return;
  }
  End(absl::DeadlineExceededError("the token has expired"));
}

void GrantedTransfer::Open(PeerSession& session, uint32_t stream,
                           const transfer::OpenRequest& open) {
  wire::ResponseInfo answer;
  if (open.verb != token_.verb()) {
    answer = Answer(wire::DENIED, "the token is not for this verb");
  } else if (port_ || committing()) {
    answer = Answer(wire::BUSY, "another stream of this token is open");
  } else {
    answer = Begin(StreamPort(session.shared_from_this(), stream), open);
  }
  if (answer.code() != wire::OPERATION_COMPLETED) {
    session.Refuse(stream, answer);
  }
}

void GrantedTransfer::Revoke(const absl::Status& why) {
  if (!committing()) {
    End(why);
  }
}

wire::TransferReport GrantedTransfer::Report() const {
  wire::TransferReport report;
  if (ended()) {
    report.set_state(wire::TRANSFER_ENDED);
    *report.mutable_response() = outcome();
  } else if (committing()) {
    report.set_state(wire::TRANSFER_COMMITTING);
  } else if (port_) {
    report.set_state(wire::TRANSFER_MOVING);
    report.set_bytes_per_second(rate_.PerSecond(services_.loop->Now()));
  } else {
    report.set_state(opened_before_ ? wire::TRANSFER_BROKEN : wire::TRANSFER_WAITING);
  }
  if (!ended()) {
    const absl::Duration left =
        absl::FromUnixMicros(token_.expires_at_boot_us()) - services_.loop->Now();
    report.set_expires_in_us(std::max<int64_t>(0, absl::ToInt64Microseconds(left)));
  }
  Describe(report);
  return report;
}

void GrantedTransfer::Bind(const StreamPort& port, transfer::StreamState state) {
  Enter(port, state);
  opened_before_ = true;
  rate_ = {};
  port.session().Adopt(port.stream(), weak_from_this());
  TellStream(true);
}

void GrantedTransfer::StreamBroke(const absl::Status& /*why*/) {
  TellStream(false);
  if (moved_at_expiry_.has_value() && !committing()) {
    End(absl::DeadlineExceededError("the token has expired"));
  }
}

void GrantedTransfer::Forget() {
  services_.loop->CancelTimer(timer_);
  host_.OnGrantEnded(id_, Report());
}

GrantedStore::GrantedStore(TransferServices services, base::TokenId id, wire::TokenBody token,
                           std::shared_ptr<Sink> sink, TransferEvents events, absl::Duration stall,
                           Host& host)
    : GrantedTransfer(services, id, std::move(token), std::move(events), stall, host),
      sink_(std::move(sink)) {
  transfer::ReceiverSpec spec;
  spec.wanted = {StoreRange(token_)};
  spec.store = true;
  spec.size_known = token_.has_length();
  spec.digest_only = token_.digest_only();
  if (!spec.digest_only) {
    spec.held = sink_->held();
  }
  receiving_ = std::make_shared<ReceivingEnd>(
      std::move(services), sink_, std::move(spec),
      transfer::RateTerms{token_.collection_id(), token_.principal(), 0, token_.background()},
      static_cast<ReceivingEnd::Owner&>(*this));
}

wire::ResponseInfo GrantedStore::Begin(StreamPort port, const transfer::OpenRequest& open) {
  if (!open.ranges.empty() || open.holds_all) {
    return Answer(wire::RANGE_ERROR, "a store names no ranges: what is missing is told");
  }
  const transfer::Receiver& machine = receiving_->machine();
  transfer::OpenAnswer answer;
  answer.missing = machine.Missing();
  const bool asks = token_.digest_only() || token_.background();
  const uint64_t unasked =
      asks ? 0 : std::min(port.session().promised_credit(), machine.wanted_bytes());
  if (!receiving_->Attach(port, unasked)) {
    return Answer(wire::BUSY, "there is no memory for another stream now");
  }
  Bind(port, transfer::StreamState::kTaking);
  answer.credit = machine.credit_limit();
  port.Say(FrameType::kOpenOk, transfer::WriteOpenOk(answer));
  if (port_) {
    receiving_->OnGranted();
  }
  return Answer(wire::OPERATION_COMPLETED, "");
}

absl::Status GrantedStore::TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                     bool intact) {
  NoteRate(receiving_->machine().written_bytes());
  receiving_->OnFrame(header, std::move(payload), intact);
  return absl::OkStatus();
}

void GrantedStore::Describe(wire::TransferReport& report) const {
  const transfer::Receiver& machine = receiving_->machine();
  report.set_bytes_done(machine.written_bytes());
  report.set_bytes_total(token_.length());  // absent: not known yet
  if (ended() || committing()) {
    return;
  }
  for (const base::ByteRange& range : machine.Missing()) {
    wire::Range* missing = report.add_missing();
    missing->set_offset(range.offset());
    missing->set_length(range.length());
  }
}

void GrantedStore::StreamBroke(const absl::Status& why) {
  receiving_->Detach();
  GrantedTransfer::StreamBroke(why);
}

void GrantedStore::LetGo(const absl::Status& why) {
  receiving_->Stop();
  receiving_->Detach();
  if (!committed_) {
    sink_->Aborted(why);
  }
  sink_.reset();
}

void GrantedStore::OnCommitted(const wire::ResponseInfo& response) {
  committed_ = true;
  EndSaying(FrameType::kCommitOk, response);
}

void GrantedStore::OnReceiveFailed(const absl::Status& why, bool violation) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (violation) {
    Violation(why);  // its stream breaks: the holder of the token may go on with another
  } else {
    End(why);
  }
}

GrantedFetch::GrantedFetch(TransferServices services, base::TokenId id, wire::TokenBody token,
                           std::shared_ptr<Source> source, TransferEvents events,
                           absl::Duration stall, Host& host)
    : GrantedTransfer(std::move(services), id, std::move(token), std::move(events), stall, host),
      source_(std::move(source)),
      granted_(base::ByteRange::Within(
          token_.file_size(), token_.offset(),
          token_.has_length() ? std::optional<uint64_t>(token_.length()) : std::nullopt)) {}

GrantedFetch::~GrantedFetch() {
  if (sending_ != nullptr) {
    sending_->Stop();
  }
}

void GrantedFetch::OnBlocked(bool blocked) {
  if (sending_ != nullptr) {
    sending_->OnBlocked(blocked);
  }
}

wire::ResponseInfo GrantedFetch::Begin(StreamPort port, const transfer::OpenRequest& open) {
  if (!granted_.ok()) {
    return Answer(wire::RANGE_ERROR, granted_.status().message());
  }
  std::vector<base::ByteRange> ranges = open.ranges;
  if (ranges.empty() && !granted_->empty() && !open.holds_all) {
    ranges.push_back(*granted_);
  }
  base::RangeSet asked;
  for (const base::ByteRange& range : ranges) {
    if (!granted_->Contains(range)) {
      return Answer(wire::RANGE_ERROR, absl::StrCat("the range ", range.ToString(), " is not in ",
                                                    granted_->ToString()));
    }
    if (asked.Intersects(range)) {
      return Answer(wire::RANGE_ERROR,
                    absl::StrCat("the range ", range.ToString(), " is asked for twice"));
    }
    asked.Add(range);
  }
  transfer::OpenAnswer answer;
  answer.size_bytes = asked.bytes();
  asked_bytes_ = answer.size_bytes;
  Bind(port, transfer::StreamState::kGiving);
  port.Say(FrameType::kOpenOk, transfer::WriteOpenOk(answer));
  if (!port_) {  // the answer was one frame too many for a peer that does not read
    return Answer(wire::OPERATION_COMPLETED, "");
  }
  sending_ = std::make_shared<SendingEnd>(services_, port, source_, true,
                                          static_cast<SendingEnd::Owner&>(*this));
  sending_->Start(std::move(ranges), 0);
  return Answer(wire::OPERATION_COMPLETED, "");
}

absl::Status GrantedFetch::TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                     bool /*intact*/) {
  if (header.type == FrameType::kDone) {
    absl::StatusOr<wire::ResponseInfo> response = transfer::ReadStreamEnd(payload.text());
    if (!response.ok()) {
      return response.status();
    }
    if (response->code() == wire::OPERATION_COMPLETED) {
      OnStored(std::max(stored_bytes_, asked_bytes_));
    }
    EndTold(*response);
    return absl::OkStatus();
  }
  NoteRate(sending_->sent_bytes());
  const std::shared_ptr<SendingEnd> sending = sending_;
  sending->OnFrame(header);
  return absl::OkStatus();
}

void GrantedFetch::StreamBroke(const absl::Status& why) {
  if (sending_ != nullptr) {
    sending_->Stop();
    sending_.reset();
  }
  GrantedTransfer::StreamBroke(why);
}

void GrantedFetch::LetGo(const absl::Status& why) {
  if (sending_ != nullptr) {
    sending_->Stop();
    sending_.reset();
  }
  source_->Finished(why);
  source_.reset();
}

void GrantedFetch::OnStored(uint64_t bytes) {
  // The receiver's word, which is bounded by what it may ask for.
  stored_bytes_ = std::max(stored_bytes_, std::min(bytes, granted_->length()));
  Progress(stored_bytes_);
}

void GrantedFetch::Describe(wire::TransferReport& report) const {
  report.set_bytes_done(stored_bytes_);
  report.set_bytes_total(granted_.ok() ? granted_->length() : 0);
}

void GrantedFetch::OnSendFailed(const absl::Status& why, bool violation) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (violation) {
    Violation(why);
  } else {
    End(why);
  }
}

}  // namespace bitrepo::channel
