// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::transfer {
namespace {

wire::ResponseInfo Told(wire::ResponseCode code, absl::string_view text) {
  wire::ResponseInfo response;
  response.set_code(code);
  response.set_text(std::string(text));
  return response;
}

}  // namespace

Session::Session(SessionSpec spec, absl::Time now, SessionOutbox& /*outbox*/)
    : spec_(std::move(spec)),
      state_(spec_.dialled ? SessionState::kDialling : SessionState::kAwaiting),
      started_at_(now),
      heard_at_(now),
      pinged_at_(now),
      idle_since_(now),
      leaving_since_(now) {}

void Session::OnConnected(absl::Time now, SessionOutbox& outbox) {
  Step(SessionEvent::kConnected, nullptr, now, outbox);
}

void Session::OnFrame(const FrameHeader& header, absl::string_view payload, bool intact,
                      absl::Time now, SessionOutbox& outbox) {
  if (done()) {
    return;
  }
  heard_at_ = now;
  if (header.sequence != next_in_++) {
    OnFault(absl::DataLossError(absl::StrCat(FrameName(header.type), " has the sequence ",
                                             header.sequence, " where ", next_in_ - 1, " was due")),
            now, outbox);
    return;
  }
  if (!header.known() && intact) {
    return;
  }
  const SessionEvent event = EventOf(header, payload, intact);
  Step(event, &header, now, outbox);
}

SessionEvent Session::EventOf(const FrameHeader& header, absl::string_view payload, bool intact) {
  if (!intact && header.type != FrameType::kData) {
    why_ = absl::DataLossError(
        absl::StrCat("the check of ", FrameName(header.type), " does not hold"));
    return SessionEvent::kFault;
  }
  switch (header.type) {
    case FrameType::kHello: {
      absl::StatusOr<wire::SessionHello> hello = ReadHello(payload);
      why_ = hello.status();
      if (!hello.ok()) {
        return SessionEvent::kFault;
      }
      peer_ = SessionUp{hello->node(), 0, hello->segment_bytes_max()};
      return SessionEvent::kHello;
    }
    case FrameType::kWelcome: {
      absl::StatusOr<wire::SessionWelcome> welcome = ReadWelcome(payload);
      why_ = welcome.status();
      if (!welcome.ok()) {
        return SessionEvent::kFault;
      }
      peer_ = SessionUp{welcome->node(), welcome->initial_credit(), welcome->segment_bytes_max()};
      return SessionEvent::kWelcome;
    }
    case FrameType::kGoaway: {
      absl::StatusOr<wire::ResponseInfo> told = ReadStreamEnd(payload);
      why_ = told.ok() ? StatusOf(*told) : told.status();
      return told.ok() ? SessionEvent::kGoaway : SessionEvent::kFault;
    }
    case FrameType::kPing:
      return SessionEvent::kPing;
    case FrameType::kPong:
      return SessionEvent::kPong;
    case FrameType::kBye:
      return SessionEvent::kBye;
    case FrameType::kOpen:
      if (header.stream <= last_stream_) {
        why_ = absl::InvalidArgumentError(absl::StrCat("OPEN of stream ", header.stream,
                                                       " where numbers rise from ", last_stream_));
        return SessionEvent::kFault;
      }
      return SessionEvent::kOpen;
    default:
      if (header.stream > last_stream_) {
        why_ = absl::InvalidArgumentError(absl::StrCat(FrameName(header.type), " on stream ",
                                                       header.stream, ", which was never opened"));
        return SessionEvent::kFault;
      }
      return SessionEvent::kStream;
  }
}

void Session::OnFault(const absl::Status& why, absl::Time now, SessionOutbox& outbox) {
  why_ = why;
  Step(SessionEvent::kFault, nullptr, now, outbox);
}

void Session::OnLost(const absl::Status& why, absl::Time now, SessionOutbox& outbox) {
  why_ = why;
  Step(SessionEvent::kLost, nullptr, now, outbox);
}

void Session::OnStreams(size_t open, absl::Time now, SessionOutbox& outbox) {
  streams_ = open;
  idle_since_ = now;
  if (open == 0) {
    Step(SessionEvent::kDrained, nullptr, now, outbox);
  }
}

void Session::OnLeave(absl::Time now, SessionOutbox& outbox) {
  Step(SessionEvent::kLeave, nullptr, now, outbox);
}

absl::Time Session::SilentAt() const {
  switch (state_) {
    case SessionState::kDialling:
    case SessionState::kGreeting:
    case SessionState::kAwaiting:
      return started_at_ + spec_.first_word;
    case SessionState::kLeaving:
      return leaving_since_ + kLeavingGrace;
    default:
      return heard_at_ + spec_.silence;
  }
}

absl::Time Session::WakeAt() const {
  if (done()) {
    return absl::InfiniteFuture();
  }
  absl::Time wake = SilentAt();
  if (state_ == SessionState::kReady || state_ == SessionState::kDraining ||
      state_ == SessionState::kServing) {
    wake = std::min(wake, std::max(heard_at_, pinged_at_) + spec_.silence / kPingsPerSilence);
  }
  if (state_ == SessionState::kReady && streams_ == 0) {
    wake = std::min(wake, idle_since_ + spec_.idle);
  }
  return wake;
}

void Session::OnTime(absl::Time now, SessionOutbox& outbox) {
  if (done()) {
    return;
  }
  if (now >= SilentAt()) {
    why_ = absl::UnavailableError(state_ == SessionState::kDialling ? "no connection in time"
                                                                    : "the peer is silent");
    Step(SessionEvent::kSilence, nullptr, now, outbox);
  } else if (state_ == SessionState::kReady && streams_ == 0 && now >= idle_since_ + spec_.idle) {
    Step(SessionEvent::kIdle, nullptr, now, outbox);
  } else if (now >= WakeAt()) {
    pinged_at_ = now;
    outbox.emplace_back(SayFrame{FrameType::kPing, 0, ""});
  }
}

void Session::Step(SessionEvent event, const FrameHeader* header, absl::Time now,
                   SessionOutbox& outbox) {
  const SessionCell& cell = SessionTransition(state_, event);
  if (state_ == SessionState::kEnded) {
    return;
  }
  if (cell.action == SessionAction::kCut && event != SessionEvent::kFault) {
    why_ = absl::InvalidArgumentError(
        absl::StrCat(SessionEventName(event), " while ", SessionStateName(state_)));
  }
  state_ = cell.next;
  switch (cell.action) {
    case SessionAction::kSayGoaway:
      leaving_since_ = now;
      break;
    case SessionAction::kUp:
      idle_since_ = now;
      break;
    default:
      break;
  }
  Act(cell.action, header, outbox);
  if (cell.action == SessionAction::kNoteGoaway && streams_ == 0) {
    Step(SessionEvent::kDrained, nullptr, now, outbox);
  }
}

void Session::Act(SessionAction action, const FrameHeader* header, SessionOutbox& outbox) {
  switch (action) {
    case SessionAction::kIgnore:
      return;
    case SessionAction::kSayHello: {
      wire::SessionHello hello;
      hello.set_node(spec_.node);
      hello.set_version(kSessionVersion);
      hello.set_segment_bytes_max(kSegmentBytesMax);
      outbox.emplace_back(SayFrame{FrameType::kHello, 0, hello.SerializeAsString()});
      return;
    }
    case SessionAction::kSayWelcome: {
      wire::SessionWelcome welcome;
      welcome.set_node(spec_.node);
      welcome.set_version(kSessionVersion);
      welcome.set_segment_bytes_max(kSegmentBytesMax);
      welcome.set_initial_credit(spec_.initial_credit);
      outbox.emplace_back(SayFrame{FrameType::kWelcome, 0, welcome.SerializeAsString()});
      outbox.emplace_back(peer_);
      return;
    }
    case SessionAction::kUp:
      outbox.emplace_back(peer_);
      return;
    case SessionAction::kOpenStream:
      last_stream_ = header->stream;
      outbox.emplace_back(OpenStream{});
      return;
    case SessionAction::kRefuseStream:
      last_stream_ = header->stream;
      outbox.emplace_back(SayFrame{FrameType::kOpenRefused, header->stream,
                                   WriteStreamEnd(Told(wire::GONE, "this component is stopping"))});
      return;
    case SessionAction::kDeliver:
      outbox.emplace_back(DeliverFrame{});
      return;
    case SessionAction::kSayPong:
      outbox.emplace_back(SayFrame{FrameType::kPong, 0, ""});
      return;
    case SessionAction::kNoteGoaway:
      outbox.emplace_back(SessionDraining{why_});
      return;
    case SessionAction::kSayGoaway:
      outbox.emplace_back(SayFrame{FrameType::kGoaway, 0,
                                   WriteStreamEnd(Told(wire::GONE, "this component is stopping"))});
      return;
    case SessionAction::kSayBye:
      outbox.emplace_back(SayFrame{FrameType::kBye, 0, ""});
      End(absl::OkStatus(), true, outbox);
      return;
    case SessionAction::kCut:
      if (!spec_.dialled) {
        outbox.emplace_back(SayFrame{FrameType::kGoaway, 0, WriteStreamEnd(ResponseOf(why_))});
      }
      End(base::Annotate(why_, "the peer breaks the protocol"), true, outbox,
          !absl::IsDataLoss(why_) && !absl::IsUnimplemented(why_));
      return;
    case SessionAction::kTurnedAway:
    case SessionAction::kDrop:
      End(why_, true, outbox);
      return;
    case SessionAction::kPeerLeft:
      End(absl::OkStatus(), true, outbox);
      return;
    case SessionAction::kEnd:
      End(why_, false, outbox);
      return;
  }
}

void Session::End(absl::Status why, bool close, SessionOutbox& outbox, bool violation) {
  outcome_ = std::move(why);
  outbox.emplace_back(SessionEnded{outcome_, close, violation});
}

}  // namespace bitrepo::transfer
