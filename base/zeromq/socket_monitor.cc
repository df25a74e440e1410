// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/socket_monitor.h"

#include <zmq.h>

#include <cstring>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::zeromq {
namespace {

constexpr int kWatched = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_CONNECTED |
                         ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                         ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

std::optional<ConnectionEvent> EventOf(uint16_t event) {
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      return ConnectionEvent::kAccepted;
    case ZMQ_EVENT_ACCEPT_FAILED:
      return ConnectionEvent::kAcceptFailed;
    case ZMQ_EVENT_CONNECTED:
      return ConnectionEvent::kConnected;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return ConnectionEvent::kHandshakeDone;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return ConnectionEvent::kHandshakeFailed;
    case ZMQ_EVENT_CLOSED:
      return ConnectionEvent::kDialFailed;
    case ZMQ_EVENT_DISCONNECTED:
      return ConnectionEvent::kDisconnected;
    default:
      return std::nullopt;
  }
}

// An event is a frame of 16 bits of event and 32 of value, in the machine's order; then one of the
// endpoint.
void Tell(const Message& message, SocketMonitor::OnEvent& on_event) {
  uint16_t event = 0;
  int32_t value = 0;
  const absl::string_view packed = message.front().text();
  if (packed.size() != sizeof event + sizeof value) {
    return;
  }
  std::memcpy(&event, packed.data(), sizeof event);
  std::memcpy(&value, packed.data() + sizeof event, sizeof value);
  if (const std::optional<ConnectionEvent> known = EventOf(event)) {
    on_event(*known, value);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<SocketMonitor>> SocketMonitor::Watch(runtime::EventLoop& loop,
                                                                    Context& context,
                                                                    Socket& socket,
                                                                    OnEvent on_event) {
  const std::string endpoint = context.FreshInprocEndpoint();
  if (zmq_socket_monitor(socket.handle(), endpoint.c_str(), kWatched) != 0) {
    return LastError("cannot watch a socket");
  }
  // From here on its destructor ends the monitor, also when the rest fails.
  std::unique_ptr<SocketMonitor> monitor(new SocketMonitor(socket.handle()));
  BITREPO_ASSIGN_OR_RETURN(Socket reader, MakeMonitorReader(context));
  BITREPO_RETURN_IF_ERROR(reader.Connect(endpoint));
  monitor->reader_ = std::make_unique<PolledSocket>(
      loop, std::move(reader), PolledSocket::Options{},
      [told = std::move(on_event)](const Message& message, int) mutable { Tell(message, told); });
  return monitor;
}

// First the writer, then the reader: an I/O thread waits for ever to write to a monitor that nobody
// reads.
SocketMonitor::~SocketMonitor() { zmq_socket_monitor(watched_, nullptr, 0); }

}  // namespace bitrepo::zeromq
