// SPDX-License-Identifier: Apache-2.0
// Decides which connections a socket keeps: how many, how heavy, how silent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"

namespace bitrepo::zeromq {

enum class CutCause {
  kTooManyConnections,
  kUndelivered,       // one connection holds too much
  kEndlessMessage,    // its message under way is longer than any may be
  kUndeliveredTotal,  // all together hold too much; it held most
  kSilent,            // said nothing useful in time
  kRequested,         // the owner of the socket wanted it
};
const char* CutCauseName(CutCause cause);  // "too-many-connections" ...

// A pure machine. Bytes that came by a connection and were not delivered are in the process's
// memory or the kernel's: of a message that never ends, or of a queue nobody reads. ZMTP commands
// (heartbeats) are never delivered either: each delivered message proves that all before it is
// gone, and forgives what had come so far, at the most what heartbeats can have been since the
// message before. Threads:  loop-confined. Errors:   unknown, late and repeated events are fine.
class ConnectionLedger {
 public:
  static constexpr size_t kConnectionsMax = 1024;
  static constexpr uint64_t kDescriptorsKept = 512;  // for files and all else
  static constexpr uint64_t kForgivenBytesPerSecond = 32;
  static constexpr uint64_t kForgivenBytesMax = 64 * 1024;

  struct Limits {
    size_t connections = kConnectionsMax;
    uint64_t undelivered_bytes = 8 << 20;         // of one connection
    uint64_t undelivered_bytes_total = 64 << 20;  // of all together
    // The longest message on the wire. Of an unfinished one that is longer each frame takes 64
    // bytes of memory though it may have two on the wire: it is not given what a queue of whole
    // messages is.
    uint64_t message_bytes = UINT64_MAX;
    absl::Duration greet_within = absl::Seconds(10);
    // Who has said something, and then not a byte for so long, not even a heartbeat, is cut.
    absl::Duration quiet_longest = absl::InfiniteDuration();
  };
  struct Cut {
    int descriptor = -1;
    CutCause cause = CutCause::kRequested;
    bool operator==(const Cut&) const = default;
  };

  explicit ConnectionLedger(Limits limits) : limits_(limits) {}

  void OnAccepted(int descriptor, absl::Time now);
  void OnClosed(int descriptor);
  // All that has come by the connection since it began, as the kernel counts, and what of it
  // nobody has taken from the kernel yet.
  void OnReceived(int descriptor, uint64_t bytes_since_accepted, uint64_t unread_bytes = 0);
  // Call once all were told of by OnReceived. `served`: since the last time the socket was asked
  // until it had nothing, or each connection had its turn. What was taken from the kernel both now
  // and then, with no message delivered in between, belongs to one that is unfinished.
  void OnSampled(bool served);
  // A message of so many bytes on the wire was taken from the socket.
  void OnDelivered(int descriptor, uint64_t wire_bytes, absl::Time now);
  // It has said something useful.
  void MarkGreeted(int descriptor);
  void RequestCut(int descriptor);

  // The connections to end, each once. It stays counted until OnClosed.
  std::vector<Cut> TakeCuts(absl::Time now);

  size_t connection_count() const { return connections_.size(); }
  std::vector<int> descriptors() const;
  uint64_t undelivered_bytes() const;
  // How many were cut, by CutCauseName; causes that never came are not in it.
  const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  struct Connection {
    absl::Time accepted;
    absl::Time last_delivered;
    uint64_t received_bytes = 0;
    uint64_t unread_bytes = 0;    // of those received
    uint64_t consumed_bytes = 0;  // delivered, or forgiven
    uint64_t seen_bytes = 0;      // received when last judged
    absl::Time last_byte;         // when they were other than at the judgement before
    bool too_long = false;        // so it seemed when last sampled, and nothing was delivered since
    bool greeted = false;
    bool cut = false;
    uint64_t undelivered() const {
      return received_bytes > consumed_bytes ? received_bytes - consumed_bytes : 0;
    }
  };

  void MarkCut(int descriptor, Connection& connection, CutCause cause, std::vector<Cut>& cuts);
  void CutLargest(std::vector<Cut>& cuts);

  const Limits limits_;
  absl::btree_map<int, Connection> connections_;
  std::vector<Cut> asked_;  // until the next TakeCuts
  std::map<std::string, uint64_t> counts_;
};

// The most connections a process with so many descriptors takes: kConnectionsMax, or what is left
// when kDescriptorsKept are kept for files; at least 1.
size_t ConnectionsFor(uint64_t descriptor_limit);

}  // namespace bitrepo::zeromq
