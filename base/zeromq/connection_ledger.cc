// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/connection_ledger.h"

#include <algorithm>

namespace bitrepo::zeromq {
namespace {

// What heartbeats can have taken in `silence`.
uint64_t Forgivable(absl::Duration silence) {
  const double bytes =
      absl::ToDoubleSeconds(silence) * double{ConnectionLedger::kForgivenBytesPerSecond};
  return static_cast<uint64_t>(std::clamp(bytes, 0.0, double{ConnectionLedger::kForgivenBytesMax}));
}

}  // namespace

const char* CutCauseName(CutCause cause) {
  switch (cause) {
    case CutCause::kTooManyConnections:
      return "too-many-connections";
    case CutCause::kUndelivered:
      return "undelivered-bytes";
    case CutCause::kEndlessMessage:
      return "endless-message";
    case CutCause::kUndeliveredTotal:
      return "undelivered-bytes-total";
    case CutCause::kSilent:
      return "silent";
    case CutCause::kRequested:
      return "requested";
  }
  return "unknown";
}

size_t ConnectionsFor(uint64_t descriptor_limit) {
  constexpr uint64_t kKept = ConnectionLedger::kDescriptorsKept;
  const uint64_t left = descriptor_limit > kKept ? descriptor_limit - kKept : 1;
  return static_cast<size_t>(std::min<uint64_t>(left, ConnectionLedger::kConnectionsMax));
}

void ConnectionLedger::OnAccepted(int descriptor, absl::Time now) {
  // A descriptor that is there already was closed unnoticed: the kernel gives no number twice.
  connections_.erase(descriptor);
  const bool too_many = connections_.size() >= limits_.connections;
  Connection& connection = connections_[descriptor];
  connection.accepted = now;
  connection.last_delivered = now;
  connection.last_byte = now;
  if (too_many) {
    MarkCut(descriptor, connection, CutCause::kTooManyConnections, asked_);
  }
}

void ConnectionLedger::OnClosed(int descriptor) {
  connections_.erase(descriptor);
  std::erase_if(asked_, [&](const Cut& cut) { return cut.descriptor == descriptor; });
}

void ConnectionLedger::OnReceived(int descriptor, uint64_t bytes_since_accepted,
                                  uint64_t unread_bytes) {
  if (const auto found = connections_.find(descriptor); found != connections_.end()) {
    Connection& connection = found->second;
    connection.received_bytes = bytes_since_accepted;
    connection.unread_bytes = unread_bytes;
    // More consumed than received: a message of the connection that had this descriptor before.
    connection.consumed_bytes = std::min(connection.consumed_bytes, bytes_since_accepted);
  }
}

void ConnectionLedger::OnSampled(bool served) {
  for (auto& [descriptor, connection] : connections_) {
    const uint64_t undelivered = connection.undelivered();
    const uint64_t taken = undelivered - std::min(undelivered, connection.unread_bytes);
    const bool too_long = taken > limits_.message_bytes;
    if (too_long && connection.too_long && served) {
      MarkCut(descriptor, connection, CutCause::kEndlessMessage, asked_);
    }
    connection.too_long = too_long;
  }
}

void ConnectionLedger::OnDelivered(int descriptor, uint64_t wire_bytes, absl::Time now) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) {
    return;
  }
  Connection& connection = found->second;
  connection.consumed_bytes += wire_bytes;
  connection.consumed_bytes +=
      std::min(connection.undelivered(), Forgivable(now - connection.last_delivered));
  connection.last_delivered = now;
  connection.too_long = false;
}

void ConnectionLedger::MarkGreeted(int descriptor) {
  if (const auto found = connections_.find(descriptor); found != connections_.end()) {
    found->second.greeted = true;
  }
}

void ConnectionLedger::RequestCut(int descriptor) {
  if (const auto found = connections_.find(descriptor); found != connections_.end()) {
    MarkCut(descriptor, found->second, CutCause::kRequested, asked_);
  }
}

std::vector<ConnectionLedger::Cut> ConnectionLedger::TakeCuts(absl::Time now) {
  std::vector<Cut> cuts = std::move(asked_);
  asked_.clear();
  for (auto& [descriptor, connection] : connections_) {
    if (connection.seen_bytes != connection.received_bytes) {
      connection.seen_bytes = connection.received_bytes;
      connection.last_byte = now;
    }
    const bool stranger = !connection.greeted && now - connection.accepted >= limits_.greet_within;
    // What a local connection has received is not known.
    const bool quiet =
        connection.received_bytes > 0 && now - connection.last_byte >= limits_.quiet_longest;
    if (connection.undelivered() > limits_.undelivered_bytes) {
      MarkCut(descriptor, connection, CutCause::kUndelivered, cuts);
    } else if (stranger || quiet) {
      MarkCut(descriptor, connection, CutCause::kSilent, cuts);
    }
  }
  CutLargest(cuts);
  return cuts;
}

// Ends those that hold most until the rest is within the limit; of equals, the lower descriptor.
void ConnectionLedger::CutLargest(std::vector<Cut>& cuts) {
  uint64_t total = 0;
  for (const auto& [descriptor, connection] : connections_) {
    total += connection.cut ? 0 : connection.undelivered();
  }
  while (total > limits_.undelivered_bytes_total) {
    auto largest = connections_.end();
    for (auto next = connections_.begin(); next != connections_.end(); ++next) {
      const bool larger = largest == connections_.end() ||
                          next->second.undelivered() > largest->second.undelivered();
      if (!next->second.cut && larger) {
        largest = next;
      }
    }
    total -= largest->second.undelivered();
    MarkCut(largest->first, largest->second, CutCause::kUndeliveredTotal, cuts);
  }
}

void ConnectionLedger::MarkCut(int descriptor, Connection& connection, CutCause cause,
                               std::vector<Cut>& cuts) {
  if (connection.cut) {
    return;
  }
  connection.cut = true;
  ++counts_[CutCauseName(cause)];
  cuts.push_back(Cut{descriptor, cause});
}

std::vector<int> ConnectionLedger::descriptors() const {
  std::vector<int> all;
  all.reserve(connections_.size());
  for (const auto& [descriptor, connection] : connections_) {
    all.push_back(descriptor);
  }
  return all;
}

uint64_t ConnectionLedger::undelivered_bytes() const {
  uint64_t total = 0;
  for (const auto& [descriptor, connection] : connections_) {
    total += connection.undelivered();
  }
  return total;
}

}  // namespace bitrepo::zeromq
