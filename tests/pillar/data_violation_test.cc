// SPDX-License-Identifier: Apache-2.0
// Peers that break the protocol of the data channel: cut, on record and told to the operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/channel/raw_dialler.h"
#include "tests/pillar/change_asks.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using transfer::FrameType;

constexpr uint64_t kMiB = 1024 * 1024;

struct DataViolation : ::testing::Test {
  void Dial(channel::RawDialler& peer) {
    peer.Dial(kDataEndpoint);
    rig.Run();
    peer.SayHello();
    rig.Run();
  }
  PillarRig rig;
};

// [D-22]
TEST_F(DataViolation, ASenderBeyondItsCreditIsCutAndAudited) {
  const Envelope put = rig.Put("a", 64 * kMiB);
  rig.Send(put);
  rig.Run();
  channel::MemoryChannelLink link(rig.net(), rig.loop, "");
  channel::RawDialler peer(link);
  Dial(peer);
  peer.SayOpen(1, rig.Token(put), wire::STORE);
  const std::string segment(kMiB, 'x');
  for (uint64_t i = 0; i < 40; ++i) peer.Say(FrameType::kData, 1, segment, i, i * kMiB);
  rig.Run(absl::Seconds(2));
  EXPECT_TRUE(peer.cut());
  EXPECT_EQ(rig.store.Audited("DATA_VIOLATION", "REQUEST_NOT_UNDERSTOOD_FAILURE"), 1);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-violation"));
  EXPECT_EQ(rig.Stored("a"), "");
  EXPECT_EQ(rig.Finals(put), 0) << "its holder may go on with it";
  EXPECT_EQ(rig.PutFile("b", "others are served"), wire::OPERATION_COMPLETED);
}

TEST_F(DataViolation, WhoComesAgainAndAgainIsOneAlarmAndFewRows) {
  for (int i = 0; i < 5 * channel::kViolationsToldMax; ++i) {
    channel::MemoryChannelLink link(rig.net(), rig.loop, "");
    channel::RawDialler peer(link);
    peer.Dial(kDataEndpoint);
    rig.loop.RunReady();
    peer.Say(FrameType::kPing, 0);
    rig.loop.RunReady();
    EXPECT_TRUE(peer.cut());
  }
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("DATA_VIOLATION", "REQUEST_NOT_UNDERSTOOD_FAILURE"),
            channel::kViolationsToldMax);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-violation"));
}

}  // namespace
}  // namespace bitrepo::pillar
