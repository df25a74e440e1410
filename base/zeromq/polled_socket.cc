// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/polled_socket.h"

#include <zmq.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/zeromq/connection_guard.h"

namespace bitrepo::zeromq {
namespace {

// A routing socket cannot say which peer takes messages again: blocked senders simply try anew.
constexpr absl::Duration kRetryRoutedAfter = absl::Milliseconds(1);

int GetInt(const Socket& socket, int option) {
  int value = 0;
  size_t size = sizeof value;
  BITREPO_CHECK(zmq_getsockopt(socket.handle(), option, &value, &size) == 0,
                "an open socket tells its state");
  return value;
}

}  // namespace

class PolledSocket::Core : public std::enable_shared_from_this<PolledSocket::Core> {
 public:
  Core(runtime::EventLoop& loop, Socket socket, Options options, OnMessage on_message)
      : loop_(loop),
        socket_(std::move(socket)),
        options_(options),
        on_message_(std::move(on_message)),
        is_router_(socket_.is_router()) {}

  void Start() {
    watch_ = loop_.WatchReadable(GetInt(socket_, ZMQ_FD), [weak = weak_from_this()] {
      if (const auto core = weak.lock()) {
        core->Serve();
      }
    });
    // What came before the watch began made its one signal already.
    ServeSoon();
  }

  void Close() {
    closed_ = true;
    loop_.Unwatch(watch_);
    loop_.CancelTimer(retry_);
    socket_.Close();
  }

  SendResult Send(Message& message) {
    BITREPO_CHECK(!message.empty(), "a message has a frame");
    for (size_t i = 0; i < message.size(); ++i) {
      const int more = i + 1 < message.size() ? ZMQ_SNDMORE : 0;
      int sent = zmq_msg_send(message[i].handle(), socket_.handle(), ZMQ_DONTWAIT | more);
      if (sent < 0 && zmq_errno() == EAGAIN && i == 0) {
        // Room may have been made without the socket's having heard of it: it looks now.
        GetInt(socket_, ZMQ_EVENTS);
        sent = zmq_msg_send(message[i].handle(), socket_.handle(), ZMQ_DONTWAIT | more);
      }
      if (sent < 0) {
        return Refused(zmq_errno(), /*at_first=*/i == 0);
      }
    }
    message.clear();
    ServeSoon();
    return SendResult::kSent;
  }

  void CatchUp() {
    while (!closed_ && ReceiveOne()) {
    }
  }

  bool HasMessages() {
    ServeSoon();
    return (GetInt(socket_, ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
  }

  void set_on_writable(OnWritable on_writable) { on_writable_ = std::move(on_writable); }
  Socket& socket() { return socket_; }
  uint64_t dropped_messages() const { return dropped_messages_; }

 private:
  SendResult Refused(int error, bool at_first) {
    BITREPO_CHECK(error == EAGAIN || error == EHOSTUNREACH,
                  "a send fails for want of room or peer");
    // Room was found for the first frame, so a later one fails only when the peer has gone
    // meanwhile.
    const bool blocked = error == EAGAIN && at_first;
    if (blocked) {
      blocked_ = true;
      if (is_router_ && retry_ == runtime::TimerId::kNone) {
        retry_ = loop_.RunAfter(kRetryRoutedAfter, [this] {
          retry_ = runtime::TimerId::kNone;
          TellWritable();
        });
      }
    }
    ServeSoon();
    return blocked ? SendResult::kBlocked : SendResult::kUnroutable;
  }

  void ServeSoon() {
    if (std::exchange(serve_posted_, true)) {
      return;
    }
    loop_.Post([weak = weak_from_this()] {
      if (const auto core = weak.lock()) {
        core->serve_posted_ = false;
        core->Serve();
      }
    });
  }

  // Ends with a receive that finds nothing: from then on the descriptor tells what comes.
  void Serve() {
    if (blocked_ && !is_router_ && (GetInt(socket_, ZMQ_EVENTS) & ZMQ_POLLOUT) != 0) {
      TellWritable();
    }
    for (size_t handled = 0; !closed_ && handled < options_.batch; ++handled) {
      if (!ReceiveOne()) {
        return;
      }
    }
    if (!closed_) {
      ServeSoon();
    }
  }

  // False when no message waits.
  bool ReceiveOne() {
    Message message;
    size_t frames = 0;
    uint64_t wire_bytes = 0;
    int descriptor = -1;
    for (bool more = true; more; ++frames) {
      Frame frame;
      if (zmq_msg_recv(frame.handle(), socket_.handle(), ZMQ_DONTWAIT) < 0) {
        // ENOTSUP: a publishing socket receives nothing, ever.
        BITREPO_CHECK(zmq_errno() == EAGAIN || zmq_errno() == EINTR || zmq_errno() == ENOTSUP,
                      "a receive finds nothing");
        // A message comes whole: its later frames are here when its first is.
        BITREPO_CHECK(frames == 0, "a message is not interrupted");
        if (options_.guard != nullptr) {
          options_.guard->OnDrained();
        }
        return false;
      }
      more = zmq_msg_more(frame.handle()) != 0;
      descriptor = frame.source_descriptor();
      const bool is_peer_id = is_router_ && frames == 0;
      wire_bytes += is_peer_id ? 0 : WireBytes(frame.size());
      if (frames < options_.frames_max) {
        message.push_back(std::move(frame));
      }
    }
    if (options_.guard != nullptr) {
      options_.guard->OnDelivered(descriptor, wire_bytes);
    }
    if (frames > options_.frames_max) {
      ++dropped_messages_;
    } else if (!closed_) {
      on_message_(std::move(message), descriptor);
    }
    return true;
  }

  void TellWritable() {
    blocked_ = false;
    if (on_writable_) {
      on_writable_();
    }
  }

  runtime::EventLoop& loop_;
  Socket socket_;
  const Options options_;
  OnMessage on_message_;
  OnWritable on_writable_;
  const bool is_router_;
  runtime::WatchId watch_ = runtime::WatchId::kNone;
  runtime::TimerId retry_ = runtime::TimerId::kNone;
  bool serve_posted_ = false;
  bool blocked_ = false;
  bool closed_ = false;
  uint64_t dropped_messages_ = 0;
};

PolledSocket::PolledSocket(runtime::EventLoop& loop, Socket socket, Options options,
                           OnMessage on_message)
    : core_(std::make_shared<Core>(loop, std::move(socket), options, std::move(on_message))) {
  core_->Start();
}

PolledSocket::~PolledSocket() { core_->Close(); }

SendResult PolledSocket::Send(Message& message) { return core_->Send(message); }

void PolledSocket::SetOnWritable(OnWritable on_writable) {
  core_->set_on_writable(std::move(on_writable));
}

// The callback may destroy this object.
void PolledSocket::CatchUp() {
  const std::shared_ptr<Core> core = core_;
  core->CatchUp();
}

bool PolledSocket::HasMessages() { return core_->HasMessages(); }

Socket& PolledSocket::socket() { return core_->socket(); }

uint64_t PolledSocket::dropped_messages() const { return core_->dropped_messages(); }

}  // namespace bitrepo::zeromq
