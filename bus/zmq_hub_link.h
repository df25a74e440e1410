// SPDX-License-Identifier: Apache-2.0
// The hub over ZeroMQ: a ROUTER whose connections are guarded and numbered.
#pragma once

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
#include "bus/link.h"

namespace bitrepo::bus {

// A peer is one connection that has sent something; it is cut after Limits::greet_within unless
// MarkGreeted was called for it. What a peer that does not read may have waiting
// for it in this process is bounded in messages by the socket and in bytes here: beyond it Send
// says kBlocked. Threads:  loop-confined. Lifetime: loop, context and handler outlive it; not
// destroyed by its own handler. Errors:   Start is kFailedPrecondition when the endpoint cannot be
// had (it is taken), kInvalidArgument when it is none.
class ZmqHubLink final : public HubLink {
 public:
  static constexpr uint64_t kUnsentBytesMax = 2 * 1024 * 1024;  // of one peer
  static constexpr size_t kEndedPeersKept = 4096;

  // The longest message of `limits` is that of the protocol.
  ZmqHubLink(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint,
             zeromq::ConnectionLedger::Limits limits);
  ~ZmqHubLink() override;

  absl::Status Start(Handler& handler) override;
  SendResult Send(PeerNumber peer, const Frames& frames) override;
  void Cut(PeerNumber peer) override;
  void MarkGreeted(PeerNumber peer) override;
  std::map<std::string, uint64_t> DropCounts() const override;
  std::string endpoint() const override { return endpoint_; }
  uint64_t connection_count() const override;

 private:
  struct Peer {
    std::string routing_id;
    int descriptor = -1;
    uint64_t sent_bytes = 0;   // on the wire
    uint64_t acked_bytes = 0;  // of them, when last asked of the kernel
  };

  void OnMessage(zeromq::Message message, int descriptor);
  void OnClosed(int descriptor);
  void TellLost(PeerNumber peer);
  // Forgets it; what still comes of its routing id is dropped.
  void Forget(PeerNumber peer);
  bool HasRoom(Peer& peer, uint64_t wire_bytes) const;

  runtime::EventLoop& loop_;
  zeromq::Context& context_;
  std::string endpoint_;
  zeromq::ConnectionLedger::Limits limits_;
  Handler* handler_ = nullptr;
  PeerNumber last_peer_ = 0;
  std::map<PeerNumber, Peer> peers_;
  absl::btree_map<std::string, PeerNumber> by_routing_id_;
  absl::btree_set<std::string> ended_;  // routing ids that ZeroMQ made and that are over
  std::deque<std::string> ended_order_;
  std::unique_ptr<zeromq::PolledSocket> socket_;
  std::unique_ptr<zeromq::ConnectionGuard> guard_;  // dies first
};

}  // namespace bitrepo::bus
