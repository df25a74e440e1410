// SPDX-License-Identifier: Apache-2.0
#include "channel/zmq_channel_link.h"

#include <gtest/gtest.h>

#include "base/runtime/system_event_loop.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/conformance/channel_link_suite.h"

namespace bitrepo::conformance {
namespace {

class ZmqLinks final : public ChannelLinksUnderTest {
 public:
  runtime::EventLoop& loop() override { return loop_; }
  std::unique_ptr<channel::Link> NewServer() override {
    return std::make_unique<channel::ZmqChannelLink>(loop_, "tcp://127.0.0.1:0");
  }
  std::unique_ptr<channel::Link> NewDialler() override {
    return std::make_unique<channel::ZmqChannelLink>(loop_, "");
  }

 private:
  runtime::SystemEventLoop loop_;
};

INSTANTIATE_TEST_SUITE_P(Zmq, ChannelLinkSuite, ::testing::Values([] {
                           return std::unique_ptr<ChannelLinksUnderTest>(
                               std::make_unique<ZmqLinks>());
                         }));

// [D-1] [D-3]
TEST(ZmqChannelLink, AFrameArrivesWholeWhereverItsBytesWereCut) {
  ZmqLinks links;
  LinkEars server(links.NewServer());
  const std::string header(transfer::kHeaderBytes, 'h');
  const std::string payload = "a payload";
  std::string bytes({'\x01', static_cast<char>(header.size())});  // more follows
  bytes += header;
  bytes.append({'\x00', static_cast<char>(payload.size())});
  bytes += payload;
  std::vector<std::unique_ptr<zeromq::RawPeer>> peers;
  for (size_t cut = 1; cut <= bytes.size(); ++cut) {
    peers.push_back(std::make_unique<zeromq::RawPeer>(server.link->endpoint()));
    ASSERT_TRUE(peers.back()->ShakeHands("DEALER"));
    ASSERT_TRUE(peers.back()->Send(bytes.substr(0, cut)));
  }
  // The last has said all; what the others said before it has been read by then.
  ASSERT_TRUE(testing_support::RunUntil(links.loop(), [&] { return !server.accepted.empty(); }));
  EXPECT_EQ(server.accepted.size(), 1u);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    ASSERT_TRUE(peers[cut - 1]->Send(bytes.substr(cut)));
  }
  ASSERT_TRUE(testing_support::RunUntil(links.loop(),
                                        [&] { return server.frames.size() == bytes.size(); }));
  for (const auto& [connection, frames] : server.frames) {
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].header.text(), header);
    EXPECT_EQ(frames[0].payload.text(), payload);
  }
}

}  // namespace
}  // namespace bitrepo::conformance
