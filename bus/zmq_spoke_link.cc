// SPDX-License-Identifier: Apache-2.0
#include "bus/zmq_spoke_link.h"

#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::bus {
namespace {

constexpr absl::Duration kReopenAfter = absl::Seconds(1);

}  // namespace

ZmqSpokeLink::ZmqSpokeLink(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint,
                           base::Random& random)
    : loop_(loop), context_(context), endpoint_(std::move(endpoint)), random_(random) {}

ZmqSpokeLink::~ZmqSpokeLink() { loop_.CancelTimer(reopen_); }

absl::Status ZmqSpokeLink::Start(Handler& handler) {
  handler_ = &handler;
  return Open();
}

absl::Status ZmqSpokeLink::Open() {
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeControlSpoke(context_, random_));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<zeromq::SocketMonitor> monitor,
                           zeromq::SocketMonitor::Watch(loop_, context_, socket,
                                                        [this](zeromq::ConnectionEvent event,
                                                               int /*value*/) { OnEvent(event); }));
  BITREPO_RETURN_IF_ERROR(socket.Connect(endpoint_));
  zeromq::PolledSocket::Options options;
  options.frames_max = protocol::kEnvelopeFrames;
  socket_ = std::make_unique<zeromq::PolledSocket>(
      loop_, std::move(socket), options,
      [this](const zeromq::Message& message, int /*descriptor*/) { OnMessage(message); });
  socket_->SetOnWritable([this] {
    if (connected_) {
      handler_->OnWritable();
    }
  });
  monitor_ = std::move(monitor);
  return absl::OkStatus();
}

void ZmqSpokeLink::Redial() {
  loop_.CancelTimer(reopen_);
  reopen_ = runtime::TimerId::kNone;
  monitor_.reset();
  socket_.reset();
  const bool was_connected = std::exchange(connected_, false);
  // In a turn of its own: the handler is not called from inside a call to the link.
  reopen_ = loop_.RunAt(loop_.Now(), [this, was_connected] {
    OpenAgain();
    if (was_connected) {
      handler_->OnDisconnected();
    }
  });
}

void ZmqSpokeLink::OpenAgain() {
  reopen_ = runtime::TimerId::kNone;
  if (const absl::Status opened = Open(); !opened.ok()) {
    base::LogLine(base::LogLevel::kError, "cannot-dial")
        .With("reason", std::string(opened.message()));
    reopen_ = loop_.RunAfter(random_.Jitter(kReopenAfter), [this] { OpenAgain(); });
  }
}

void ZmqSpokeLink::OnEvent(zeromq::ConnectionEvent event) {
  if (event == zeromq::ConnectionEvent::kHandshakeDone && !connected_) {
    connected_ = true;
    handler_->OnConnected();
  } else if (event == zeromq::ConnectionEvent::kDisconnected && connected_) {
    connected_ = false;
    handler_->OnDisconnected();
  }
}

void ZmqSpokeLink::OnMessage(const zeromq::Message& message) {
  if (!connected_) {
    return;  // of a connection that is over
  }
  Frames frames;
  frames.reserve(message.size());
  for (const zeromq::Frame& frame : message) {
    frames.emplace_back(frame.text());
  }
  handler_->OnFrames(std::move(frames));
}

SendResult ZmqSpokeLink::Send(const Frames& frames) {
  if (!connected_) {
    return SendResult::kGone;
  }
  zeromq::Message message;
  message.reserve(frames.size());
  for (const std::string& frame : frames) {
    message.push_back(zeromq::Frame::Copy(frame));
  }
  return socket_->Send(message) == zeromq::SendResult::kSent ? SendResult::kSent
                                                             : SendResult::kBlocked;
}

}  // namespace bitrepo::bus
