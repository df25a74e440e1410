// SPDX-License-Identifier: Apache-2.0
#include "channel/memory_channel_link.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/runtime/system_event_loop.h"
#include "tests/conformance/channel_link_suite.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::conformance {
namespace {

class MemoryLinks final : public ChannelLinksUnderTest {
 public:
  runtime::EventLoop& loop() override { return loop_; }
  std::unique_ptr<channel::Link> NewServer() override {
    return std::make_unique<channel::MemoryChannelLink>(net_, loop_,
                                                        absl::StrCat("memory://", ++servers_));
  }
  std::unique_ptr<channel::Link> NewDialler() override {
    return std::make_unique<channel::MemoryChannelLink>(net_, loop_, "");
  }

 private:
  runtime::SystemEventLoop loop_;
  channel::MemoryChannelNet net_;
  int servers_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Memory, ChannelLinkSuite, ::testing::Values([] {
                           return std::unique_ptr<ChannelLinksUnderTest>(
                               std::make_unique<MemoryLinks>());
                         }));

struct TwoLinks {
  testing_support::ManualEventLoop loop;
  channel::MemoryChannelNet net;
  LinkEars server{std::make_unique<channel::MemoryChannelLink>(net, loop, "memory://server")};
  LinkEars dialler{std::make_unique<channel::MemoryChannelLink>(net, loop, "")};

  channel::ConnectionNumber Connected() {
    const channel::ConnectionNumber connection = dialler.Dial("memory://server");
    loop.Advance(absl::Seconds(1));
    EXPECT_TRUE(dialler.Send(connection, "hello"));
    loop.Advance(absl::Seconds(1));
    return connection;
  }
};

TEST(MemoryChannelLink, FramesArriveAfterTheDelayAndNeverOvertake) {
  TwoLinks links;
  const channel::ConnectionNumber there = links.Connected();
  auto& heard = links.server.frames[links.server.accepted.back()];
  links.net.SetDelay(absl::Milliseconds(100));
  EXPECT_TRUE(links.dialler.Send(there, "slow"));
  links.net.SetDelay(absl::ZeroDuration());
  EXPECT_TRUE(links.dialler.Send(there, "fast"));
  links.loop.Advance(absl::Milliseconds(99));
  EXPECT_EQ(heard.size(), 1u);
  links.loop.Advance(absl::Milliseconds(1));
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_EQ(heard[1].payload.text(), "slow");
  EXPECT_EQ(heard[2].payload.text(), "fast");
}

TEST(MemoryChannelLink, ACutLosesWhatIsUnderWayAndBothSidesHearOfIt) {
  TwoLinks links;
  const channel::ConnectionNumber there = links.Connected();
  const channel::ConnectionNumber here = links.server.accepted.back();
  EXPECT_EQ(links.net.connection_count(), 1u);
  EXPECT_TRUE(links.dialler.Send(there, "lost"));
  links.net.CutAll();
  EXPECT_TRUE(links.dialler.Send(there, "lost too"));
  links.loop.RunReady();
  EXPECT_EQ(links.server.frames[here].size(), 1u);
  EXPECT_TRUE(links.server.closed.contains(here));
  EXPECT_TRUE(links.dialler.closed.contains(there));
  EXPECT_EQ(links.net.connection_count(), 0u);
}

TEST(MemoryChannelLink, ASecondServerOfOneNameIsRefused) {
  TwoLinks links;
  channel::MemoryChannelLink second(links.net, links.loop, "memory://server");
  EXPECT_THAT(second.Start(links.dialler),
              testing_support::StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST(MemoryChannelLink, LinksOnTwoLoopsReachEachOther) {
  channel::MemoryChannelNet net;
  runtime::SystemEventLoop serving_loop;
  runtime::SystemEventLoop dialling_loop;
  constexpr size_t kFrames = 5000;
  {
    LinkEars server(
        std::make_unique<channel::MemoryChannelLink>(net, serving_loop, "memory://server"));
    LinkEars dialler(std::make_unique<channel::MemoryChannelLink>(net, dialling_loop, ""));
    size_t heard = 0;
    std::thread serving([&] {
      EXPECT_TRUE(testing_support::RunUntil(serving_loop, [&] {
        heard = server.accepted.empty() ? 0 : server.frames[server.accepted.back()].size();
        return heard == kFrames;
      }));
    });
    const channel::ConnectionNumber there = dialler.Dial("memory://server");
    EXPECT_TRUE(
        testing_support::RunUntil(dialling_loop, [&] { return dialler.up.contains(there); }));
    size_t sent = 0;
    EXPECT_TRUE(testing_support::RunUntil(dialling_loop, [&] {
      while (sent < kFrames && dialler.Send(there, absl::StrCat(sent))) {
        ++sent;
      }
      return sent == kFrames;
    }));
    serving.join();
    EXPECT_EQ(heard, kFrames);
  }
}

}  // namespace
}  // namespace bitrepo::conformance
