// SPDX-License-Identifier: Apache-2.0
// What the broker gives to the audit trail and to those who answer beside it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/broker/broker_world.h"

namespace bitrepo::broker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class TrailTest : public BrokerWorld {};

TEST_F(TrailTest, WhoComesAndGoesIsRecorded) {
  Join(p1_);
  EXPECT_THAT(Recorded(), ElementsAre("MEMBER_JOINED p1 OPERATION_COMPLETED"));
  EXPECT_EQ(out_.events[0].detail, "pillar, session p1, version 1");
  Say(p1_, HelloOf(p1_));
  EXPECT_THAT(Recorded(), IsEmpty()) << "the same hello again is no second joining";
  Join(alice_);
  EXPECT_THAT(Recorded(), ElementsAre("MEMBER_JOINED alice OPERATION_COMPLETED"));
  Say(alice_, ByeOf(alice_));
  EXPECT_THAT(Recorded(), ElementsAre("MEMBER_LEFT alice OPERATION_COMPLETED"));
  Lose(p1_);
  EXPECT_THAT(Recorded(), ElementsAre("MEMBER_LOST p1 GONE"));
  EXPECT_THAT(out_.events[0].detail, HasSubstr(": disconnected"));
}

TEST_F(TrailTest, ALaterStartTakesThePlaceOfTheFormer) {
  Join(p1_);
  const Talker later = MakePillar(21, "p1", 's', 2);
  Say(later, HelloOf(later));
  EXPECT_THAT(Recorded(),
              ElementsAre("MEMBER_LOST p1 GONE", "MEMBER_JOINED p1 OPERATION_COMPLETED"));
}

TEST_F(TrailTest, WhoIsRefusedIsRecordedWithTheReason) {
  Join(p1_);
  const Talker other = MakePillar(21, "p1", 'x');
  Say(other, HelloOf(other));
  EXPECT_THAT(Recorded(), ElementsAre("HELLO_REFUSED p1 CONFLICT"));
  EXPECT_EQ(out_.events[0].detail, "another store is connected as p1");
}

TEST_F(TrailTest, AMessageThatIsRefusedIsRecordedWithItsConversation) {
  Join(alice_);
  Say(alice_, IdentifyOf(alice_, "secrets"));
  EXPECT_THAT(Recorded(), ElementsAre("MESSAGE_REFUSED alice REQUEST_NOT_UNDERSTOOD_FAILURE"));
  EXPECT_EQ(out_.events[0].collection, "secrets");
  EXPECT_EQ(out_.events[0].conversation, "76767676-7676-7676-7676-767676767676");
  EXPECT_THAT(out_.events[0].detail, HasSubstr("unknown-collection: "));
}

TEST_F(TrailTest, OneWhoIsRefusedAllTheTimePushesNobodyOut) {
  Join(alice_);
  Join(bob_);
  size_t recorded = 0;
  for (size_t i = 0; i < BrokerLimits().alarms_max + 1; ++i) {
    Say(alice_, IdentifyOf(alice_, "secrets"));
    recorded += Recorded().size();
  }
  EXPECT_EQ(recorded, BrokerLimits().alarms_max);
  Say(bob_, IdentifyOf(bob_, "secrets"));
  EXPECT_THAT(Recorded(), SizeIs(1));
  Advance(absl::Seconds(2));
  for (int second = 0; second < 10; ++second) {
    Say(alice_, HeartbeatOf(alice_));
    Advance(absl::Seconds(1));
  }
  Say(alice_, IdentifyOf(alice_, "secrets"));
  EXPECT_THAT(Recorded(), SizeIs(1)) << "a new window";
}

TEST_F(TrailTest, QuestionsGoToTheHostAndTheirAnswersToTheAsker) {
  Join(alice_);
  wire::Header header = alice_.Header(wire::REQUEST, random_);
  header.set_conversation_id(std::string(16, 'v'));
  header.set_operation(wire::GET_ALARMS);
  wire::Body asked;
  asked.mutable_get_alarms_request();
  const auto request = protocol::SealEnvelope({protocol::Destination::Kind::kCoordinator, ""},
                                              header, std::move(asked), "");
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  Say(alice_, ToFrames(*request));
  ASSERT_THAT(out_.questions, SizeIs(1));
  EXPECT_EQ(KindsTo(alice_), "");
  const protocol::Envelope question = out_.questions[0];
  wire::Body answer;
  answer.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  answer.mutable_get_alarms_final()->mutable_page()->set_next_cursor("more");
  out_ = BrokerOutbox();
  broker_->OnAnswer(question, answer, now_, out_);
  ASSERT_EQ(KindsTo(alice_), "FINAL");
  EXPECT_EQ(SentTo(alice_)[0].body.get_alarms_final().page().next_cursor(), "more");
  Lose(alice_);
  out_ = BrokerOutbox();
  broker_->OnAnswer(question, answer, now_, out_);
  EXPECT_THAT(out_.sends, IsEmpty());
}

TEST_F(TrailTest, TheRosterSaysWhatKindAPillarIs) {
  p1_.hello.set_pillar_kind(wire::NEARLINE_PILLAR);
  Join(p1_);
  Join(alice_);
  Say(alice_, StatusOf(alice_, wire::GET_ROSTER));
  const wire::RosterReply roster = SentTo(alice_).at(0).body.roster_reply();
  for (const wire::RosterMember& member : roster.members()) {
    EXPECT_EQ(member.pillar_kind(),
              member.component_id() == "p1" ? wire::NEARLINE_PILLAR : wire::PILLAR_KIND_UNSPECIFIED)
        << member.component_id();
  }
}

}  // namespace
}  // namespace bitrepo::broker
