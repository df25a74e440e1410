// SPDX-License-Identifier: Apache-2.0
// The one place that makes ZeroMQ sockets, each with every limit its role has.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "base/zeromq/context.h"
#include "base/zeromq/socket.h"

namespace bitrepo::zeromq {

// A frame beyond these ends the connection it came by, without a word to its sender: senders check
// first.
inline constexpr int64_t kControlFrameBytesMax = 256 * 1024;
inline constexpr int64_t kDataFrameBytesMax = 1024 * 1024 + 4096;
inline constexpr int64_t kSubscriptionBytesMax = 4096;
// What ZMTP adds to the frames of one message, and what an I/O thread may hold of the next.
inline constexpr uint64_t kMessageSlackBytes = 32 * 1024;
// Messages that wait for one peer, on either side; a sender beyond it is told "blocked".
inline constexpr int kControlMessagesMax = 256;
inline constexpr int kDataMessagesMax = 16;
// A watcher keeps so many messages, beyond which it misses some: a thousand puts at once make
// about 20,000, in bursts, while others have the processor. Most have less than 1 KiB.
inline constexpr int kWatchMessagesMax = 16384;
inline constexpr int kWatchBacklogMax = 256;  // that are kept for a watcher which is slow
inline constexpr int kBacklog = 512;  // connections the kernel keeps until they are accepted
// How long a closed socket still tries to send.
inline constexpr absl::Duration kLinger = absl::Seconds(2);
inline constexpr absl::Duration kWatchLinger = absl::ZeroDuration();
inline constexpr absl::Duration kHandshakeWithin = absl::Seconds(5);
inline constexpr absl::Duration kConnectWithin = absl::Seconds(5);
// ZMTP heartbeats: they find half-open connections. Whether a component lives, its own heartbeats
// say.
inline constexpr absl::Duration kHeartbeatEvery = absl::Seconds(5);
inline constexpr absl::Duration kHeartbeatTimeout = absl::Seconds(15);
inline constexpr absl::Duration kHeartbeatTtl = absl::Seconds(20);
// Pauses between dials double from the first to the longest, both with jitter. The longest is well
// within the time that a coordinator, newly started, waits for its members to come back.
inline constexpr absl::Duration kRedialFirst = absl::Milliseconds(100);
inline constexpr absl::Duration kRedialLongest = absl::Seconds(2);

// The coordinator's side of the bus (ROUTER): names its peers itself, tells when one cannot be
// reached.
absl::StatusOr<Socket> MakeControlHub(Context& context);
// A component's side of the bus (DEALER): dials again by itself; queues nothing while not
// connected.
absl::StatusOr<Socket> MakeControlSpoke(Context& context, base::Random& random);
// The lossy stream of copies (PUB and SUB).
absl::StatusOr<Socket> MakeWatchPublisher(Context& context);
absl::StatusOr<Socket> MakeWatchSubscriber(Context& context, base::Random& random);
// What a subscriber wants to hear; "" is everything.
absl::Status Subscribe(Socket& socket, absl::string_view prefix);
// The serving side of the data channel (ROUTER).
absl::StatusOr<Socket> MakeDataHub(Context& context);
// The dialling side of the data channel (DEALER): one connection; lost is lost, it never dials
// again.
absl::StatusOr<Socket> MakeDataSpoke(Context& context);
// The reading end of a socket's monitor (PAIR). Without a limit: a monitor that does not take an
// event stops an I/O thread.
absl::StatusOr<Socket> MakeMonitorReader(Context& context);

}  // namespace bitrepo::zeromq
