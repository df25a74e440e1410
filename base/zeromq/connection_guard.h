// SPDX-License-Identifier: Apache-2.0
// Keeps a listening socket's memory and descriptors bounded, whatever its peers send.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/runtime/event_loop.h"
#include "base/zeromq/connection_ledger.h"
#include "base/zeromq/context.h"
#include "base/zeromq/socket.h"
#include "base/zeromq/socket_monitor.h"

namespace bitrepo::zeromq {

// ZeroMQ's own limits do not bound what a message of endless frames takes. The guard learns each
// accepted connection's descriptor from the socket's monitor, asks the kernel how many bytes came
// by it (TCP_INFO), is told by PolledSocket how many were delivered, lets ConnectionLedger judge,
// and shuts offenders down; libzmq then finds them closed. A descriptor is touched only while its
// socket cookie is the one it had when it was accepted, so that a number used again is left alone.
// Local (ipc) connections count, but not their bytes. Threads:  loop-confined; the callback is
// called on the loop, never from inside a call to this class but OnDelivered. Lifetime: made before
// the socket binds; destroyed before the socket, not by its own callback.
class ConnectionGuard {
 public:
  static constexpr absl::Duration kSampleEvery = absl::Milliseconds(50);
  static constexpr absl::Duration kLogEvery =
      absl::Seconds(1);  // for each cause; the counts have all

  // `on_closed` hears of every connection that is gone, by whoever's doing. Messages that came by
  // it may still wait in the socket and be delivered afterwards.
  static absl::StatusOr<std::unique_ptr<ConnectionGuard>> Watch(
      runtime::EventLoop& loop, Context& context, Socket& socket, ConnectionLedger::Limits limits,
      absl::AnyInvocable<void(int descriptor)> on_closed);
  ~ConnectionGuard();

  // A number the kernel gives a connection for its life and to no other: tells whether a descriptor
  // still is what it was. Nothing for what is no open socket.
  static std::optional<uint64_t> CookieOf(int descriptor);

  // Call before the message is handed on: it may have overtaken the news that its connection was
  // accepted, and that the one which had its descriptor before is gone. Both are heeded first: the
  // I/O thread, of which the context has one, has told them before it lets the message come.
  void OnDelivered(int descriptor, uint64_t wire_bytes);
  // The socket was asked for a message and had none.
  void OnDrained() { drained_ = true; }
  // The connection has said something useful; without it, it is cut after Limits::greet_within.
  void MarkGreeted(int descriptor);
  // Ends it, soon; unknown descriptors are fine.
  void Cut(int descriptor);
  void CutAll();
  // Adds one to a cause of the owner's own: what it dropped.
  void Count(absl::string_view cause) { ++counts_[std::string(cause)]; }

  size_t connection_count() const { return ledger_.connection_count(); }
  uint64_t undelivered_bytes() const { return ledger_.undelivered_bytes(); }
  // Refusals and cuts so far, by cause.
  std::map<std::string, uint64_t> counts() const;

 private:
  ConnectionGuard(runtime::EventLoop& loop, ConnectionLedger::Limits limits,
                  absl::AnyInvocable<void(int)> on_closed);
  void OnEvent(ConnectionEvent event, int value);
  void SampleLater();
  void Sample();
  void CarryOutCuts();
  void LogCut(const ConnectionLedger::Cut& cut, absl::Time now);
  bool StillTheSame(int descriptor) const;

  runtime::EventLoop& loop_;
  ConnectionLedger ledger_;
  absl::AnyInvocable<void(int)> on_closed_;
  std::unique_ptr<SocketMonitor> monitor_;
  absl::btree_map<int, uint64_t> cookies_;  // by descriptor
  std::map<std::string, uint64_t> counts_;
  bool drained_ = false;  // since the last sample
  size_t delivered_ = 0;  // messages, since the last sample
  absl::btree_map<CutCause, absl::Time> last_logged_;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
};

}  // namespace bitrepo::zeromq
