// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/coordinator/broker/broker_world.h"

namespace bitrepo::broker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class MembershipTest : public BrokerWorld {
 protected:
  // That HELLO is refused with this code; the peer is cut soon after.
  void ExpectRefused(const Talker& talker, Frames hello, wire::ResponseCode code,
                     const std::string& text) {
    Say(talker, std::move(hello));
    ASSERT_EQ(KindsTo(talker), "REFUSED");
    EXPECT_EQ(SentTo(talker)[0].body.response().code(), code);
    EXPECT_THAT(SentTo(talker)[0].body.response().text(), HasSubstr(text));
    EXPECT_THAT(Cuts(), IsEmpty()) << "the refusal must arrive first";
    Advance(absl::Seconds(1.3));
    EXPECT_THAT(Cuts(), Contains(absl::StrCat(talker.peer, " farewell")));
  }
  Frames HelloWith(const Talker& talker, const std::function<void(wire::Header&)>& change) {
    Frames frames = HelloOf(talker);
    wire::Header header;
    EXPECT_TRUE(header.ParseFromString(frames[1]));
    change(header);
    frames[1] = header.SerializeAsString();
    return frames;
  }
};

// [H-4]
TEST_F(MembershipTest, AHelloIsAnsweredByAWelcomeThatSaysAllAMemberNeeds) {
  Say(p1_, HelloOf(p1_));
  ASSERT_EQ(KindsTo(p1_), "WELCOME");
  const protocol::Envelope welcome = SentTo(p1_)[0];
  EXPECT_EQ(welcome.destination.ToString(), "pillar:p1");
  EXPECT_EQ(welcome.header.to(), "p1");
  EXPECT_EQ(welcome.header.from(), "hub");
  EXPECT_EQ(welcome.body.welcome().coordinator_id(), "hub");
  EXPECT_EQ(welcome.body.welcome().program_version(), "1.2.3");
  EXPECT_EQ(welcome.body.welcome().watch_endpoint(), "tcp://127.0.0.1:7101");
  EXPECT_EQ(welcome.body.welcome().heartbeat_ms(), 1000u);
  EXPECT_EQ(welcome.body.welcome().gone_after_ms(), 5000u);
  EXPECT_EQ(welcome.body.welcome().coordinator_run(), std::string(16, 'r'));
  EXPECT_THAT(Events(), ElementsAre("member-joined"));
  EXPECT_THAT(Copied(), ElementsAre("HELLO"));
  Say(alice_, HelloOf(alice_));
  ASSERT_EQ(KindsTo(alice_), "WELCOME");
  EXPECT_EQ(SentTo(alice_)[0].destination.ToString(), "client:alice.1");
}

TEST_F(MembershipTest, AHelloSaidAgainIsWelcomedAgain) {
  Join(p1_);
  Join(p1_);
  EXPECT_EQ(broker_->roster().members().size(), 1u);
  EXPECT_THAT(Events(), IsEmpty());
}

// [H-3] [H-4]
TEST_F(MembershipTest, AHelloIsRefusedFor) {
  Talker coordinator = MakeClient(20, "hub2.1");
  coordinator.hello.set_kind(wire::COORDINATOR);
  Talker reserved = MakeClient(21, "p2.1");
  Talker hub_pillar = MakePillar(22, "hub");
  ExpectRefused(alice_, HelloWith(alice_, [](auto& h) { h.set_repository_id("other"); }),
                wire::DENIED, "this is the repository demo");
  ExpectRefused(bob_, HelloWith(bob_, [](auto& h) { h.set_reply_to("alice.1"); }), wire::DENIED,
                "reply_to");
  ExpectRefused(coordinator, HelloOf(coordinator), wire::REQUEST_NOT_SUPPORTED, "coordinator");
  ExpectRefused(reserved, HelloOf(reserved), wire::CONFLICT, "belongs to another component");
  ExpectRefused(hub_pillar, HelloOf(hub_pillar), wire::CONFLICT, "belongs to another component");
  const Talker stray = MakePillar(23, "stray");
  Join(stray);
  const Talker stray_client = MakeClient(24, "stray.1");
  ExpectRefused(stray_client, HelloOf(stray_client), wire::CONFLICT, "another component");
  Talker shadow = MakeClient(28, "p2");
  shadow.hello.set_component_id("shadow");
  ExpectRefused(shadow, HelloOf(shadow), wire::CONFLICT, "the id p2 belongs to another component");
  Talker future = MakeClient(25, "future.1");
  ExpectRefused(future,
                HelloWith(future,
                          [](auto& h) {
                            h.set_version(9);
                            h.set_min_version(9);
                          }),
                wire::VERSION_NOT_SUPPORTED, "version 9");
  Talker picky = MakePillar(26, "p2");
  ExpectRefused(picky, HelloWith(picky, [](auto& h) { h.add_must_understand("teleport"); }),
                wire::REQUEST_NOT_SUPPORTED, "teleport");
  Talker spoofed = MakeClient(27, "mallory.1");
  ExpectRefused(spoofed, HelloWith(spoofed, [](auto& h) { h.set_from("alice"); }),
                wire::REQUEST_NOT_UNDERSTOOD_FAILURE, "header.from");
  EXPECT_EQ(CountOf("hello-refused"), 7u) << "the rest were no valid hello at all";
}

// [H-5]
TEST_F(MembershipTest, TheNewerStartOfOneStoreWins) {
  Join(p1_);
  const Talker later = MakePillar(31, "p1", 's', 2);
  Say(later, HelloOf(later));
  EXPECT_EQ(KindsTo(later), "WELCOME");
  EXPECT_THAT(Cuts(), ElementsAre("1 superseded"));
  EXPECT_THAT(Events(), Not(Contains("alarm")));
  ASSERT_EQ(broker_->roster().members().size(), 1u);
  EXPECT_EQ(broker_->roster().members().begin()->first, 31u);
}

TEST_F(MembershipTest, TheSameStartOnANewConnectionTakesThePlaceOfItsOldOne) {
  Join(p1_);
  const Talker again = MakePillar(31, "p1", 's', 1);
  Say(again, HelloOf(again));
  EXPECT_EQ(KindsTo(again), "WELCOME");
  EXPECT_THAT(Cuts(), ElementsAre("1 superseded"));
}

TEST_F(MembershipTest, AnEarlierStartOfOneStoreIsRefused) {
  const Talker later = MakePillar(31, "p1", 's', 2);
  Join(later);
  Say(p1_, HelloOf(p1_));
  EXPECT_THAT(Events(), ElementsAre("hello-refused")) << "it is the same store: no alarm";
  Lose(p1_);
  ExpectRefused(p1_, HelloOf(p1_), wire::CONFLICT, "a later start of p1");
  EXPECT_EQ(broker_->roster().members().begin()->first, 31u);
}

// [H-5]
TEST_F(MembershipTest, AnotherStoreUnderOneIdIsRefusedAndRaisesAnAlarm) {
  Join(p1_);
  const Talker other = MakePillar(31, "p1", 'x', 9);
  Say(other, HelloOf(other));
  ASSERT_EQ(KindsTo(other), "REFUSED");
  EXPECT_EQ(SentTo(other)[0].body.response().code(), wire::CONFLICT);
  EXPECT_THAT(Events(), ElementsAre("hello-refused", "alarm"));
  ASSERT_THAT(Copied(), ElementsAre("ALARM"));
  EXPECT_EQ(out_.copies[0][0], "operators");
  EXPECT_THAT(out_.copies[0][2], HasSubstr("store-conflict"));
  EXPECT_EQ(broker_->roster().members().begin()->first, 1u) << "the first keeps its place";
  EXPECT_EQ(CountOf("hello-refused"), 1u);
}

// [H-5]
TEST_F(MembershipTest, ASecondSessionOfOneNameIsRefusedUnlessItIsTheSameProcess) {
  Join(alice_);
  const Talker other = MakeClient(31, "alice.1", 'x');
  ExpectRefused(other, HelloOf(other), wire::CONFLICT, "the session alice.1 is in use");
  Say(alice_, HeartbeatOf(alice_));
  Talker unnamed = MakeClient(32, "alice.1");
  unnamed.hello.clear_store_id();
  ExpectRefused(unnamed, HelloOf(unnamed), wire::CONFLICT, "the session alice.1 is in use");
  Say(alice_, HeartbeatOf(alice_));
  Talker other_principal = MakeClient(33, "alice.1");
  other_principal.hello.set_component_id("mallory");
  ExpectRefused(other_principal, HelloOf(other_principal), wire::CONFLICT, "in use");
  Say(alice_, HeartbeatOf(alice_));
  const Talker same = MakeClient(34, "alice.1");
  Say(same, HelloOf(same));
  EXPECT_EQ(KindsTo(same), "WELCOME");
  EXPECT_THAT(Cuts(), ElementsAre("11 superseded"));
  const Talker second = MakeClient(35, "alice.2", 'y');
  Join(second);
}

TEST_F(MembershipTest, AnotherHelloOnOneConnectionEndsTheMembership) {
  Join(alice_);
  Talker turncoat = MakeClient(alice_.peer, "bob.1");
  Say(turncoat, HelloOf(turncoat));
  EXPECT_EQ(KindsTo(turncoat), "REFUSED");
  EXPECT_EQ(broker_->roster().members().size(), 0u);
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_EQ(CountOf("after-farewell"), 1u);
}

TEST_F(MembershipTest, APillarIsRefusedTheSessionThatAClientHas) {
  Talker client = MakeClient(30, "stray");
  client.hello.set_component_id("carol");
  Join(client);
  const Talker stray = MakePillar(31, "stray");
  Say(stray, HelloOf(stray));
  ASSERT_EQ(KindsTo(stray), "REFUSED");
  EXPECT_EQ(SentTo(stray)[0].body.response().code(), wire::CONFLICT);
  EXPECT_THAT(Events(), ElementsAre("hello-refused"));
}

// [H-11]
TEST_F(MembershipTest, APillarThatIsNotExpectedIsWelcomeAndNotAsked) {
  const Talker stray = MakePillar(31, "stray");
  Join(stray);
  EXPECT_THAT(Events(), ElementsAre("member-joined", "pillar-not-expected"));
  Join(alice_);
  Settle({stray, alice_});
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_EQ(KindsTo(stray), "");
  EXPECT_THAT(SentTo(alice_)[0].body.routed().away(), ElementsAre("p1", "p2", "p3"));
  Say(alice_, RequestOf(alice_, "stray"));
  EXPECT_EQ(KindsTo(stray), "REQUEST") << "it can be asked by name";
}

TEST_F(MembershipTest, APillarThatDoesNotKeepItsCollectionCountsAsAwayThere) {
  Talker poor = MakePillar(1, "p1");
  poor.hello.clear_collections();
  poor.hello.add_collections("maps");
  Join(poor);
  EXPECT_THAT(Events(), ElementsAre("member-joined", "pillar-lacks-collection"));
  Join(alice_);
  Settle({poor, alice_});
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_EQ(KindsTo(poor), "");
  EXPECT_THAT(SentTo(alice_)[0].body.routed().away(), ElementsAre("p1", "p2", "p3"));
}

// [H-6]
TEST_F(MembershipTest, HeartbeatsAreAnsweredAndKeepAMember) {
  Join(p1_);
  for (int second = 0; second < 60; ++second) {
    Advance(absl::Seconds(4));
    EXPECT_THAT(Cuts(), IsEmpty());
    Say(p1_, HeartbeatOf(p1_, 17));
    EXPECT_EQ(KindsTo(p1_), "HEARTBEAT");
    EXPECT_THAT(Copied(), IsEmpty());
  }
  EXPECT_EQ(broker_->roster().members().begin()->second.load.queue(), 17u);
}

// [H-6]
TEST_F(MembershipTest, SilenceOfFiveSecondsIsTheEnd) {
  Join(p1_);
  Advance(absl::Milliseconds(4999));
  EXPECT_THAT(Cuts(), IsEmpty());
  Advance(absl::Milliseconds(301));
  EXPECT_THAT(Cuts(), ElementsAre("1 silent"));
  EXPECT_THAT(Events(), ElementsAre("member-lost", "alarm"));
  EXPECT_THAT(out_.copies[0][2], HasSubstr("pillar-lost"));
}

TEST_F(MembershipTest, AClientThatGoesRaisesNoAlarm) {
  Join(alice_);
  Lose(alice_);
  EXPECT_THAT(Events(), ElementsAre("member-lost"));
  EXPECT_THAT(Copied(), IsEmpty());
}

// [H-8]
TEST_F(MembershipTest, AByeIsNoLoss) {
  Join(p1_);
  Say(p1_, ByeOf(p1_));
  EXPECT_THAT(Events(), ElementsAre("member-left"));
  EXPECT_THAT(Copied(), ElementsAre("BYE"));
  Lose(p1_);
  EXPECT_THAT(Events(), IsEmpty());
  Advance(absl::Seconds(10));
  EXPECT_THAT(Cuts(), IsEmpty());
}

TEST_F(MembershipTest, OneWhoSaysByeAndStaysIsCut) {
  Join(p1_);
  Say(p1_, ByeOf(p1_));
  Advance(absl::Seconds(1.3));
  EXPECT_THAT(Cuts(), ElementsAre("1 farewell"));
  EXPECT_EQ(CountOf("farewell"), 0u);
}

// [H-2]
TEST_F(MembershipTest, WhatComesBeforeHelloIsDroppedAndCountedAndItsPeerCutInTime) {
  Say(alice_, RequestOf(alice_, "p1"));
  Say(alice_, HeartbeatOf(alice_));
  Say(alice_, {"garbage"});
  EXPECT_TRUE(out_.sends.empty());
  EXPECT_EQ(CountOf("before-hello"), 3u);
  Advance(absl::Milliseconds(4900));
  EXPECT_THAT(Cuts(), IsEmpty());
  Advance(absl::Milliseconds(400));
  EXPECT_THAT(Cuts(), ElementsAre("11 no-hello"));
  EXPECT_EQ(broker_->stranger_count(), 0u);
}

// [H-2]
TEST_F(MembershipTest, OnlyAHelloThatIsWelcomeMakesAPeerKnown) {
  Say(alice_, {"garbage"});
  EXPECT_THAT(out_.greeted, IsEmpty());
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_THAT(out_.greeted, IsEmpty());
  Say(bob_, HelloWith(bob_, [](auto& h) { h.set_repository_id("other"); }));
  EXPECT_THAT(out_.greeted, IsEmpty());
  Join(alice_);
  EXPECT_THAT(out_.greeted, ElementsAre(alice_.peer));
  Say(alice_, HeartbeatOf(alice_));
  EXPECT_THAT(out_.greeted, IsEmpty());
}

TEST_F(MembershipTest, AStrangerThatSaysHelloInTimeIsAMember) {
  Say(alice_, {"garbage"});
  Join(alice_);
  EXPECT_EQ(broker_->stranger_count(), 0u);
  Advance(absl::Seconds(4));
  Say(alice_, HeartbeatOf(alice_));
  Advance(absl::Seconds(4));
  EXPECT_THAT(Cuts(), IsEmpty());
}

TEST_F(MembershipTest, MembersAreLimited) {
  BrokerSpec spec = Spec();
  spec.limits.members_max = 2;
  Restart(spec);
  Join(p1_);
  Join(alice_);
  Say(bob_, HelloOf(bob_));
  ASSERT_EQ(KindsTo(bob_), "REFUSED");
  EXPECT_EQ(SentTo(bob_)[0].body.response().code(), wire::BUSY);
  // One who takes his own old place is none more.
  const Talker again = MakePillar(31, "p1");
  Join(again);
  Lose(alice_);
  const Talker carol = MakeClient(32, "carol.1");
  Join(carol);
}

TEST_F(MembershipTest, StrangersAndThoseTakingTheirLeaveAreLimited) {
  BrokerSpec spec = Spec();
  spec.limits.strangers_max = 2;
  Restart(spec);
  Say(MakeClient(41, "a.1"), {"x"});
  Say(MakeClient(42, "b.1"), {"x"});
  EXPECT_THAT(Cuts(), IsEmpty());
  Say(MakeClient(43, "c.1"), {"x"});
  EXPECT_THAT(Cuts(), ElementsAre("43 too-many-strangers"));
  Say(MakeClient(41, "a.1"), {"x"});
  EXPECT_THAT(Cuts(), IsEmpty());
  for (const PeerNumber peer : {51, 52}) {
    const Talker wrong = MakeClient(peer, "p1.1");
    Say(wrong, HelloOf(wrong));
    EXPECT_EQ(KindsTo(wrong), "REFUSED");
  }
  const Talker third = MakeClient(53, "p1.1");
  Say(third, HelloOf(third));
  EXPECT_EQ(KindsTo(third), "");
  EXPECT_THAT(Cuts(), ElementsAre("53 too-many-strangers"));
}

TEST_F(MembershipTest, AlarmsAndRefusalsAreNotLoggedWithoutEnd) {
  Join(p1_);
  size_t said = 0;
  for (int i = 0; i < 100; ++i) {
    const Talker other = MakePillar(100 + i, "p1", 'x');
    Say(other, HelloOf(other));
    said += out_.notes.size();
  }
  EXPECT_EQ(said, 2 * Spec().limits.alarms_max) << "so many refusals, and so many alarms";
  EXPECT_EQ(CountOf("alarm-suppressed"), 80u);
  Say(p1_, HeartbeatOf(p1_));
  Advance(absl::Seconds(4));
  Say(p1_, HeartbeatOf(p1_));
  Advance(absl::Seconds(4));
  Say(p1_, HeartbeatOf(p1_));
  Advance(absl::Seconds(3));
  const Talker other = MakePillar(300, "p1", 'x');
  Say(other, HelloOf(other));
  EXPECT_THAT(Events(), ElementsAre("hello-refused", "alarm"));
}

TEST_F(MembershipTest, WhoIsRefusedOrFloodsKeepsNoAlarmOfOthersBack) {
  Join(p1_);
  Join(p2_);
  Join(alice_);
  for (int i = 0; i < 100; ++i) {
    const Talker wrong = MakeClient(100 + i, "p3.1");
    Say(wrong, HelloOf(wrong));
    Say(alice_, AlarmOf(alice_, "noise"));
    Say(p2_, AlarmOf(p2_, "noise"));
  }
  EXPECT_THAT(Events(), IsEmpty()) << "all three have had their say";
  Say(p1_, AlarmOf(p1_, "data-loss"));
  EXPECT_THAT(Events(), ElementsAre("alarm"));
  EXPECT_THAT(Copied(), ElementsAre("ALARM"));
  const Talker other = MakePillar(31, "p1", 'x');
  Say(other, HelloOf(other));
  EXPECT_THAT(Events(), ElementsAre("alarm")) << "only the refusal itself is not logged any more";
  Lose(p1_);
  EXPECT_THAT(Events(), ElementsAre("member-lost", "alarm"));
}

// Every state of a peer with every event: what it is told, and what becomes of it.
class MembershipTable : public MembershipTest {
 protected:
  enum State { kUnknown, kStranger, kMember, kLeaving };
  void Bring(State state) {
    now_ += absl::Hours(1);
    Restart(Spec());
    if (state == kStranger) {
      Say(p1_, {"x"});
    } else if (state == kMember) {
      Join(p1_);
    } else if (state == kLeaving) {
      Join(p1_);
      Say(p1_, ByeOf(p1_));
    }
    out_ = BrokerOutbox();
  }
};

TEST_F(MembershipTable, EveryCell) {
  struct Event {
    std::string name;
    std::function<void()> cause;
  };
  const std::vector<Event> events = {
      {"hello", [&] { Say(p1_, HelloOf(p1_)); }},
      {"refused hello",
       [&] { Say(p1_, HelloWith(p1_, [](auto& h) { h.set_repository_id("other"); })); }},
      {"heartbeat", [&] { Say(p1_, HeartbeatOf(p1_)); }},
      {"bye", [&] { Say(p1_, ByeOf(p1_)); }},
      {"request", [&] { Say(p1_, RequestOf(p1_, "p9")); }},
      {"reply", [&] { Say(p1_, ReplyOf(p1_, "nobody.1")); }},
      {"alarm", [&] { Say(p1_, AlarmOf(p1_, "x")); }},
      {"garbage", [&] { Say(p1_, {"garbage"}); }},
      {"lost", [&] { Lose(p1_); }},
      {"time", [&] { Advance(absl::Seconds(6)); }},
      {"blocked",
       [&] {
         broker_->OnBlocked({p1_.peer, HelloOf(p1_), now_}, now_, out_);
       }},
      {"gone",
       [&] {
         broker_->OnGone({p1_.peer, RequestOf(p1_, "p1"), now_}, now_, out_);
       }},
  };
  // In the order of the events: what the peer is sent, whether it is cut, and whether it is a
  // member afterwards.
  const std::vector<std::vector<std::string>> table = {
      // unknown
      {"WELCOME member", "REFUSED", "", "", "", "", "", "", "", "", "", ""},
      // stranger
      {"WELCOME member", "REFUSED", "", "", "", "", "", "", "", "cut", "", ""},
      // member
      {"WELCOME member", "REFUSED", "HEARTBEAT member", "", "member", "member", "member", "member",
       "", "cut", "member", ""},
      // leaving
      {"", "", "", "", "", "", "", "", "", "cut", "", ""}};
  for (const State state : {kUnknown, kStranger, kMember, kLeaving}) {
    for (size_t i = 0; i < events.size(); ++i) {
      Bring(state);
      events[i].cause();
      std::vector<std::string> words;
      if (!KindsTo(p1_).empty()) {
        words.push_back(KindsTo(p1_));
      }
      if (!out_.cuts.empty()) {
        words.push_back("cut");
      }
      if (broker_->roster().members().count(p1_.peer) > 0) {
        words.push_back("member");
      }
      EXPECT_EQ(absl::StrJoin(words, " "), table[state][i])
          << "state " << state << ", event " << events[i].name;
    }
  }
}

}  // namespace
}  // namespace bitrepo::broker
