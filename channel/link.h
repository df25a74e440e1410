// SPDX-License-Identifier: Apache-2.0
// The seam under the data channel: connections that are dialled or accepted, and frames of a header
// and a payload.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/buffer.h"

namespace bitrepo::channel {

// Numbers one connection, never reused by one link.
using ConnectionNumber = uint64_t;

// The fixed header (transfer::kHeaderBytes) and the payload, which may be empty; payloads are never
// copied by a link.
struct LinkFrame {
  base::Buffer header;
  base::Buffer payload;
};

// Implementations: ZmqChannelLink (ROUTER to serve, one DEALER for each dial, on a context of its
// own), MemoryChannelLink, and in tests one with trouble. Threads:  loop-confined (the channel's
// loop); the handler is called on it, never from inside a call to the link. Lifetime: the handler
// outlives the link, or dies just before it, in the same turn of the loop. Frames of one connection
// stay in order, none is lost while it lives; a lost connection is told by OnClosed, once.
class Link {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnAccepted(ConnectionNumber connection) = 0;  // its first frame follows
    virtual void OnDialled(ConnectionNumber connection) = 0;   // now frames may be sent
    virtual void OnFrame(ConnectionNumber connection, LinkFrame frame) = 0;
    virtual void OnWritable(ConnectionNumber connection) = 0;  // after Send said false
    virtual void OnClosed(ConnectionNumber connection, absl::Status why) = 0;
  };
  virtual ~Link() = default;
  virtual absl::Status Start(Handler& handler) = 0;
  // Begins to dial "tcp://host:port"; OnDialled or OnClosed follows. No automatic reconnect: a lost
  // connection is lost.
  virtual absl::StatusOr<ConnectionNumber> Dial(absl::string_view endpoint) = 0;
  // False when the connection takes nothing now (the frame was not taken); OnWritable follows.
  virtual bool Send(ConnectionNumber connection, LinkFrame frame) = 0;
  // Ends it; no OnClosed comes. Unknown numbers are fine. What was sent before is still delivered
  // when the peer reads on.
  virtual void Close(ConnectionNumber connection) = 0;
  // Where others dial, with the real port; empty for a link that only dials.
  virtual std::string endpoint() const = 0;
  virtual std::map<std::string, uint64_t> DropCounts() const = 0;
};

}  // namespace bitrepo::channel
