// SPDX-License-Identifier: Apache-2.0
// The broker of the bus, decided without I/O: who is a member, and where each message goes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "coordinator/broker/broker_spec.h"
#include "coordinator/broker/notices.h"
#include "coordinator/broker/roster.h"
#include "coordinator/broker/waiting_room.h"

namespace bitrepo::broker {

// A pure machine. A peer is unknown, a stranger (has spoken, no HELLO), a member, or leaving
// (refused, or said BYE; cut soon after). It keeps no state of conversations: it may begin anew at
// any moment. Threads:  loop-confined. Lifetime: `random` outlives it. The host carries out the
// outbox, and gives back what the link would not take by OnBlocked and OnGone, in order; once one
// message to a peer was blocked, later ones of the same outbox are given back untried.
class BusBroker {
 public:
  BusBroker(BrokerSpec spec, absl::Time now, base::Random& random);

  void OnFrames(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out);
  void OnPeerLost(PeerNumber peer, absl::Time now, BrokerOutbox& out);
  // The peer took nothing; the message waits its turn.
  void OnBlocked(Delivery delivery, absl::Time now, BrokerOutbox& out);
  // The peer was no longer there when this was to be sent: its asker is told GONE.
  void OnGone(const Delivery& delivery, absl::Time now, BrokerOutbox& out);
  // A question that the outbox gave, with the body of its final.
  void OnAnswer(const protocol::Envelope& request, wire::Body body, absl::Time now,
                BrokerOutbox& out);
  // A GetStatus that the outbox gave, with what the host adds.
  void OnStatus(const protocol::Envelope& request, const HostFacts& facts, absl::Time now,
                BrokerOutbox& out);
  void OnTime(absl::Time now, BrokerOutbox& out);
  absl::Time WakeAt() const;

  bool IsBlocked(PeerNumber peer) const { return waiting_.IsBlocked(peer); }
  const Roster& roster() const { return roster_; }
  size_t stranger_count() const { return strangers_.size(); }
  // What was dropped or cut, by cause.
  const std::map<std::string, uint64_t>& counts() const { return counts_; }

 private:
  // bus_broker.cc: membership
  void OnStranger(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out);
  void Join(PeerNumber peer, const protocol::Envelope& envelope, absl::Time now, BrokerOutbox& out);
  // Why that HELLO is refused; OK where it is not.
  wire::ResponseInfo Judge(PeerNumber peer, const protocol::Envelope& envelope);
  void RefuseHello(PeerNumber peer, const wire::Header& header, const protocol::Destination& to,
                   const wire::ResponseInfo& why, absl::Time now, BrokerOutbox& out);
  void OnHeartbeat(Member& member, const protocol::Envelope& envelope, absl::Time now,
                   BrokerOutbox& out);
  void Leave(Member& member, const protocol::Envelope& envelope, absl::Time now, BrokerOutbox& out);
  // Ends a membership without BYE; the askers of what waited for it are told.
  void Lose(PeerNumber peer, absl::string_view cause, absl::Time now, BrokerOutbox& out);
  void Cut(PeerNumber peer, absl::string_view cause, BrokerOutbox& out);
  // Loses and cuts the members that a delivery has found hopeless; last in every event.
  void EndDoomed(absl::Time now, BrokerOutbox& out);
  void Retry(absl::Time now, BrokerOutbox& out);
  void Sweep(absl::Time now, BrokerOutbox& out);

  // bus_routing.cc: what members say
  void OnMember(Member& member, Frames frames, absl::Time now, BrokerOutbox& out);
  void OnFault(const Member& member, const protocol::EnvelopeFault& fault, absl::Time now,
               BrokerOutbox& out);
  void Route(Member& from, const protocol::Envelope& envelope, absl::Time now, BrokerOutbox& out);
  void RouteAsked(Member& from, const protocol::Envelope& envelope, absl::Time now,
                  BrokerOutbox& out);
  void FanOut(Member& from, const protocol::Envelope& envelope, absl::Time now, BrokerOutbox& out);
  void AnswerAsked(Member& from, const protocol::Envelope& envelope, absl::Time now,
                   BrokerOutbox& out);
  void OnAlarm(const protocol::Envelope& envelope, absl::Time now, BrokerOutbox& out);
  void Refuse(const Member& from, const wire::Header& asked, absl::string_view cause,
              wire::ResponseCode code, absl::string_view text, absl::Time now, BrokerOutbox& out);
  // To the asker of an identify or request that `absent` will not get.
  void TellGone(const Frames& frames, const std::string& absent, absl::Time now, BrokerOutbox& out);
  // For the audit trail, while there is room for what is refused to this one.
  void RecordRefusal(absl::string_view action, const std::string& principal,
                     const wire::Header& asked, wire::ResponseCode code, absl::string_view text,
                     absl::Time now, BrokerOutbox& out);
  wire::Body DescribeStatus(const HostFacts& facts, absl::Time now);

  void Deliver(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out);
  // Nothing when there is none; counted.
  void DeliverNotice(PeerNumber peer, Notices::Notice notice, bool copied, absl::Time now,
                     BrokerOutbox& out);
  void RaiseAlarm(absl::string_view code, absl::string_view text, absl::Time now,
                  BrokerOutbox& out);
  // True while this window has room for another word of that source: strangers who are refused, or
  // the flood of one, keep no alarm of others back.
  bool MaySay(absl::string_view source, absl::Time now);
  void Count(absl::string_view cause) { ++counts_[std::string(cause)]; }
  bool Settling(absl::Time now) const { return now < start_ + spec_.times.settle; }

  const BrokerSpec spec_;
  const absl::Time start_;
  Notices notices_;
  Roster roster_;
  WaitingRoom waiting_;
  std::map<PeerNumber, absl::Time> strangers_;  // until when each may go without HELLO
  std::map<PeerNumber, absl::Time> leaving_;    // when each is cut
  std::vector<PeerNumber> doomed_;
  std::map<std::string, uint64_t> counts_;
  absl::Time next_sweep_;
  absl::Time next_retry_ = absl::InfiniteFuture();
  absl::Time window_end_;
  std::map<std::string, size_t> said_in_window_;  // by source
};

}  // namespace bitrepo::broker
