// SPDX-License-Identifier: Apache-2.0
#include "bus/zmq_watch.h"

#include <utility>

#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::bus {

ZmqWatchPublisher::~ZmqWatchPublisher() = default;

absl::StatusOr<std::unique_ptr<ZmqWatchPublisher>> ZmqWatchPublisher::Listen(
    runtime::EventLoop& loop, zeromq::Context& context, const std::string& endpoint) {
  std::unique_ptr<ZmqWatchPublisher> publisher(new ZmqWatchPublisher());
  zeromq::ConnectionLedger::Limits limits;
  limits.connections = kWatchersMax;
  limits.undelivered_bytes = kHeardBytesMax;
  limits.undelivered_bytes_total = kHeardBytesTotalMax;
  limits.greet_within = absl::InfiniteDuration();  // a subscription is not seen here
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeWatchPublisher(context));
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<zeromq::ConnectionGuard> guard,
      zeromq::ConnectionGuard::Watch(loop, context, socket, limits, [](int /*descriptor*/) {}));
  BITREPO_ASSIGN_OR_RETURN(publisher->endpoint_, socket.Bind(endpoint));
  publisher->socket_ = std::make_unique<zeromq::PolledSocket>(
      loop, std::move(socket), zeromq::PolledSocket::Options(),
      [](const zeromq::Message& /*message*/, int /*descriptor*/) {});
  publisher->guard_ = std::move(guard);
  return publisher;
}

void ZmqWatchPublisher::Publish(const Frames& message) {
  zeromq::Message copy;
  copy.reserve(kWatchFrames);
  for (const std::string& frame : encoder_.Encode(message)) {
    copy.push_back(zeromq::Frame::Copy(frame));
  }
  // A PUB socket always takes a message, and drops it for watchers that are behind.
  static_cast<void>(socket_->Send(copy));
}

ZmqWatchSubscriber::ZmqWatchSubscriber(runtime::EventLoop& loop, zeromq::Context& context,
                                       std::string endpoint, base::Random& random)
    : loop_(loop), context_(context), endpoint_(std::move(endpoint)), random_(random) {}

ZmqWatchSubscriber::~ZmqWatchSubscriber() = default;

absl::Status ZmqWatchSubscriber::Start(Handler& handler) {
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeWatchSubscriber(context_, random_));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<zeromq::SocketMonitor> monitor,
                           zeromq::SocketMonitor::Watch(loop_, context_, socket,
                                                        [this](zeromq::ConnectionEvent event,
                                                               int /*value*/) { OnEvent(event); }));
  BITREPO_RETURN_IF_ERROR(zeromq::Subscribe(socket, ""));
  BITREPO_RETURN_IF_ERROR(socket.Connect(endpoint_));
  handler_ = &handler;
  zeromq::PolledSocket::Options options;
  options.frames_max = kWatchFrames;
  socket_ = std::make_unique<zeromq::PolledSocket>(
      loop_, std::move(socket), options,
      [this](const zeromq::Message& message, int /*descriptor*/) { OnMessage(message); });
  monitor_ = std::move(monitor);
  return absl::OkStatus();
}

void ZmqWatchSubscriber::OnEvent(zeromq::ConnectionEvent event) {
  if (event == zeromq::ConnectionEvent::kHandshakeDone && !connected_) {
    connected_ = true;
    handler_->OnWatchConnected();
  } else if (event == zeromq::ConnectionEvent::kDisconnected && connected_) {
    connected_ = false;
    handler_->OnWatchDisconnected();
  }
}

void ZmqWatchSubscriber::OnMessage(const zeromq::Message& message) {
  Frames frames;
  for (const zeromq::Frame& frame : message) {
    frames.emplace_back(frame.text());
  }
  if (const std::optional<WatchCopy> copy = decoder_.Decode(frames)) {
    handler_->OnWatchCopy(*copy);
  }
}

}  // namespace bitrepo::bus
