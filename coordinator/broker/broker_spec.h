// SPDX-License-Identifier: Apache-2.0
// What the broker is told at its start, and what it wants done after each event.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "base/audit_chain.h"
#include "base/log.h"
#include "bus/link.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::broker {

using bus::Frames;
using bus::PeerNumber;

// Counted by the broker itself; what the transport holds is bounded by its link.
struct BrokerLimits {
  size_t members_max = 1024;                 // connected components
  size_t strangers_max = 256;                // peers that have spoken and not said HELLO
  size_t queue_messages_max = 1024;          // waiting for one blocked peer
  size_t queue_bytes_max = 4 * 1024 * 1024;  // of one blocked peer
  size_t all_queues_bytes_max = 64 * 1024 * 1024;
  // In one `alarm_window`, of one source: an expected pillar, all other members together, each
  // code of the coordinator's own, refusals in the log. More are only counted.
  size_t alarms_max = 20;
};

struct BrokerTimes {
  absl::Duration heartbeat = absl::Seconds(1);
  absl::Duration gone_after = absl::Seconds(5);
  absl::Duration settle = absl::Seconds(5);        // after the start, while nobody counts as away
  absl::Duration hello_within = absl::Seconds(5);  // of a peer's first frames
  absl::Duration farewell = absl::Seconds(1);      // from REFUSED or BYE to the cut
  absl::Duration retry_blocked = absl::Milliseconds(20);
  absl::Duration blocked_longest = absl::Seconds(5);
  absl::Duration alarm_window = absl::Seconds(10);
};

struct BrokerSpec {
  std::string repository_id;
  std::string coordinator_id;
  std::string program_version;
  std::string watch_endpoint;  // empty: there is none
  std::string run;             // 16 bytes, of this start
  absl::Time wall_start;       // the calendar at the constructor's `now`
  absl::btree_map<std::string, absl::btree_set<std::string>> collections;  // id -> expected pillars
  BrokerLimits limits;
  BrokerTimes times;
};

// One message for one peer.
struct Delivery {
  PeerNumber peer = 0;
  Frames frames;
  absl::Time since;  // when it was first to be sent
};

// For the log.
struct BrokerNote {
  base::LogLevel level = base::LogLevel::kInfo;
  std::string event;
  std::vector<std::pair<std::string, std::string>> fields;
};

// In this order: sends, then cuts; the rest when it suits.
struct BrokerOutbox {
  std::vector<Delivery> sends;
  std::vector<std::pair<PeerNumber, std::string>> cuts;  // with the cause
  std::vector<PeerNumber> greeted;                       // no strangers any more
  std::vector<Frames> copies;                            // for watchers: destination, header, body
  std::vector<BrokerNote> notes;
  std::vector<base::AuditLine> events;  // for the audit trail, without sequence and time
  // Asked of the coordinator, valid: GetStatus to be given back by OnStatus with what the host
  // knows, all else by OnAnswer.
  std::vector<protocol::Envelope> questions;
};

// What only the host knows of its health.
struct HostFacts {
  uint64_t connections = 0;
  std::map<std::string, uint64_t> link_drops;
};

}  // namespace bitrepo::broker
