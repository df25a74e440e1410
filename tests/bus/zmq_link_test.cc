// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zmq.h>

#include <thread>

#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/context.h"
#include "bus/zmq_hub_link.h"
#include "bus/zmq_spoke_link.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/conformance/bus_link_suite.h"

namespace bitrepo::conformance {
namespace {

// A DEALER that is never read.
class DeafDealer {
 public:
  DeafDealer(zeromq::Context& context, const std::string& endpoint, const bus::Frames& greeting)
      : socket_(zmq_socket(context.handle(), ZMQ_DEALER)) {
    const int none = 0;
    const int few = 1;
    zmq_setsockopt(socket_, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket_, ZMQ_RCVHWM, &few, sizeof few);
    EXPECT_EQ(zmq_connect(socket_, endpoint.c_str()), 0);
    for (size_t i = 0; i < greeting.size(); ++i) {
      zmq_send(socket_, greeting[i].data(), greeting[i].size(),
               i + 1 < greeting.size() ? ZMQ_SNDMORE : 0);
    }
  }
  ~DeafDealer() { zmq_close(socket_); }
  DeafDealer(const DeafDealer&) = delete;
  DeafDealer& operator=(const DeafDealer&) = delete;

 private:
  void* socket_;
};

class ZmqLinks final : public BusLinksUnderTest {
 public:
  runtime::EventLoop& loop() override { return loop_; }
  // The first hub takes a port of its choice; later ones take the same.
  std::unique_ptr<bus::HubLink> NewHub() override {
    if (endpoint_.empty()) {
      bus::ZmqHubLink probe(loop_, context_, "tcp://127.0.0.1:0", {});
      HubEars ears;
      EXPECT_OK(probe.Start(ears));
      endpoint_ = probe.endpoint();
    }
    // The port of a hub that has just died is free a moment later.
    auto hub = std::make_unique<PatientHub>(loop_, context_, endpoint_);
    return hub;
  }
  std::unique_ptr<bus::SpokeLink> NewSpoke() override {
    return std::make_unique<bus::ZmqSpokeLink>(loop_, context_, endpoint_, random_);
  }
  std::shared_ptr<void> NewDeafSpoke(bus::Frames greeting) override {
    return std::make_shared<DeafDealer>(context_, endpoint_, greeting);
  }
  const std::string& endpoint() const { return endpoint_; }

 private:
  // Tries again for a while when the address is still taken by its predecessor's last breath.
  class PatientHub final : public bus::HubLink {
   public:
    PatientHub(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint)
        : loop_(loop), link_(loop, context, std::move(endpoint), {}) {}
    absl::Status Start(Handler& handler) override {
      absl::Status status;
      testing_support::RunUntil(
          loop_,
          [&] {
            status = link_.Start(handler);
            return status.ok();
          },
          absl::Milliseconds(500));
      return status;
    }
    bus::SendResult Send(bus::PeerNumber peer, const bus::Frames& frames) override {
      return link_.Send(peer, frames);
    }
    void Cut(bus::PeerNumber peer) override { link_.Cut(peer); }
    void MarkGreeted(bus::PeerNumber peer) override { link_.MarkGreeted(peer); }
    std::map<std::string, uint64_t> DropCounts() const override { return link_.DropCounts(); }
    std::string endpoint() const override { return link_.endpoint(); }
    uint64_t connection_count() const override { return link_.connection_count(); }

   private:
    runtime::EventLoop& loop_;
    bus::ZmqHubLink link_;
  };

  runtime::SystemEventLoop loop_;
  base::SeededRandom random_{1};
  zeromq::Context context_{1, 512};
  std::string endpoint_;
};

INSTANTIATE_TEST_SUITE_P(Zmq, BusLinkSuite, ::testing::Values([] {
                           return std::unique_ptr<BusLinksUnderTest>(std::make_unique<ZmqLinks>());
                         }));

class ZmqHubLinkTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(hub_.Start(ears_)); }
  bool Until(const std::function<bool()>& condition) {
    return testing_support::RunUntil(loop_, condition);
  }

  runtime::SystemEventLoop loop_;
  zeromq::Context context_{1, 64};
  HubEars ears_;
  bus::ZmqHubLink hub_{loop_, context_, "tcp://127.0.0.1:0", {}};
};

TEST_F(ZmqHubLinkTest, AMessageOfMoreFramesThanAnEnvelopeIsDroppedAndCounted) {
  zeromq::RawPeer peer(hub_.endpoint());
  std::thread speaker([&] {
    ASSERT_TRUE(peer.ShakeHands("DEALER"));
    for (size_t i = 0; i <= protocol::kEnvelopeFrames; ++i) {
      EXPECT_TRUE(peer.SendFrame("x", i < protocol::kEnvelopeFrames));
    }
    EXPECT_TRUE(peer.SendFrame("fine", false));
  });
  EXPECT_TRUE(Until([&] { return ears_.messages == 1; }));
  speaker.join();
  EXPECT_EQ(ears_.PeerCalled("fine"), 1u);
  EXPECT_EQ(hub_.DropCounts()["frame-count"], 1u);
}

// A peer may choose its routing id (no component of ours does), and come again under it.
// [H-1]
TEST_F(ZmqHubLinkTest, TheSameChosenRoutingIdOnANewConnectionIsANewPeer) {
  const auto dial = [&](const char* word) {
    void* socket = zmq_socket(context_.handle(), ZMQ_DEALER);
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, "chosen", 6);
    zmq_connect(socket, hub_.endpoint().c_str());
    zmq_send(socket, word, 5, 0);
    EXPECT_TRUE(Until([&] { return ears_.PeerCalled(word) != 0; }));
    const int none = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_close(socket);
    EXPECT_TRUE(Until([&] { return hub_.connection_count() == 0; }));
  };
  dial("first");
  dial("again");
  EXPECT_NE(ears_.PeerCalled("first"), ears_.PeerCalled("again"));
  EXPECT_TRUE(ears_.lost[ears_.PeerCalled("first")]);
}

// [H-2]
TEST_F(ZmqHubLinkTest, AStrangerIsCutInTimeWhateverItSaysAndOneWhoIsKnownStays) {
  zeromq::ConnectionLedger::Limits limits;
  limits.greet_within = absl::Seconds(1);
  HubEars ears;
  bus::ZmqHubLink hub(loop_, context_, "tcp://127.0.0.1:0", limits);
  ASSERT_OK(hub.Start(ears));
  zeromq::RawPeer known(hub.endpoint());
  zeromq::RawPeer stranger(hub.endpoint());
  std::thread speaker([&] {
    ASSERT_TRUE(known.ShakeHands("DEALER") && known.SendFrame("known", false));
    ASSERT_TRUE(stranger.ShakeHands("DEALER") && stranger.SendFrame("garbage", false));
  });
  EXPECT_TRUE(Until([&] { return ears.messages == 2; }));
  speaker.join();
  hub.MarkGreeted(ears.PeerCalled("known"));
  hub.MarkGreeted(4711);
  EXPECT_TRUE(Until([&] { return hub.DropCounts()["silent"] > 0; }));
  EXPECT_TRUE(stranger.WaitForEnd(absl::Seconds(5)));
  EXPECT_TRUE(Until([&] { return ears.lost[ears.PeerCalled("garbage")]; }));
  EXPECT_TRUE(known.SendFrame("still here", false));
  EXPECT_TRUE(Until([&] { return ears.heard[ears.PeerCalled("known")].size() == 2; }));
  EXPECT_EQ(hub.DropCounts()["silent"], 1u);
}

// What is counted as sent and what the kernel says has arrived are of one measure: any bit between
// them would add up.
TEST_F(ZmqHubLinkTest, APeerThatTakesAllIsNeverBlockedHoweverManyMessagesItGets) {
  base::SeededRandom random(1);
  SpokeEars spoke(std::make_unique<bus::ZmqSpokeLink>(loop_, context_, hub_.endpoint(), random));
  ASSERT_OK(spoke.link->Start(spoke));
  ASSERT_TRUE(
      Until([&] { return spoke.connected && spoke.Send({"spoke"}) == bus::SendResult::kSent; }));
  ASSERT_TRUE(Until([&] { return ears_.PeerCalled("spoke") != 0; }));
  const bus::PeerNumber peer = ears_.PeerCalled("spoke");
  hub_.MarkGreeted(peer);
  const bus::Frames small = {"a", "b", "c", "d", "e"};
  constexpr size_t kAtOnce = 100;
  // A long header counted for each frame where a short one goes is seven bytes too many.
  constexpr size_t kMessages = 1 + bus::ZmqHubLink::kUnsentBytesMax / (5 * 7);
  for (size_t sent = 0; sent < kMessages; sent += kAtOnce) {
    for (size_t i = 0; i < kAtOnce; ++i) {
      ASSERT_EQ(hub_.Send(peer, small), bus::SendResult::kSent) << "after " << sent + i;
    }
    ASSERT_TRUE(Until([&] { return spoke.heard.size() == kAtOnce; })) << sent;
    spoke.heard.clear();
  }
}

TEST_F(ZmqHubLinkTest, AnAddressThatIsTakenIsRefusedWithItsName) {
  bus::ZmqHubLink second(loop_, context_, hub_.endpoint(), {});
  HubEars ears;
  const absl::Status status = second.Start(ears);
  EXPECT_THAT(status, testing_support::StatusIs(absl::StatusCode::kFailedPrecondition,
                                                ::testing::HasSubstr(hub_.endpoint())));
}

TEST_F(ZmqHubLinkTest, EndpointsThatAreNoneAreRefused) {
  for (const std::string endpoint : {"", "tcp://", "tcp://127.0.0.1", "pgm://x", "127.0.0.1:1"}) {
    bus::ZmqHubLink hub(loop_, context_, endpoint, {});
    HubEars ears;
    EXPECT_THAT(hub.Start(ears), testing_support::StatusIs(absl::StatusCode::kInvalidArgument));
    base::SeededRandom random(1);
    SpokeEars spoke(std::make_unique<bus::ZmqSpokeLink>(loop_, context_, endpoint, random));
    EXPECT_THAT(spoke.link->Start(spoke),
                testing_support::StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace bitrepo::conformance
