// SPDX-License-Identifier: Apache-2.0
#include "bus/memory_link.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "tests/conformance/bus_link_suite.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::conformance {
namespace {

class MemoryLinks final : public BusLinksUnderTest {
 public:
  runtime::EventLoop& loop() override { return loop_; }
  std::unique_ptr<bus::HubLink> NewHub() override { return address_.NewHub(); }
  std::unique_ptr<bus::SpokeLink> NewSpoke() override {
    return address_.NewSpoke(absl::StrCat("spoke-", ++spokes_));
  }
  std::shared_ptr<void> NewDeafSpoke(bus::Frames greeting) override {
    struct Deaf final : bus::SpokeLink::Handler {
      void OnConnected() override { link->Send(greeting); }
      void OnFrames(bus::Frames) override { ADD_FAILURE() << "the deaf one heard"; }
      void OnWritable() override {}
      void OnDisconnected() override {}
      bus::Frames greeting;
      std::unique_ptr<bus::SpokeLink> link;
    };
    auto deaf = std::make_shared<Deaf>();
    deaf->greeting = std::move(greeting);
    deaf->link = address_.NewSpoke("deaf");
    address_.SetReading("deaf", false);
    EXPECT_OK(deaf->link->Start(*deaf));
    return deaf;
  }

 private:
  runtime::SystemEventLoop loop_;
  base::SeededRandom random_{1};
  bus::MemoryAddress address_{loop_, random_};
  int spokes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Memory, BusLinkSuite, ::testing::Values([] {
                           return std::unique_ptr<BusLinksUnderTest>(
                               std::make_unique<MemoryLinks>());
                         }));

// The troubles that only this link can make.
class MemoryAddressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(hub_->Start(ears_));
    ASSERT_OK(spoke_.link->Start(spoke_));
    loop_.RunReady();
    ASSERT_TRUE(spoke_.connected);
  }

  testing_support::ManualEventLoop loop_;
  base::SeededRandom random_{1};
  bus::MemoryAddress address_{loop_, random_};
  HubEars ears_;
  std::unique_ptr<bus::HubLink> hub_ = address_.NewHub();
  SpokeEars spoke_{address_.NewSpoke("a")};
};

TEST_F(MemoryAddressTest, ABrokenConnectionIsLostOnBothSidesAndDialledAgain) {
  spoke_.Send({"hello"});
  loop_.RunReady();
  spoke_.Send({"under way"});
  address_.Break("a");
  loop_.RunReady();
  EXPECT_TRUE(ears_.lost[1]);
  EXPECT_EQ(ears_.messages, 1u);
  EXPECT_EQ(spoke_.connections, 2u);
}

// [H-7]
TEST_F(MemoryAddressTest, WhileUnreachableDialsFailWithPausesThatGrow) {
  address_.SetReachable("a", false);
  loop_.Advance(absl::Seconds(60));
  EXPECT_FALSE(spoke_.connected);
  address_.SetReachable("a", true);
  loop_.Advance(absl::Seconds(2.4));
  EXPECT_TRUE(spoke_.connected);
}

TEST_F(MemoryAddressTest, ASilentConnectionLosesEverythingAndTellsNobody) {
  spoke_.Send({"hello"});
  loop_.RunReady();
  address_.SetSilent("a", true);
  EXPECT_EQ(spoke_.Send({"lost"}), bus::SendResult::kSent);
  EXPECT_EQ(hub_->Send(1, {"lost"}), bus::SendResult::kSent);
  loop_.Advance(absl::Seconds(60));
  EXPECT_EQ(ears_.messages, 1u);
  EXPECT_TRUE(spoke_.heard.empty());
  EXPECT_TRUE(spoke_.connected);
  address_.SetSilent("a", false);
  EXPECT_EQ(spoke_.Send({"found"}), bus::SendResult::kSent);
  loop_.RunReady();
  EXPECT_EQ(ears_.messages, 2u);
}

TEST_F(MemoryAddressTest, APeerThatReadsAgainHearsAllThatWaitedInOrder) {
  spoke_.Send({"hello"});
  loop_.RunReady();
  address_.SetReading("a", false);
  size_t sent = 0;
  while (hub_->Send(1, {absl::StrCat(sent)}) == bus::SendResult::kSent) {
    ++sent;
    loop_.RunReady();
  }
  EXPECT_EQ(sent, bus::kMemoryPipeFrames);
  address_.SetReading("a", true);
  loop_.RunReady();
  ASSERT_EQ(spoke_.heard.size(), sent);
  EXPECT_EQ(spoke_.heard.front(), bus::Frames{"0"});
  EXPECT_EQ(spoke_.heard.back(), bus::Frames{absl::StrCat(sent - 1)});
  EXPECT_EQ(hub_->Send(1, {"more"}), bus::SendResult::kSent);
}

}  // namespace
}  // namespace bitrepo::conformance
