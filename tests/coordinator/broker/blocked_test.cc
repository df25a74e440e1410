// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/broker/broker_world.h"

namespace bitrepo::broker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The host's part: what the link would not take goes back.
class BlockedTest : public BrokerWorld {
 protected:
  void SetUp() override {
    for (const Talker& talker : {p1_, p2_, alice_, bob_}) {
      Join(talker);
    }
    Settle({p1_, p2_, alice_, bob_});
  }
  // Gives back everything that was for that peer; the rest counts as sent.
  void BlockAllTo(const Talker& talker) {
    BrokerOutbox next;
    for (Delivery& delivery : out_.sends) {
      if (delivery.peer == talker.peer) {
        broker_->OnBlocked(std::move(delivery), now_, next);
      }
    }
    out_ = std::move(next);
  }
  void SayBlocked(const Talker& from, Frames frames, const Talker& blocked) {
    Say(from, std::move(frames));
    BlockAllTo(blocked);
  }
  void KeepAlive(const Talker& talker) {
    BrokerOutbox ignored;
    broker_->OnFrames(talker.peer, HeartbeatOf(talker), now_, ignored);
  }
};

TEST_F(BlockedTest, WhatIsBlockedIsTriedAgainInOrder) {
  const std::vector<Frames> requests = {RequestOf(alice_, "p1"), RequestOf(alice_, "p1"),
                                        RequestOf(alice_, "p1")};
  SayBlocked(alice_, requests[0], p1_);
  EXPECT_TRUE(broker_->IsBlocked(p1_.peer));
  Say(alice_, requests[1]);
  EXPECT_THAT(out_.sends, IsEmpty()) << "it waits behind the first";
  Say(bob_, requests[2]);
  Say(alice_, requests[2]);
  Advance(Spec().times.retry_blocked);
  ASSERT_THAT(out_.sends, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(out_.sends[i].frames, requests[i]);
  }
  EXPECT_FALSE(broker_->IsBlocked(p1_.peer));
}

TEST_F(BlockedTest, ARetryThatIsBlockedHalfWayKeepsTheOrder) {
  std::vector<Frames> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(RequestOf(alice_, "p1"));
    SayBlocked(alice_, requests.back(), p1_);
  }
  Advance(Spec().times.retry_blocked);
  ASSERT_THAT(out_.sends, SizeIs(4));
  out_.sends.erase(out_.sends.begin());  // the first went out
  BlockAllTo(p1_);
  Advance(Spec().times.retry_blocked);
  ASSERT_THAT(out_.sends, SizeIs(3));
  EXPECT_EQ(out_.sends[0].frames, requests[1]);
  EXPECT_EQ(out_.sends[2].frames, requests[3]);
}

TEST_F(BlockedTest, OneBlockedPeerHoldsNobodyElse) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  Say(alice_, RequestOf(alice_, "p2"));
  EXPECT_EQ(KindsTo(p2_), "REQUEST");
  Say(alice_, IdentifyOf(alice_, "books"));
  EXPECT_EQ(KindsTo(p1_), "");
  EXPECT_EQ(KindsTo(p2_), "IDENTIFY");
  EXPECT_EQ(KindsTo(alice_), "ROUTED");
}

TEST_F(BlockedTest, ABlockedPeerIsSpareAnswersToItsHeartbeats) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  Say(p1_, HeartbeatOf(p1_));
  EXPECT_EQ(KindsTo(p1_), "");
}

// [H-12] [H-15]
TEST_F(BlockedTest, AfterFiveSecondsItIsCutAndTheAskersAreTold) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  SayBlocked(bob_, RequestOf(bob_, "p1"), p1_);
  SayBlocked(bob_, IdentifyOf(bob_, "books"), p1_);
  BrokerOutbox all;
  for (int i = 0; i < 600 && Cuts().empty(); ++i) {
    KeepAlive(p1_);
    KeepAlive(p2_);
    KeepAlive(alice_);
    KeepAlive(bob_);
    Advance(absl::Milliseconds(10));
    if (Cuts().empty()) {
      BlockAllTo(p1_);
    }
  }
  EXPECT_THAT(Cuts(), ElementsAre("1 blocked"));
  EXPECT_EQ(KindsTo(alice_), "UNDELIVERED");
  EXPECT_EQ(KindsTo(bob_), "UNDELIVERED,UNDELIVERED");
  EXPECT_EQ(SentTo(alice_)[0].body.response().code(), wire::GONE);
  EXPECT_EQ(SentTo(bob_)[1].body.undelivered().to(), "p1");
  EXPECT_THAT(Events(), Contains("member-lost"));
  EXPECT_FALSE(broker_->IsBlocked(p1_.peer));
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_EQ(SentTo(alice_)[0].body.response().code(), wire::UNREACHABLE);
}

// [H-15]
TEST_F(BlockedTest, AQueueIsLimitedInMessages) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  const size_t most = Spec().limits.queue_messages_max;
  for (size_t i = 1; i < most; ++i) {
    Say(alice_, RequestOf(alice_, "p1"));
    ASSERT_THAT(Cuts(), IsEmpty()) << i;
  }
  Say(bob_, RequestOf(bob_, "p1"));
  EXPECT_THAT(Cuts(), ElementsAre("1 blocked"));
  EXPECT_EQ(KindsTo(bob_), "UNDELIVERED");
  EXPECT_EQ(SentTo(alice_).size(), most);
}

// [H-15]
TEST_F(BlockedTest, AQueueIsLimitedInBytes) {
  BrokerSpec spec = Spec();
  Frames request = RequestOf(alice_, "p1");
  request[2] = std::string(1000, 'b');
  size_t bytes = 0;
  for (const std::string& frame : request) {
    bytes += frame.size();
  }
  for (const auto& [limit, fits] : {std::pair(2 * bytes, true), std::pair(2 * bytes - 1, false)}) {
    for (const bool total : {false, true}) {
      spec = Spec();
      (total ? spec.limits.all_queues_bytes_max : spec.limits.queue_bytes_max) = limit;
      Restart(spec);
      SetUp();
      SayBlocked(alice_, request, p1_);
      Say(alice_, request);
      EXPECT_EQ(Cuts().empty(), fits) << limit;
    }
  }
}

TEST_F(BlockedTest, AnAskerThatIsBlockedItselfCannotBeToldAndIsCutToo) {
  BrokerSpec spec = Spec();
  spec.limits.queue_messages_max = 1;
  Restart(spec);
  SetUp();
  SayBlocked(p2_, ReplyOf(p2_, "alice.1"), alice_);
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  EXPECT_THAT(Cuts(), IsEmpty());
  Say(alice_, RequestOf(alice_, "p1"));
  EXPECT_THAT(Cuts(), ::testing::UnorderedElementsAre("1 blocked", "11 blocked"));
  EXPECT_EQ(broker_->roster().members().size(), 2u);
}

TEST_F(BlockedTest, ALostPeersWaitingMessagesAreTold) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  Lose(p1_);
  ASSERT_EQ(KindsTo(alice_), "UNDELIVERED");
  EXPECT_EQ(SentTo(alice_)[0].body.response().code(), wire::GONE);
  SayBlocked(p2_, ReplyOf(p2_, "alice.1"), alice_);
  Lose(alice_);
  EXPECT_THAT(out_.sends, IsEmpty());
  EXPECT_EQ(CountOf("unsent"), 1u);
}

TEST_F(BlockedTest, AByeOfABlockedPeerTellsItsAskersToo) {
  SayBlocked(alice_, RequestOf(alice_, "p1"), p1_);
  Say(p1_, ByeOf(p1_));
  EXPECT_EQ(KindsTo(alice_), "UNDELIVERED");
}

TEST_F(BlockedTest, AMessageThatMeetsALostConnectionIsToldAsGone) {
  Say(alice_, RequestOf(alice_, "p1"));
  const Delivery delivery = out_.sends.at(0);
  out_ = BrokerOutbox();
  broker_->OnGone(delivery, now_, out_);
  ASSERT_EQ(KindsTo(alice_), "UNDELIVERED");
  EXPECT_EQ(SentTo(alice_)[0].body.response().code(), wire::GONE);
  EXPECT_EQ(SentTo(alice_)[0].body.undelivered().to(), "p1");
  EXPECT_THAT(Events(), Contains("member-lost"));
  EXPECT_EQ(broker_->roster().members().count(p1_.peer), 0u);
}

TEST_F(BlockedTest, AMessageToAllThatMeetsALostConnectionNamesThePillar) {
  Say(alice_, IdentifyOf(alice_, "books"));
  const Delivery delivery = out_.sends.at(1);
  ASSERT_EQ(delivery.peer, p2_.peer);
  out_ = BrokerOutbox();
  broker_->OnGone(delivery, now_, out_);
  ASSERT_EQ(KindsTo(alice_), "UNDELIVERED");
  EXPECT_EQ(SentTo(alice_)[0].body.undelivered().to(), "p2");
}

}  // namespace
}  // namespace bitrepo::broker
