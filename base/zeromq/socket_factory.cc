// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/socket_factory.h"

#include <zmq.h>

#include "base/status.h"

namespace bitrepo::zeromq {

// Collects the options of one socket; the first that fails decides.
class SocketMaker {
 public:
  SocketMaker(Context& context, int type) : socket_(zmq_socket(context.handle(), type)) {
    if (socket_.handle() == nullptr) {
      status_ = LastError("cannot make a socket");
    }
  }

  SocketMaker& Set(int option, int value) { return SetRaw(option, &value, sizeof value); }
  SocketMaker& Set(int option, int64_t value) { return SetRaw(option, &value, sizeof value); }
  SocketMaker& Set(int option, absl::Duration value) {
    return Set(option, static_cast<int>(absl::ToInt64Milliseconds(value)));
  }

  // What every socket on a network has.
  SocketMaker& Guarded(int64_t frame_bytes_max, int messages_max, absl::Duration linger) {
    return Set(ZMQ_MAXMSGSIZE, frame_bytes_max)
        .Set(ZMQ_SNDHWM, messages_max)
        .Set(ZMQ_RCVHWM, messages_max)
        .Set(ZMQ_LINGER, linger)
        .Set(ZMQ_SNDTIMEO, 0)
        .Set(ZMQ_RCVTIMEO, 0)
        .Set(ZMQ_IMMEDIATE, 1)
        .Set(ZMQ_HANDSHAKE_IVL, kHandshakeWithin)
        .Set(ZMQ_HEARTBEAT_IVL, kHeartbeatEvery)
        .Set(ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeout)
        .Set(ZMQ_HEARTBEAT_TTL, kHeartbeatTtl);
  }
  SocketMaker& Listening() { return Set(ZMQ_BACKLOG, kBacklog); }
  SocketMaker& Routing() { return Set(ZMQ_ROUTER_MANDATORY, 1).Set(ZMQ_ROUTER_HANDOVER, 0); }
  SocketMaker& Dialling() { return Set(ZMQ_CONNECT_TIMEOUT, kConnectWithin); }
  SocketMaker& Redialling(base::Random& random) {
    return Set(ZMQ_RECONNECT_IVL, random.Jitter(kRedialFirst))
        .Set(ZMQ_RECONNECT_IVL_MAX, random.Jitter(kRedialLongest));
  }

  absl::StatusOr<Socket> Take() {
    BITREPO_RETURN_IF_ERROR(status_);
    return std::move(socket_);
  }

 private:
  SocketMaker& SetRaw(int option, const void* value, size_t size) {
    if (status_.ok() && zmq_setsockopt(socket_.handle(), option, value, size) != 0) {
      status_ = LastError("cannot set a socket option");
    }
    return *this;
  }

  Socket socket_;
  absl::Status status_;
};

absl::StatusOr<Socket> MakeControlHub(Context& context) {
  return SocketMaker(context, ZMQ_ROUTER)
      .Guarded(kControlFrameBytesMax, kControlMessagesMax, kLinger)
      .Listening()
      .Routing()
      .Take();
}

absl::StatusOr<Socket> MakeControlSpoke(Context& context, base::Random& random) {
  return SocketMaker(context, ZMQ_DEALER)
      .Guarded(kControlFrameBytesMax, kControlMessagesMax, kLinger)
      .Dialling()
      .Redialling(random)
      .Take();
}

absl::StatusOr<Socket> MakeWatchPublisher(Context& context) {
  return SocketMaker(context, ZMQ_PUB)
      .Guarded(kSubscriptionBytesMax, kWatchBacklogMax, kWatchLinger)
      .Listening()
      .Take();
}

absl::StatusOr<Socket> MakeWatchSubscriber(Context& context, base::Random& random) {
  return SocketMaker(context, ZMQ_SUB)
      .Guarded(kControlFrameBytesMax, kWatchMessagesMax, kWatchLinger)
      .Dialling()
      .Redialling(random)
      .Take();
}

absl::Status Subscribe(Socket& socket, absl::string_view prefix) {
  return zmq_setsockopt(socket.handle(), ZMQ_SUBSCRIBE, prefix.data(), prefix.size()) == 0
             ? absl::OkStatus()
             : LastError("cannot subscribe");
}

absl::StatusOr<Socket> MakeDataHub(Context& context) {
  return SocketMaker(context, ZMQ_ROUTER)
      .Guarded(kDataFrameBytesMax, kDataMessagesMax, kLinger)
      .Listening()
      .Routing()
      .Take();
}

absl::StatusOr<Socket> MakeDataSpoke(Context& context) {
  return SocketMaker(context, ZMQ_DEALER)
      .Guarded(kDataFrameBytesMax, kDataMessagesMax, kLinger)
      .Dialling()
      .Set(ZMQ_RECONNECT_IVL, -1)
      .Take();
}

absl::StatusOr<Socket> MakeMonitorReader(Context& context) {
  return SocketMaker(context, ZMQ_PAIR)
      .Set(ZMQ_RCVHWM, 0)
      .Set(ZMQ_SNDHWM, 0)
      .Set(ZMQ_LINGER, 0)
      .Set(ZMQ_RCVTIMEO, 0)
      .Take();
}

}  // namespace bitrepo::zeromq
