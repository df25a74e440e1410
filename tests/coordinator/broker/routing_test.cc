// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/broker/broker_world.h"

namespace bitrepo::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RoutingTest : public BrokerWorld {
 protected:
  void SetUp() override {
    for (const Talker& talker : {p1_, p2_, p3_, alice_, bob_}) {
      Join(talker);
    }
    Settle({p1_, p2_, p3_, alice_, bob_});
  }
  // The frames of the one message to that peer.
  Frames FramesTo(const Talker& talker) const {
    for (const Delivery& delivery : out_.sends) {
      if (delivery.peer == talker.peer) {
        return delivery.frames;
      }
    }
    return {};
  }
  Frames With(Frames frames, const std::function<void(wire::Header&)>& change) {
    wire::Header header;
    EXPECT_TRUE(header.ParseFromString(frames[1]));
    change(header);
    frames[1] = header.SerializeAsString();
    return frames;
  }
};

// [H-11]
TEST_F(RoutingTest, AMessageToACollectionGoesToItsPillarsAndTheAskerIsToldWhichTheyAre) {
  const Frames identify = IdentifyOf(alice_, "books");
  Say(alice_, identify);
  EXPECT_EQ(FramesTo(p1_), identify);
  EXPECT_EQ(FramesTo(p2_), identify);
  EXPECT_EQ(FramesTo(p3_), identify);
  ASSERT_EQ(KindsTo(alice_), "ROUTED");
  const protocol::Envelope routed = SentTo(alice_)[0];
  wire::Header asked;
  ASSERT_TRUE(asked.ParseFromString(identify[1]));
  EXPECT_EQ(routed.header.answers(), asked.message_id());
  EXPECT_EQ(routed.header.conversation_id(), asked.conversation_id());
  EXPECT_EQ(routed.header.operation(), wire::PUT_FILE);
  EXPECT_EQ(routed.header.collection_id(), "books");
  EXPECT_THAT(routed.body.routed().sent_to(), ElementsAre("p1", "p2", "p3"));
  EXPECT_THAT(routed.body.routed().away(), IsEmpty());
  EXPECT_FALSE(routed.body.routed().settling());
  EXPECT_EQ(KindsTo(bob_), "");
  EXPECT_THAT(Copied(), ElementsAre("IDENTIFY", "ROUTED"));
}

TEST_F(RoutingTest, EachCollectionHasItsOwnPillars) {
  Say(alice_, IdentifyOf(alice_, "maps"));
  EXPECT_EQ(KindsTo(p1_), "IDENTIFY");
  EXPECT_EQ(KindsTo(p2_), "");
  EXPECT_THAT(SentTo(alice_)[0].body.routed().sent_to(), ElementsAre("p1"));
}

TEST_F(RoutingTest, ThoseThatAreNotConnectedAreAway) {
  Lose(p1_);
  Lose(p3_);
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_THAT(SentTo(alice_)[0].body.routed().sent_to(), ElementsAre("p2"));
  EXPECT_THAT(SentTo(alice_)[0].body.routed().away(), ElementsAre("p1", "p3"));
}

// [H-13]
TEST_F(RoutingTest, InTheFirstSecondsNobodyCountsAsAway) {
  Restart(Spec());
  Join(p2_);
  Join(alice_);
  Advance(absl::Milliseconds(4999));
  Say(alice_, HeartbeatOf(alice_));
  Say(p2_, HeartbeatOf(p2_));
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_THAT(SentTo(alice_)[0].body.routed().sent_to(), ElementsAre("p2"));
  EXPECT_THAT(SentTo(alice_)[0].body.routed().away(), IsEmpty());
  EXPECT_TRUE(SentTo(alice_)[0].body.routed().settling());
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_EQ(KindsTo(alice_), "") << "p1 may come in a moment; alice asks again";
  EXPECT_EQ(CountOf("not-yet-here"), 1u);
  Advance(absl::Milliseconds(1));
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_THAT(SentTo(alice_)[0].body.routed().away(), ElementsAre("p1", "p3"));
  EXPECT_FALSE(SentTo(alice_)[0].body.routed().settling());
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_EQ(KindsTo(alice_), "UNDELIVERED");
}

TEST_F(RoutingTest, ARequestGoesToThePillarItNamesWithItsSecret) {
  for (const wire::Kind kind : {wire::IDENTIFY, wire::REQUEST, wire::CANCEL}) {
    const Frames request = RequestOf(alice_, "p2", kind);
    Say(alice_, request);
    ASSERT_THAT(out_.sends, SizeIs(1));
    EXPECT_EQ(FramesTo(p2_), request);
  }
}

// [H-12]
TEST_F(RoutingTest, APillarThatIsNotThereIsToldOfAtOnce) {
  Lose(p2_);
  for (const wire::Kind kind : {wire::IDENTIFY, wire::REQUEST, wire::CANCEL}) {
    const Frames request = RequestOf(alice_, "p2", kind);
    Say(alice_, request);
    ASSERT_EQ(KindsTo(alice_), "UNDELIVERED");
    const protocol::Envelope undelivered = SentTo(alice_)[0];
    EXPECT_EQ(undelivered.body.response().code(), wire::UNREACHABLE);
    EXPECT_EQ(undelivered.body.undelivered().to(), "p2");
    EXPECT_EQ(undelivered.header.conversation_id(), std::string(16, 'v'));
    wire::Header asked;
    ASSERT_TRUE(asked.ParseFromString(request[1]));
    EXPECT_EQ(undelivered.header.answers(), asked.message_id());
  }
  Say(alice_, RequestOf(alice_, "never-heard-of"));
  EXPECT_EQ(KindsTo(alice_), "UNDELIVERED");
  EXPECT_EQ(CountOf("unreachable"), 4u);
}

TEST_F(RoutingTest, RepliesGoToTheSessionTheyNameAndNobodyElse) {
  for (const wire::Kind kind : {wire::IDENTIFY_REPLY, wire::PROGRESS, wire::FINAL}) {
    const Frames reply = ReplyOf(p1_, "bob.1", kind);
    Say(p1_, reply);
    ASSERT_THAT(out_.sends, SizeIs(1));
    EXPECT_EQ(FramesTo(bob_), reply);
  }
}

// [H-3]
TEST_F(RoutingTest, APillarThatAsksHearsTheReplies) {
  Say(p1_, RequestOf(p1_, "p2"));
  EXPECT_EQ(KindsTo(p2_), "REQUEST");
  Say(p2_, ReplyOf(p2_, "p1"));
  EXPECT_EQ(KindsTo(p1_), "FINAL");
  Say(p1_, StatusOf(p1_, wire::GET_STATUS));
  const protocol::Envelope request = out_.questions.at(0);
  out_ = BrokerOutbox();
  broker_->OnStatus(request, {}, now_, out_);
  EXPECT_EQ(KindsTo(p1_), "FINAL");
}

TEST_F(RoutingTest, AReplyToASessionThatIsGoneIsDroppedAndCounted) {
  Lose(bob_);
  Say(p1_, ReplyOf(p1_, "bob.1"));
  EXPECT_THAT(out_.sends, IsEmpty());
  EXPECT_EQ(CountOf("reply-unclaimed"), 1u);
}

TEST_F(RoutingTest, ASessionThatComesBackHearsItsReplies) {
  Lose(bob_);
  const Talker again = MakeClient(77, "bob.1");
  Join(again);
  Say(p1_, ReplyOf(p1_, "bob.1"));
  EXPECT_EQ(KindsTo(again), "FINAL");
}

// [B-24]
TEST_F(RoutingTest, WatchersSeeEverythingButSecrets) {
  Say(alice_, RequestOf(alice_, "p2"));
  Say(p2_, ReplyOf(p2_, "alice.1", wire::PROGRESS));
  ASSERT_THAT(Copied(), ElementsAre("PROGRESS"));
  for (const std::string& frame : out_.copies[0]) {
    EXPECT_THAT(frame, Not(HasSubstr("the-secret")));
  }
  EXPECT_EQ(FramesTo(alice_)[3], "the-secret");
}

TEST_F(RoutingTest, AlarmsGoToTheLogAndToWatchers) {
  Say(p1_, AlarmOf(p1_, "disk-failing"));
  EXPECT_THAT(out_.sends, IsEmpty());
  EXPECT_THAT(Copied(), ElementsAre("ALARM"));
  ASSERT_THAT(Events(), ElementsAre("alarm"));
  EXPECT_THAT(out_.notes[0].fields[1], ::testing::Pair("code", "disk-failing"));
}

// [H-16]
TEST_F(RoutingTest, TheRosterListsThoseWhoAreThereAndThoseWhoShouldBe) {
  Lose(p2_);
  Say(p1_, HeartbeatOf(p1_, 4));
  now_ += absl::Milliseconds(250);
  Say(alice_, StatusOf(alice_, wire::GET_ROSTER));
  ASSERT_EQ(KindsTo(alice_), "FINAL");
  const protocol::Envelope final = SentTo(alice_)[0];
  EXPECT_EQ(final.body.response().code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(final.header.operation(), wire::GET_ROSTER);
  std::vector<std::string> lines;
  for (const wire::RosterMember& member : final.body.roster_reply().members()) {
    lines.push_back(absl::StrCat(member.component_id(), " ", member.present() ? "present" : "away",
                                 " ", member.collections_size(), " ", member.load().queue(), " ",
                                 member.silent_us()));
  }
  EXPECT_THAT(lines,
              ElementsAre("alice present 0 0 0", "bob present 0 0 250000", "p1 present 2 4 250000",
                          "p2 away 1 0 0", "p3 present 1 0 250000"));
  EXPECT_EQ(final.body.roster_reply().left_out(), 0u);
}

TEST_F(RoutingTest, TheStatusSaysWhatTheBrokerAndItsHostKnow) {
  Lose(p2_);
  Say(bob_, {"garbage"});
  Say(alice_, StatusOf(alice_, wire::GET_STATUS));
  EXPECT_THAT(out_.sends, IsEmpty());
  ASSERT_THAT(out_.questions, SizeIs(1));
  const protocol::Envelope request = out_.questions[0];
  HostFacts facts;
  facts.connections = 7;
  facts.link_drops = {{"oversize", 3}, {"frame-count", 2}};
  out_ = BrokerOutbox();
  broker_->OnStatus(request, facts, now_, out_);
  ASSERT_EQ(KindsTo(alice_), "FINAL");
  const wire::GetStatusFinal status = SentTo(alice_)[0].body.get_status_final();
  EXPECT_EQ(status.health(), wire::HEALTH_WARNING);
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.connections(), 7u);
  EXPECT_EQ(status.uptime_us(), 5'000'000u);
  EXPECT_EQ(status.dropped_frames().at("frame-count"), 3u) << "the broker's and the link's";
  EXPECT_EQ(status.dropped_frames().at("oversize"), 3u);
  std::vector<std::string> checks;
  for (const wire::HealthCheck& check : status.checks()) {
    checks.push_back(absl::StrCat(check.name(), ": ", check.text()));
  }
  EXPECT_THAT(checks, ElementsAre("members: 4 of at most 1024",
                                  "collection books: 2 of 3 pillars present; away: p2",
                                  "collection maps: 1 of 1 pillars present",
                                  "connections: 7 to the bus; dropped or cut so far: "
                                  "frame-count 3, oversize 3"));
}

TEST_F(RoutingTest, TheStatusIsGoodWhenAllAreThere) {
  Say(alice_, StatusOf(alice_, wire::GET_STATUS));
  const protocol::Envelope request = out_.questions.at(0);
  out_ = BrokerOutbox();
  broker_->OnStatus(request, {}, now_, out_);
  EXPECT_EQ(SentTo(alice_)[0].body.get_status_final().health(), wire::HEALTH_OK);
}

TEST_F(RoutingTest, AStatusForOneWhoHasLeftMeanwhileGoesNowhere) {
  Say(alice_, StatusOf(alice_, wire::GET_STATUS));
  const protocol::Envelope request = out_.questions.at(0);
  Lose(alice_);
  out_ = BrokerOutbox();
  broker_->OnStatus(request, {}, now_, out_);
  EXPECT_THAT(out_.sends, IsEmpty());
}

TEST_F(RoutingTest, ThousandsOfMembersDoNotBurstTheRosterAndTheStatus) {
  BrokerSpec spec = Spec();
  std::string id(60, 'x');
  for (int collection = 0; collection < 100; ++collection) {
    for (int pillar = 0; pillar < 250; ++pillar) {
      spec.collections[absl::StrCat(id, collection)].insert(absl::StrCat(id, pillar));
    }
  }
  Restart(spec);
  Join(alice_);
  Settle({alice_});
  Say(alice_, StatusOf(alice_, wire::GET_ROSTER));
  ASSERT_EQ(KindsTo(alice_), "FINAL");
  const wire::RosterReply roster = SentTo(alice_)[0].body.roster_reply();
  EXPECT_EQ(static_cast<uint32_t>(roster.members_size()) + roster.left_out(), 254u);
  EXPECT_GT(roster.left_out(), 0u);
  Say(alice_, StatusOf(alice_, wire::GET_STATUS));
  const protocol::Envelope request = out_.questions.at(0);
  out_ = BrokerOutbox();
  broker_->OnStatus(request, {}, now_, out_);
  EXPECT_EQ(KindsTo(alice_), "FINAL");
}

// What members must not say. Nobody else hears of it; askers are told, the rest is counted.
// [H-9]
TEST_F(RoutingTest, HostileMembers) {
  const auto spoof = [](wire::Header& header) { header.set_from("bob"); };
  const auto steal = [](wire::Header& header) { header.set_reply_to("bob.1"); };
  const auto other = [](wire::Header& header) { header.set_repository_id("other"); };
  const auto newer = [](wire::Header& header) { header.set_kind(static_cast<wire::Kind>(99)); };
  const auto no_id = [](wire::Header& header) { header.clear_message_id(); };
  Frames misdirected = RequestOf(alice_, "p1");
  misdirected[0] = "pillar:p2";
  Frames nowhere = RequestOf(alice_, "p1");
  nowhere[0] = "pillar:../p1";
  Frames long_secret = RequestOf(alice_, "p1");
  long_secret[3] = std::string(protocol::kSecretBytesMax + 1, 's');
  Frames odd_signature = RequestOf(alice_, "p1");
  odd_signature[4] = "signed";
  Frames oversize = RequestOf(alice_, "p1");
  oversize[2] = std::string(protocol::kEnvelopeBytesMax, 'b');
  Frames large_header = RequestOf(alice_, "p1");
  large_header[1] = std::string(5000, 'h');
  Frames six = RequestOf(alice_, "p1");
  six.push_back("");
  Frames request_to_client = RequestOf(alice_, "p1");
  request_to_client[0] = "client:bob.1";

  struct Row {
    std::string name;
    Talker talker;
    Frames frames;
    std::string counted;
    wire::ResponseCode told;  // RESPONSE_CODE_UNSPECIFIED: nothing
  };
  constexpr wire::ResponseCode kNothing = wire::RESPONSE_CODE_UNSPECIFIED;
  constexpr wire::ResponseCode kNotUnderstood = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
  const std::vector<Row> rows = {
      {"no frames", alice_, {}, "frame-count", kNothing},
      {"one frame", alice_, {"x"}, "frame-count", kNothing},
      {"six frames", alice_, six, "frame-count", kNothing},
      {"too many bytes", alice_, oversize, "oversize", kNothing},
      {"a large header", alice_, large_header, "oversize", kNothing},
      {"random frames",
       alice_,
       {"\xff", "\xff\xff", "\x01", "\x02", ""},
       "header-garbage",
       kNothing},
      {"a random header",
       alice_,
       {"pillar:p1", "\xff\xff\xff", "", "", ""},
       "header-garbage",
       kNothing},
      {"no message id", alice_, With(RequestOf(alice_, "p1"), no_id), "field", kNothing},
      {"a destination that is none", alice_, nowhere, "destination", kNotUnderstood},
      {"another pillar than the header says", alice_, misdirected, "destination", kNotUnderstood},
      {"a large secret", alice_, long_secret, "field", kNotUnderstood},
      {"an odd signature", alice_, odd_signature, "signature", kNotUnderstood},
      {"a request to a client", alice_, request_to_client, "destination", kNotUnderstood},
      {"somebody else's name", alice_, With(RequestOf(alice_, "p1"), spoof), "spoofed-sender",
       wire::DENIED},
      {"replies to somebody else", alice_, With(RequestOf(alice_, "p1"), steal), "spoofed-sender",
       wire::DENIED},
      {"somebody else's name in an alarm", alice_, With(AlarmOf(alice_, "x"), spoof),
       "spoofed-sender", wire::DENIED},
      {"another repository", alice_, With(RequestOf(alice_, "p1"), other), "other-repository",
       wire::DENIED},
      {"a collection that is none", alice_, IdentifyOf(alice_, "secrets"), "unknown-collection",
       kNotUnderstood},
      {"a kind of the future", alice_, With(RequestOf(alice_, "p1"), newer), "kind",
       wire::REQUEST_NOT_SUPPORTED},
      {"a client that answers", alice_, ReplyOf(alice_, "bob.1"), "wrong-speaker",
       wire::NOT_AUTHORISED},
      {"a pillar that answers in another's name", p1_, ReplyOf(p2_, "bob.1"), "spoofed-sender",
       wire::DENIED},
      {"a pillar that answers a pillar", p1_,
       [&] {
         Frames reply = ReplyOf(p1_, "bob.1");
         reply[0] = "pillar:p2";
         return reply;
       }(),
       "destination", kNothing},
      {"an operation that the coordinator has not", alice_,
       [&] {
         Frames request =
             With(RequestOf(alice_, "p1"), [](wire::Header& header) { header.clear_to(); });
         request[0] = "coordinator";
         return request;
       }(),
       "not-supported", wire::REQUEST_NOT_SUPPORTED},
      {"a request to the coordinator with a body of garbage", alice_,
       [&] {
         Frames request = StatusOf(alice_, wire::GET_STATUS);
         request[2] = "\xff\xff";
         return request;
       }(),
       "body-garbage", kNotUnderstood},
      {"an alarm with a body of garbage", alice_,
       [&] {
         Frames alarm = AlarmOf(alice_, "x");
         alarm[2] = "\xff\xff";
         return alarm;
       }(),
       "body-garbage", kNothing},
      {"a heartbeat in another's name", alice_, HeartbeatOf(bob_), "spoofed-sender", wire::DENIED},
      {"a bye in another's name", alice_, ByeOf(bob_), "spoofed-sender", wire::DENIED},
  };
  for (const Row& row : rows) {
    const uint64_t before = CountOf(row.counted);
    Say(row.talker, row.frames);
    EXPECT_EQ(CountOf(row.counted), before + 1) << row.name;
    for (const Talker& talker : {p1_, p2_, p3_, alice_, bob_}) {
      const bool is_told = talker.peer == row.talker.peer && row.told != kNothing;
      EXPECT_EQ(KindsTo(talker), is_told ? "REFUSED" : "") << row.name;
      if (is_told && KindsTo(talker) == "REFUSED") {
        EXPECT_EQ(SentTo(talker)[0].body.response().code(), row.told) << row.name;
      }
    }
    EXPECT_THAT(Cuts(), IsEmpty()) << row.name;
    EXPECT_EQ(broker_->roster().members().size(), 5u) << row.name;
  }
}

// [C-25] The coordinator answers at once, so there is nothing to stop; but nobody waits for ever.
TEST_F(RoutingTest, ACancelToTheCoordinatorIsAnsweredByTheFinalOfItsRequest) {
  Frames cancel = With(RequestOf(alice_, "p1", wire::CANCEL), [](wire::Header& header) {
    header.clear_to();
    header.set_operation(wire::GET_STATUS);
    header.clear_collection_id();
  });
  cancel[0] = "coordinator";
  Say(alice_, cancel);
  ASSERT_EQ(KindsTo(alice_), "FINAL");
  EXPECT_EQ(SentTo(alice_)[0].body.response().code(), wire::CANCELLED);
  wire::Body body;
  ASSERT_TRUE(body.ParseFromString(cancel[2]));
  EXPECT_EQ(SentTo(alice_)[0].header.answers(), body.cancel().request_id());
  EXPECT_EQ(CountOf("late-cancel"), 1u);
}

// The body and what must be understood are for the addressee to judge.
// [H-10]
TEST_F(RoutingTest, WhatOnlyNewerComponentsUnderstandPassesThrough) {
  const auto newer = [](wire::Header& header) {
    header.set_version(2);
    header.set_min_version(2);
    header.add_must_understand("teleport");
    header.set_operation(static_cast<wire::Operation>(77));
  };
  Frames request = With(RequestOf(alice_, "p1"), newer);
  request[2] = "\xff what is this";
  Say(alice_, request);
  EXPECT_EQ(FramesTo(p1_), request);
  Frames identify = With(IdentifyOf(alice_, "books"), newer);
  Say(alice_, identify);
  EXPECT_EQ(FramesTo(p3_), identify);
}

}  // namespace
}  // namespace bitrepo::broker
