// SPDX-License-Identifier: Apache-2.0
// The seam under the bus: a hub that hears numbered peers, and a spoke that hears one hub, as
// frames.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/protocol/frames.h"

namespace bitrepo::bus {

using protocol::Frames;

// Numbers one connection of a peer, never reused by one link.
using PeerNumber = uint64_t;

enum class SendResult {
  kSent,     // handed to the transport; says nothing of arrival
  kBlocked,  // the peer takes nothing now; nothing was sent; try again later
  kGone,     // there is no such peer any more
};

// The coordinator's side. Implementations: ZmqHubLink (ROUTER), MemoryHubLink, and in tests one
// with trouble. Threads:  loop-confined; the handler is called on the loop, never from inside a
// call to the link. Lifetime: the handler outlives the link, or Start is never called. Messages of
// one peer stay in order; they may be lost with its connection, and then all later ones are.
class HubLink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnFrames(PeerNumber peer, Frames frames) = 0;
    // Its connection is known to be gone. A peer can also vanish without this.
    virtual void OnPeerLost(PeerNumber peer) = 0;
  };
  virtual ~HubLink() = default;
  virtual absl::Status Start(Handler& handler) = 0;
  virtual SendResult Send(PeerNumber peer, const Frames& frames) = 0;
  // Ends the connection of that peer; unknown numbers are fine. Nothing is heard of it afterwards.
  virtual void Cut(PeerNumber peer) = 0;
  // It has said who it is: a link that ends the connections of strangers leaves this one. Frames
  // alone make nobody known. Unknown numbers are fine.
  virtual void MarkGreeted(PeerNumber peer) = 0;
  // What the transport has refused or cut by itself, by cause.
  virtual std::map<std::string, uint64_t> DropCounts() const = 0;
  // Where spokes dial, with the real port.
  virtual std::string endpoint() const = 0;
  virtual uint64_t connection_count() const = 0;
};

// A component's side. Implementations: ZmqSpokeLink (DEALER), MemorySpokeLink, and in tests one
// with trouble. Dials by itself, with pauses that grow and jitter, until it is connected. Threads
// and lifetime as HubLink.
class SpokeLink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnConnected() = 0;
    virtual void OnFrames(Frames frames) = 0;
    // After a kBlocked: the hub may take messages again.
    virtual void OnWritable() = 0;
    virtual void OnDisconnected() = 0;
  };
  virtual ~SpokeLink() = default;
  virtual absl::Status Start(Handler& handler) = 0;
  // kGone while not connected: nothing is queued for a hub that is not there.
  virtual SendResult Send(const Frames& frames) = 0;
  // Drops the connection and dials afresh: for a hub that is silent though connected.
  // OnDisconnected follows when there was a connection.
  virtual void Redial() = 0;
};

}  // namespace bitrepo::bus
