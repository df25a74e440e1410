// SPDX-License-Identifier: Apache-2.0
#include "bus/zmq_watch.h"

#include <future>
#include <utility>

#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::bus {

ZmqWatchPublisher::ZmqWatchPublisher() : watch_thread_([this] { watch_loop_.Run(); }) {}

// The watchers are cut first, so that none of them holds the thread that is waited for.
ZmqWatchPublisher::~ZmqWatchPublisher() {
  if (guard_ != nullptr) {
    guard_->CutAll();
    guard_.reset();
  }
  RunThere([this] { socket_.reset(); });
  watch_loop_.Stop();
  watch_thread_.join();
}

void ZmqWatchPublisher::RunThere(absl::AnyInvocable<void()> work) {
  std::promise<void> done;
  watch_loop_.Post([&] {
    work();
    done.set_value();
  });
  done.get_future().wait();
}

absl::StatusOr<std::unique_ptr<ZmqWatchPublisher>> ZmqWatchPublisher::Listen(
    runtime::EventLoop& loop, zeromq::Context& context, const std::string& endpoint) {
  std::unique_ptr<ZmqWatchPublisher> publisher(new ZmqWatchPublisher());
  BITREPO_RETURN_IF_ERROR(publisher->Open(loop, context, endpoint));
  return publisher;
}

absl::Status ZmqWatchPublisher::Open(runtime::EventLoop& loop, zeromq::Context& context,
                                     const std::string& endpoint) {
  zeromq::ConnectionLedger::Limits limits;
  limits.connections = kWatchersMax;
  limits.undelivered_bytes = kHeardBytesMax;
  limits.undelivered_bytes_total = kHeardBytesTotalMax;
  limits.greet_within = absl::InfiniteDuration();  // a subscription is not seen here
  limits.quiet_longest = kQuietLongest;
  absl::StatusOr<zeromq::Socket> socket = absl::InternalError("not made yet");
  RunThere([&] { socket = zeromq::MakeWatchPublisher(context); });
  BITREPO_RETURN_IF_ERROR(socket.status());
  auto guard =
      zeromq::ConnectionGuard::Watch(loop, context, *socket, limits, [](int /*descriptor*/) {});
  absl::Status bound = guard.status();
  RunThere([&] {
    if (bound.ok()) {
      absl::StatusOr<std::string> real = socket->Bind(endpoint);
      bound = real.status();
      endpoint_ = real.ok() ? *std::move(real) : endpoint;
    }
    if (bound.ok()) {
      socket_ = std::make_unique<zeromq::PolledSocket>(
          watch_loop_, *std::move(socket), zeromq::PolledSocket::Options(),
          [](const zeromq::Message& /*message*/, int /*descriptor*/) {});
    }
  });
  if (!bound.ok()) {
    guard = bound;  // before the socket that it watches
    RunThere([&] { socket->Close(); });
    return bound;
  }
  guard_ = *std::move(guard);
  return absl::OkStatus();
}

void ZmqWatchPublisher::Publish(const Frames& message) {
  if (guard_->connection_count() == 0) {
    encoder_.PassOver();
    return;
  }
  zeromq::Message copy;
  copy.reserve(kWatchFrames);
  uint64_t bytes = 0;
  for (const std::string& frame : encoder_.Encode(message)) {
    bytes += frame.size();
    copy.push_back(zeromq::Frame::Copy(frame));
  }
  if (copy_bytes_ + bytes > kCopyBytesMax) {
    ++dropped_;
    return;
  }
  copy_bytes_ += bytes;
  watch_loop_.Post([this, bytes, copy = std::move(copy)]() mutable {
    copy_bytes_ -= bytes;
    // A PUB socket always takes a message, and drops it for watchers that are behind.
    static_cast<void>(socket_->Send(copy));
  });
}

std::map<std::string, uint64_t> ZmqWatchPublisher::DropCounts() const {
  std::map<std::string, uint64_t> counts = guard_->counts();
  if (dropped_ > 0) {
    counts["copy-dropped"] = dropped_;
  }
  return counts;
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
