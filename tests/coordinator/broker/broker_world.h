// SPDX-License-Identifier: Apache-2.0
// A broker under test, and components that speak to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bus/protocol/envelope.h"
#include "coordinator/broker/bus_broker.h"

namespace bitrepo::broker {

// A component on one connection. Its messages are valid unless a test changes them.
struct Talker {
  PeerNumber peer = 0;
  wire::Hello hello;

  wire::Header Header(wire::Kind kind, base::Random& random) const;
};
Talker MakePillar(PeerNumber peer, const std::string& id, char store = 's',
                  uint64_t incarnation = 1);
Talker MakeClient(PeerNumber peer, const std::string& session, char store = 'c');

// The repository "demo": "books" on p1, p2, p3 and "maps" on p1.
class BrokerWorld : public ::testing::Test {
 protected:
  BrokerWorld();
  BrokerSpec Spec() const;
  // Begins anew, as after a restart.
  void Restart(const BrokerSpec& spec);

  // What components say, as frames.
  Frames HelloOf(const Talker& talker);
  Frames HeartbeatOf(const Talker& talker, uint32_t queue = 0);
  Frames ByeOf(const Talker& talker);
  Frames AlarmOf(const Talker& talker, const std::string& code);
  Frames IdentifyOf(const Talker& talker, const std::string& collection);
  Frames RequestOf(const Talker& talker, const std::string& pillar,
                   wire::Kind kind = wire::REQUEST);
  Frames StatusOf(const Talker& talker, wire::Operation operation);
  // An answer to nobody's request in particular.
  Frames ReplyOf(const Talker& pillar, const std::string& session, wire::Kind kind = wire::FINAL);

  // Each replaces what was heard before.
  void Say(const Talker& talker, Frames frames);
  void Lose(const Talker& talker);
  void Advance(absl::Duration by);  // in steps, with OnTime
  void Join(const Talker& talker);  // and expects a WELCOME
  // Past the first seconds, with heartbeats of these.
  void Settle(const std::vector<Talker>& talkers);

  // Of the last event. Messages are checked to be valid.
  std::vector<protocol::Envelope> SentTo(const Talker& talker) const;
  // The kinds sent to it, as one string: "WELCOME" or "ROUTED,FINAL".
  std::string KindsTo(const Talker& talker) const;
  // "7 silent" for each cut.
  std::vector<std::string> Cuts() const;
  std::vector<std::string> Events() const;    // of the notes
  std::vector<std::string> Recorded() const;  // "ACTION principal RESULT" of the trail's events
  std::vector<std::string> Copied() const;    // the kinds of the copies
  uint64_t CountOf(const std::string& cause) const;

  base::SeededRandom random_{5};
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::unique_ptr<BusBroker> broker_;
  BrokerOutbox out_;
  Talker p1_ = MakePillar(1, "p1");
  Talker p2_ = MakePillar(2, "p2");
  Talker p3_ = MakePillar(3, "p3");
  Talker alice_ = MakeClient(11, "alice.1");
  Talker bob_ = MakeClient(12, "bob.1");
};

}  // namespace bitrepo::broker
