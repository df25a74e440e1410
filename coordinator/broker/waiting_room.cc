// SPDX-License-Identifier: Apache-2.0
#include "coordinator/broker/waiting_room.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace bitrepo::broker {
namespace {

size_t BytesOf(const Frames& frames) {
  size_t bytes = 0;
  for (const std::string& frame : frames) {
    bytes += frame.size();
  }
  return bytes;
}

}  // namespace

bool WaitingRoom::Add(const Delivery& delivery) {
  const size_t bytes = BytesOf(delivery.frames);
  const auto found = queues_.find(delivery.peer);
  const size_t queued = found == queues_.end() ? 0 : found->second.deliveries.size();
  const size_t queued_bytes = found == queues_.end() ? 0 : found->second.bytes;
  if (queued >= limits_.queue_messages_max || queued_bytes + bytes > limits_.queue_bytes_max ||
      bytes_ + bytes > limits_.all_queues_bytes_max) {
    return false;
  }
  Queue& queue = queues_[delivery.peer];
  queue.deliveries.push_back(delivery);
  queue.bytes += bytes;
  bytes_ += bytes;
  return true;
}

std::vector<Delivery> WaitingRoom::Take(PeerNumber peer) {
  const auto found = queues_.find(peer);
  if (found == queues_.end()) {
    return {};
  }
  std::vector<Delivery> taken(std::make_move_iterator(found->second.deliveries.begin()),
                              std::make_move_iterator(found->second.deliveries.end()));
  bytes_ -= found->second.bytes;
  queues_.erase(found);
  return taken;
}

absl::Time WaitingRoom::WaitingSince(PeerNumber peer) const {
  const auto found = queues_.find(peer);
  BITREPO_CHECK(found != queues_.end(), "the peer is blocked");
  return found->second.deliveries.front().since;
}

std::vector<PeerNumber> WaitingRoom::peers() const {
  std::vector<PeerNumber> all;
  for (const auto& [peer, queue] : queues_) {
    all.push_back(peer);
  }
  return all;
}

}  // namespace bitrepo::broker
