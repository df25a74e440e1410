// SPDX-License-Identifier: Apache-2.0
// Messages that wait for peers which take nothing now: a bounded queue for each, and a bound on
// them all.
#pragma once

#include <deque>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "coordinator/broker/broker_spec.h"

namespace bitrepo::broker {

// Loop-confined value.
class WaitingRoom {
 public:
  explicit WaitingRoom(const BrokerLimits& limits) : limits_(limits) {}

  bool IsBlocked(PeerNumber peer) const { return queues_.contains(peer); }
  bool empty() const { return queues_.empty(); }
  // False, and nothing is kept, when a bound is reached.
  bool Add(const Delivery& delivery);
  // All that waits for the peer, in order; none is kept.
  std::vector<Delivery> Take(PeerNumber peer);
  // When the first of the peer's messages was first to be sent. Requires: IsBlocked.
  absl::Time WaitingSince(PeerNumber peer) const;
  std::vector<PeerNumber> peers() const;
  size_t bytes() const { return bytes_; }

 private:
  struct Queue {
    std::deque<Delivery> deliveries;
    size_t bytes = 0;
  };
  const BrokerLimits limits_;
  absl::btree_map<PeerNumber, Queue> queues_;
  size_t bytes_ = 0;
};

}  // namespace bitrepo::broker
