// SPDX-License-Identifier: Apache-2.0
#include "channel/peer_session.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::channel {

using transfer::FrameHeader;
using transfer::FrameType;
using transfer::SessionOutbox;

PeerSession::PeerSession(transfer::SessionSpec spec, ConnectionNumber connection, std::string peer,
                         runtime::EventLoop& loop, Link& link, Host& host)
    : connection_(connection),
      peer_(std::move(peer)),
      loop_(loop),
      link_(link),
      host_(host),
      promised_credit_(spec.initial_credit) {
  SessionOutbox outbox;
  machine_ = std::make_unique<transfer::Session>(std::move(spec), loop_.Now(), outbox);
  BITREPO_CHECK(outbox.empty(), "a session begins in silence");
}

PeerSession::~PeerSession() { loop_.CancelTimer(timer_); }

void PeerSession::Start() { SetTimer(); }

void PeerSession::OnConnected() {
  SessionOutbox outbox;
  machine_->OnConnected(loop_.Now(), outbox);
  Run(std::move(outbox));
}

void PeerSession::OnFrame(LinkFrame frame) {
  SessionOutbox outbox;
  absl::StatusOr<FrameHeader> header = transfer::ParseHeader(frame.header.bytes());
  if (header.ok() && header->length != frame.payload.size()) {
    header = absl::InvalidArgumentError(absl::StrCat(transfer::FrameName(header->type),
                                                     " announces ", header->length,
                                                     " bytes and has ", frame.payload.size()));
  }
  if (!header.ok()) {
    machine_->OnFault(header.status(), loop_.Now(), outbox);
    Run(std::move(outbox));
    return;
  }
  const bool intact = transfer::CheckHolds(frame.header.bytes(), frame.payload.bytes());
  machine_->OnFrame(*header, frame.payload.text(), intact, loop_.Now(), outbox);
  Run(std::move(outbox), &*header, std::move(frame.payload), intact);
}

void PeerSession::OnLost(const absl::Status& why) {
  SessionOutbox outbox;
  machine_->OnLost(why, loop_.Now(), outbox);
  Run(std::move(outbox));
}

void PeerSession::OnViolation(const absl::Status& why) {
  SessionOutbox outbox;
  machine_->OnFault(why, loop_.Now(), outbox);
  Run(std::move(outbox));
}

void PeerSession::Leave() {
  SessionOutbox outbox;
  machine_->OnLeave(loop_.Now(), outbox);
  Run(std::move(outbox));
}

void PeerSession::Say(FrameType type, uint32_t stream, std::string payload) {
  FrameHeader header;
  header.type = type;
  header.stream = stream;
  Queue(header, base::Buffer::Of(std::move(payload)));
}

void PeerSession::SayCount(FrameType type, uint32_t stream, uint64_t bytes) {
  FrameHeader header;
  header.type = type;
  header.stream = stream;
  header.offset = bytes;
  Queue(header, {});
}

void PeerSession::SaySegment(FrameType type, uint32_t stream, uint64_t number, uint64_t offset,
                             base::Buffer payload) {
  FrameHeader header;
  header.type = type;
  header.stream = stream;
  header.number = number;
  header.offset = offset;
  Queue(header, std::move(payload));
}

void PeerSession::Queue(FrameHeader header, base::Buffer payload) {
  if (!machine_->done()) {
    Enqueue(header, std::move(payload));
  }
}

void PeerSession::Enqueue(FrameHeader header, base::Buffer payload) {
  header.sequence = machine_->NextSequence();
  LinkFrame frame;
  frame.header = base::Buffer::Of(transfer::SerializeHeader(header, payload.bytes()));
  frame.payload = std::move(payload);
  const bool was_blocked = blocked();
  queue_.push_back(std::move(frame));
  if (!was_blocked) {
    Flush();
    if (blocked()) {
      TellBlocked(true);
    }
  } else if (queue_.size() > kQueuedFramesMax) {
    OnViolation(absl::ResourceExhaustedError("it does not read what it is sent"));
  }
}

void PeerSession::Flush() {
  while (!queue_.empty() && link_.Send(connection_, queue_.front())) {
    queue_.pop_front();
  }
}

void PeerSession::OnWritable() {
  if (!blocked()) {
    return;
  }
  Flush();
  if (!blocked()) {
    TellBlocked(false);
  }
}

void PeerSession::TellBlocked(bool blocked) {
  const std::shared_ptr<PeerSession> self = shared_from_this();
  std::vector<std::weak_ptr<Stream>> streams;
  for (const auto& [number, stream] : streams_) {
    streams.push_back(stream);
  }
  for (const std::weak_ptr<Stream>& weak : streams) {
    if (std::shared_ptr<Stream> stream = weak.lock()) {
      stream->OnBlocked(blocked);
    }
  }
}

uint32_t PeerSession::Begin(std::weak_ptr<Stream> stream) {
  const uint32_t number = machine_->NextStream();
  Adopt(number, std::move(stream));
  return number;
}

void PeerSession::Adopt(uint32_t stream, std::weak_ptr<Stream> end) {
  streams_[stream] = std::move(end);
  SessionOutbox outbox;
  machine_->OnStreams(streams_.size(), loop_.Now(), outbox);
  Run(std::move(outbox));
}

void PeerSession::Refuse(uint32_t stream, const wire::ResponseInfo& why) {
  Say(FrameType::kOpenRefused, stream, transfer::WriteStreamEnd(why));
}

void PeerSession::EndStream(uint32_t stream) {
  const std::shared_ptr<PeerSession> self = shared_from_this();
  if (streams_.erase(stream) == 0 || machine_->done()) {
    return;
  }
  SessionOutbox outbox;
  machine_->OnStreams(streams_.size(), loop_.Now(), outbox);
  Run(std::move(outbox));
  host_.OnStreamEnded(*this);
}

void PeerSession::Run(SessionOutbox outbox, const FrameHeader* header, base::Buffer payload,
                      bool intact) {
  const std::shared_ptr<PeerSession> self = shared_from_this();
  for (transfer::SessionEffect& effect : outbox) {
    if (auto* say = std::get_if<transfer::SayFrame>(&effect)) {
      FrameHeader out;
      out.type = say->type;
      out.stream = say->stream;
      Enqueue(out, base::Buffer::Of(std::move(say->payload)));
    } else if (auto* up = std::get_if<transfer::SessionUp>(&effect)) {
      peer_ = up->node;
      initial_credit_ = up->initial_credit;
      segment_bytes_max_ = std::min(up->segment_bytes_max, transfer::kSegmentBytesMax);
      host_.OnSessionUp(*this);
    } else if (std::holds_alternative<transfer::OpenStream>(effect)) {
      absl::StatusOr<transfer::OpenRequest> open = transfer::ReadOpen(payload.text());
      if (open.ok()) {
        host_.OnOpen(*this, header->stream, *std::move(open));
      } else {
        OnViolation(open.status());
      }
    } else if (std::holds_alternative<transfer::DeliverFrame>(effect)) {
      Deliver(*header, std::move(payload), intact);
    } else if (std::holds_alternative<transfer::SessionDraining>(effect)) {
      host_.OnSessionDraining(*this);
    } else if (auto* end = std::get_if<transfer::SessionEnded>(&effect)) {
      End(*end);
    }
  }
  SetTimer();
}

void PeerSession::Deliver(const FrameHeader& header, base::Buffer payload, bool intact) {
  auto found = streams_.find(header.stream);
  if (found == streams_.end()) {
    return;
  }
  if (std::shared_ptr<Stream> stream = found->second.lock()) {
    stream->OnFrame(header, std::move(payload), intact);
  }
}

void PeerSession::End(const transfer::SessionEnded& end) {
  loop_.CancelTimer(std::exchange(timer_, runtime::TimerId::kNone));
  queue_.clear();
  if (end.close) {
    link_.Close(connection_);
  }
  const absl::Status told =
      absl::UnavailableError(end.why.ok() ? "the session has ended" : end.why.message());
  auto streams = std::exchange(streams_, {});
  for (const auto& [number, weak] : streams) {
    if (std::shared_ptr<Stream> stream = weak.lock()) {
      stream->OnBroken(told);
    }
  }
  host_.OnSessionEnded(*this, end.why, end.violation);
}

void PeerSession::SetTimer() {
  const absl::Time wake = machine_->WakeAt();
  // A timer that is early wakes and is set again: frames move the deadline all the time.
  if (wake == absl::InfiniteFuture() || (timer_ != runtime::TimerId::kNone && timer_at_ <= wake)) {
    return;
  }
  loop_.CancelTimer(timer_);
  timer_at_ = wake;
  timer_ = loop_.RunAt(wake, [weak = weak_from_this()] {
    std::shared_ptr<PeerSession> self = weak.lock();
    if (self == nullptr) {
      return;
    }
    self->timer_ = runtime::TimerId::kNone;
    SessionOutbox outbox;
    self->machine_->OnTime(self->loop_.Now(), outbox);
    self->Run(std::move(outbox));
  });
}

}  // namespace bitrepo::channel
