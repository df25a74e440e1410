// SPDX-License-Identifier: Apache-2.0
// The lossy copy of the bus for watchers: published by the coordinator, heard by whoever
// subscribes, never a brake on the bus.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::bus {

using protocol::Frames;

// Frames of one copy: sequence number (8 bytes, little-endian), destination, header, body. Never
// the secret.
inline constexpr size_t kWatchFrames = 4;

// One message as a watcher sees it, valid as OpenCopy judges. Its texts are escaped before they are
// shown.
struct WatchCopy {
  uint64_t sequence = 0;  // 1, 2, 3 ... in one run of the coordinator
  uint64_t missed = 0;    // copies lost between the one before and this one
  protocol::Destination destination;
  wire::Header header;
  wire::Body body;
};

// The coordinator's side, a seam. Implementations: ZmqWatchPublisher (PUB), and in tests one that
// remembers. Loop-confined. A watcher that is slow or absent loses copies; the publisher never
// waits.
class WatchPublisher {
 public:
  virtual ~WatchPublisher() = default;
  // `message` is an envelope's frames; its secret and signature are left out.
  virtual void Publish(const Frames& message) = 0;
  virtual uint64_t published() const = 0;
  // Connections that the transport has refused or cut by itself, by cause.
  virtual std::map<std::string, uint64_t> DropCounts() const = 0;
  // Where watchers subscribe, with the real port.
  virtual std::string endpoint() const = 0;
};

// A watcher's side, a seam. Implementations: ZmqWatchSubscriber (SUB), and in tests one that is
// told. Loop-confined; the handler is called on the loop, outlives the subscriber, and is never
// called from inside Start. Connects by itself, again and again.
class WatchSubscriber {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void OnWatchConnected() = 0;
    virtual void OnWatchCopy(const WatchCopy& copy) = 0;
    virtual void OnWatchDisconnected() = 0;
  };
  virtual ~WatchSubscriber() = default;
  virtual absl::Status Start(Handler& handler) = 0;
  virtual uint64_t missed() const = 0;     // copies lost since Start, as far as the numbers show
  virtual uint64_t malformed() const = 0;  // messages that were no copies
};

// Pure: numbers copies. Loop-confined.
class WatchEncoder {
 public:
  // The frames of the next copy. Requires: `message` has at least destination, header and body.
  Frames Encode(const Frames& message);
  // The next copy is for nobody; it has its number all the same.
  void PassOver() { ++sequence_; }
  uint64_t encoded() const { return sequence_; }

 private:
  uint64_t sequence_ = 0;
};

// Pure: reads copies and counts what is missing by the numbers. A number that falls is a new run of
// the coordinator, whose copies before it count as missed. Loop-confined.
class WatchDecoder {
 public:
  // Nothing, and counted, for what is no copy.
  std::optional<WatchCopy> Decode(const Frames& frames);
  uint64_t missed() const { return missed_; }
  uint64_t malformed() const { return malformed_; }

 private:
  std::optional<uint64_t> last_;
  uint64_t missed_ = 0;
  uint64_t malformed_ = 0;
};

}  // namespace bitrepo::bus
