// SPDX-License-Identifier: Apache-2.0
// A ZeroMQ socket that lives on an event loop: whole messages come as calls, sending never waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "base/runtime/event_loop.h"
#include "base/zeromq/message.h"
#include "base/zeromq/socket.h"

namespace bitrepo::zeromq {

class ConnectionGuard;

enum class SendResult {
  kSent,        // ZeroMQ has it; says nothing of arrival
  kBlocked,     // no room at present (or, for a dialling socket, no connection): the message is
                // untouched
  kUnroutable,  // a routing socket has no such peer (any more): the message may be used up
};

// ZeroMQ's descriptor tells changes, not states: it is quiet while messages wait, once anything has
// looked. So every call that may have looked (a receive, a send) is followed, in a later turn of
// the loop, by receives until one finds nothing. Threads:  loop-confined; the callbacks are called
// on the loop, never from inside a call to this class but CatchUp. Lifetime: the loop outlives it.
// It may be destroyed by its own callback. Its guard, when there is one, is
//           destroyed just before it, in the same turn of the loop.
class PolledSocket {
 public:
  struct Options {
    // Messages of more frames are dropped and counted; for a routing socket the peer's id counts
    // too.
    size_t frames_max = 8;
    // Messages handled before other work of the loop has its turn.
    size_t batch = 64;
    // Is told of what was delivered; may be nullptr.
    ConnectionGuard* guard = nullptr;
  };
  // `descriptor` names the connection as ConnectionGuard does; -1 where there is none (inproc). On
  // a routing socket the first frame is the id of the peer: to answer, put it first again.
  using OnMessage = absl::AnyInvocable<void(Message message, int descriptor)>;
  using OnWritable = absl::AnyInvocable<void()>;

  // Requires: `socket` is one.
  PolledSocket(runtime::EventLoop& loop, Socket socket, Options options, OnMessage on_message);
  ~PolledSocket();
  PolledSocket(const PolledSocket&) = delete;
  PolledSocket& operator=(const PolledSocket&) = delete;

  // The message is taken, and left empty, when the result is kSent. Requires: not empty.
  SendResult Send(Message& message);
  // Called, once, some time after Send has said kBlocked, when it is worth trying again.
  void SetOnWritable(OnWritable on_writable);

  // Hands on all that has come by now, at once: the one call that calls back.
  void CatchUp();

  // True when messages wait that have not been handed on; they will be in a later turn of the loop.
  bool HasMessages();

  Socket& socket();
  // Messages dropped for too many frames.
  uint64_t dropped_messages() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;  // outlives this object while a callback of it runs
};

}  // namespace bitrepo::zeromq
