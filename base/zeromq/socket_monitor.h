// SPDX-License-Identifier: Apache-2.0
// What happens to a socket's connections, as calls on the loop: accepted, made, lost, failed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/runtime/event_loop.h"
#include "base/zeromq/context.h"
#include "base/zeromq/polled_socket.h"
#include "base/zeromq/socket.h"

namespace bitrepo::zeromq {

enum class ConnectionEvent {
  kAccepted,         // value: descriptor
  kAcceptFailed,     // value: errno
  kConnected,        // value: descriptor; TCP only, the ZMTP handshake follows
  kHandshakeDone,    // now messages flow
  kHandshakeFailed,  // kDisconnected follows
  kDialFailed,       // value: descriptor, closed already; a socket that dials again tries later
  kDisconnected,     // value: descriptor, closed already or very soon
};

// Threads:  loop-confined; the callback is called on the loop, never from inside a call to this
// class but CatchUp. Lifetime: made before the socket binds or connects, destroyed before the
// socket is; it may be destroyed by
//           its own callback.
class SocketMonitor {
 public:
  using OnEvent = absl::AnyInvocable<void(ConnectionEvent event, int value)>;
  static absl::StatusOr<std::unique_ptr<SocketMonitor>> Watch(runtime::EventLoop& loop,
                                                              Context& context, Socket& socket,
                                                              OnEvent on_event);
  ~SocketMonitor();

  // Tells, at once, of all that ZeroMQ has said so far.
  void CatchUp() { reader_->CatchUp(); }

 private:
  explicit SocketMonitor(void* watched) : watched_(watched) {}

  void* const watched_;
  std::unique_ptr<PolledSocket> reader_;
};

}  // namespace bitrepo::zeromq
