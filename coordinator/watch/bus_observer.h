// SPDX-License-Identifier: Apache-2.0
// What the coordinator has seen of its bus, and its answers to those who ask about that.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "base/audit_chain.h"
#include "bus/protocol/envelope.h"
#include "coordinator/watch/alarm_desk.h"
#include "coordinator/watch/bus_ledger.h"
#include "coordinator/watch/timeline.h"

namespace bitrepo::watch {

struct ObserverSpec {
  std::string coordinator_id;
  std::string run;  // of this start, 16 bytes
  TimelineLimits timeline = {};
  AlarmLimits alarms = {};
  size_t ledger_records_max = kLedgerRecordsMax;
};

// A pure machine: the timeline, the alarms and the trail of one start of the coordinator. What it
// says decides nothing. Loop-confined.
class BusObserver {
 public:
  BusObserver(ObserverSpec spec, absl::Time wall_now);

  // What goes to watchers: destination, header, body. What is no valid message is passed over; its
  // addressee refuses it.
  void OnCopy(protocol::Frames copy, absl::Time wall_now);
  // A record of the trail, but for sequence and time.
  void OnEvent(base::AuditLine event, absl::Time wall_now);

  // GetConversation, GetAlarms and GetAuditTrails.
  static bool Answers(wire::Operation operation);
  // The body of the final. Requires: Answers its operation, valid by OpenEnvelope.
  wire::Body Answer(const protocol::Envelope& request) const;

  const Timeline& timeline() const { return timeline_; }
  const AlarmDesk& alarms() const { return alarms_; }
  const BusLedger& ledger() const { return ledger_; }

 private:
  wire::Body TellConversation(const protocol::Envelope& request) const;
  wire::Body TellConversations(const protocol::Envelope& request) const;
  wire::Body TellAlarms(const protocol::Envelope& request) const;
  wire::Body TellTrail(const protocol::Envelope& request) const;

  const std::string run_;
  Timeline timeline_;
  AlarmDesk alarms_;
  BusLedger ledger_;
};

}  // namespace bitrepo::watch
