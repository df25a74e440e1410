// SPDX-License-Identifier: Apache-2.0
// The data channel over ZeroMQ: one ROUTER that serves, one DEALER for each dial, on a context of
// their own.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "base/runtime/event_loop.h"
#include "base/zeromq/connection_guard.h"
#include "base/zeromq/context.h"
#include "base/zeromq/polled_socket.h"
#include "base/zeromq/socket_monitor.h"
#include "channel/link.h"

namespace bitrepo::channel {

// Threads and errors: see Link.
// Lifetime: the loop outlives it; destroyed on its loop's thread, after the Channel on it.
class ZmqChannelLink final : public Link {
 public:
  // Of one connection: what ZeroMQ queues, the kernel holds and one message under way can be
  // together; of all: what credit allows.
  static constexpr uint64_t kUndeliveredBytesMax = 24 * 1024 * 1024;
  static constexpr uint64_t kUndeliveredBytesTotal = 96 * 1024 * 1024;
  static constexpr int kSocketsMax = 1024;
  // A closed connection is given so long to take what was sent on it.
  static constexpr absl::Duration kFlushWithin = absl::Milliseconds(200);

  // `endpoint`: where it listens, "tcp://HOST:PORT", the port 0 for any; empty: it only dials.
  ZmqChannelLink(runtime::EventLoop& loop, std::string endpoint);
  ~ZmqChannelLink() override;
  absl::Status Start(Handler& handler) override;
  absl::StatusOr<ConnectionNumber> Dial(absl::string_view endpoint) override;
  bool Send(ConnectionNumber connection, LinkFrame frame) override;
  void Close(ConnectionNumber connection) override;
  std::string endpoint() const override { return endpoint_; }
  std::map<std::string, uint64_t> DropCounts() const override;

 private:
  // A connection that came to the hub and has said something.
  struct Accepted {
    std::string peer_id;  // the hub's name for it
    int descriptor = -1;
    uint64_t cookie = 0;  // of the connection that the descriptor was
    bool blocked = false;
  };
  struct Dialled {
    std::string endpoint;
    bool connected = false;
    std::unique_ptr<zeromq::PolledSocket> socket;
    std::unique_ptr<zeromq::SocketMonitor> monitor;  // dies before its socket
  };

  absl::Status Listen();
  void OnHubMessage(zeromq::Message message, int descriptor);
  void OnHubClosed(int descriptor);
  void OnHubWritable();
  void OnSpokeMessage(ConnectionNumber connection, zeromq::Message message);
  void OnSpokeEvent(ConnectionNumber connection, zeromq::ConnectionEvent event);
  bool SendToPeer(Accepted& accepted, zeromq::Message message);
  ConnectionNumber Accept(const std::string& peer_id, int descriptor);
  void ForgetAccepted(ConnectionNumber connection);
  // Closes it here when its descriptor is no longer what it was.
  void JudgeClosed(ConnectionNumber connection, bool last_look);
  // Closes it and tells so, once nothing that came by it waits any more or `turns` of the loop have
  // passed.
  void TellClosed(ConnectionNumber connection, absl::Status why, int turns);

  runtime::EventLoop& loop_;
  std::string endpoint_;
  Handler* handler_ = nullptr;
  ConnectionNumber last_connection_ = 0;
  zeromq::Context context_;
  std::unique_ptr<zeromq::PolledSocket> hub_;
  std::unique_ptr<zeromq::ConnectionGuard> guard_;  // dies before the hub
  absl::btree_map<ConnectionNumber, Accepted> accepted_;
  absl::btree_map<std::string, ConnectionNumber> by_peer_id_;
  absl::btree_map<int, ConnectionNumber> by_descriptor_;
  absl::btree_map<int, runtime::TimerId> to_cut_;  // closed here, flushing; by descriptor
  // Peers that are gone, of whom messages may still wait in the hub; the oldest are forgotten.
  absl::btree_set<std::string> gone_;
  std::deque<std::string> gone_in_order_;
  absl::btree_map<ConnectionNumber, Dialled> dialled_;
  std::map<std::string, uint64_t> counts_;
  // Callbacks that were posted hold it weakly.
  std::shared_ptr<ZmqChannelLink*> self_;
};

}  // namespace bitrepo::channel
