// SPDX-License-Identifier: Apache-2.0
// What every pair of bus::HubLink and bus::SpokeLink must do, whatever they stand on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/link.h"
#include "tests/base/runtime/run_until.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::conformance {

// One address, on a loop that runs.
class BusLinksUnderTest {
 public:
  virtual ~BusLinksUnderTest() = default;
  virtual runtime::EventLoop& loop() = 0;
  // Every hub listens at the same address.
  virtual std::unique_ptr<bus::HubLink> NewHub() = 0;
  virtual std::unique_ptr<bus::SpokeLink> NewSpoke() = 0;
  // Dials the hub, says `greeting`, and never reads; connected as long as it lives. Requires: a hub
  // has started.
  virtual std::shared_ptr<void> NewDeafSpoke(bus::Frames greeting) = 0;
};

// Remembers what a hub heard.
class HubEars final : public bus::HubLink::Handler {
 public:
  void OnFrames(bus::PeerNumber peer, bus::Frames frames) override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    EXPECT_FALSE(lost[peer]) << "a number that was lost speaks again";
    heard[peer].push_back(std::move(frames));
    ++messages;
  }
  void OnPeerLost(bus::PeerNumber peer) override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    lost[peer] = true;
  }
  // The number of the peer whose first message had this first frame; 0 when there is none.
  bus::PeerNumber PeerCalled(const std::string& name) const {
    for (const auto& [peer, frames] : heard) {
      if (!frames.empty() && frames.front().front() == name) {
        return peer;
      }
    }
    return 0;
  }

  bool inside = false;
  size_t messages = 0;
  std::map<bus::PeerNumber, std::vector<bus::Frames>> heard;
  std::map<bus::PeerNumber, bool> lost;
};

// A spoke, and what it heard.
class SpokeEars final : public bus::SpokeLink::Handler {
 public:
  explicit SpokeEars(std::unique_ptr<bus::SpokeLink> spoke) : link(std::move(spoke)) {}
  void OnConnected() override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    EXPECT_FALSE(connected) << "connected twice";
    connected = true;
    ++connections;
  }
  void OnFrames(bus::Frames frames) override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    heard.push_back(std::move(frames));
  }
  void OnWritable() override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    ++writable;
  }
  void OnDisconnected() override {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    EXPECT_TRUE(connected) << "disconnected twice";
    connected = false;
  }
  bus::SendResult Send(const bus::Frames& frames) {
    inside = true;
    const bus::SendResult result = link->Send(frames);
    inside = false;
    return result;
  }

  bool inside = false;
  bool connected = false;
  size_t connections = 0;
  size_t writable = 0;
  std::vector<bus::Frames> heard;
  std::unique_ptr<bus::SpokeLink> link;  // dies first
};

// Use: INSTANTIATE_TEST_SUITE_P(Memory, BusLinkSuite, ::testing::Values(factory));
class BusLinkSuite
    : public ::testing::TestWithParam<std::function<std::unique_ptr<BusLinksUnderTest>()>> {
 protected:
  void SetUp() override { StartHub(); }

  void StartHub() {
    hub_ = under_test_->NewHub();
    ASSERT_OK(hub_->Start(ears_));
  }
  std::unique_ptr<SpokeEars> StartSpoke() {
    auto spoke = std::make_unique<SpokeEars>(under_test_->NewSpoke());
    spoke->inside = true;
    EXPECT_OK(spoke->link->Start(*spoke));
    spoke->inside = false;
    return spoke;
  }
  std::unique_ptr<SpokeEars> ConnectedSpoke() {
    auto spoke = StartSpoke();
    EXPECT_TRUE(Until([&] { return spoke->connected; }));
    return spoke;
  }
  // A connected spoke whose number the hub knows, because it has said its name.
  std::unique_ptr<SpokeEars> NamedSpoke(const std::string& name) {
    auto spoke = ConnectedSpoke();
    EXPECT_EQ(spoke->Send({name}), bus::SendResult::kSent);
    EXPECT_TRUE(Until([&] { return ears_.PeerCalled(name) != 0; }));
    return spoke;
  }
  bus::SendResult HubSend(bus::PeerNumber peer, const bus::Frames& frames) {
    ears_.inside = true;
    const bus::SendResult result = hub_->Send(peer, frames);
    ears_.inside = false;
    return result;
  }
  bool Until(const std::function<bool()>& condition) {
    return testing_support::RunUntil(under_test_->loop(), condition);
  }
  // Lets everything that is under way arrive: a message there and one back behind it.
  void Settle() {
    auto probe = NamedSpoke(absl::StrCat("settle-", ++probes_));
    const bus::PeerNumber number = ears_.PeerCalled(absl::StrCat("settle-", probes_));
    EXPECT_EQ(HubSend(number, {"back"}), bus::SendResult::kSent);
    EXPECT_TRUE(Until([&] { return !probe->heard.empty(); }));
  }

  std::unique_ptr<BusLinksUnderTest> under_test_ = GetParam()();
  HubEars ears_;
  std::unique_ptr<bus::HubLink> hub_;  // dies before its ears
  int probes_ = 0;
};

TEST_P(BusLinkSuite, MessagesOfOnePeerStayInOrderBothWays) {
  const auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  constexpr size_t kCount = 500;
  size_t up = 0;
  size_t down = 0;
  ASSERT_TRUE(Until([&] {
    while (up < kCount && spoke->Send({"up", absl::StrCat(up)}) == bus::SendResult::kSent) {
      ++up;
    }
    while (down < kCount && HubSend(peer, {"down", absl::StrCat(down)}) == bus::SendResult::kSent) {
      ++down;
    }
    return spoke->heard.size() == kCount && ears_.heard[peer].size() == kCount + 1;
  }));
  for (size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(ears_.heard[peer][i + 1], (bus::Frames{"up", absl::StrCat(i)}));
    EXPECT_EQ(spoke->heard[i], (bus::Frames{"down", absl::StrCat(i)}));
  }
}

TEST_P(BusLinkSuite, FramesArriveAsTheyWereSentEmptyAndBinaryOnesToo) {
  const auto spoke = NamedSpoke("a");
  const bus::Frames frames = {"collection:demo", "", std::string("\0\xff\x01", 3), "", ""};
  EXPECT_EQ(spoke->Send(frames), bus::SendResult::kSent);
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  ASSERT_TRUE(Until([&] { return ears_.heard[peer].size() == 2; }));
  EXPECT_EQ(ears_.heard[peer][1], frames);
  EXPECT_EQ(HubSend(peer, frames), bus::SendResult::kSent);
  ASSERT_TRUE(Until([&] { return spoke->heard.size() == 1; }));
  EXPECT_EQ(spoke->heard[0], frames);
}

TEST_P(BusLinkSuite, TheLargestEnvelopeArrives) {
  const auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  const std::string quarter(protocol::kEnvelopeBytesMax / 4, 'x');
  EXPECT_EQ(spoke->Send({quarter, quarter, quarter, quarter}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] { return ears_.heard[peer].size() == 2; }));
  EXPECT_EQ(HubSend(peer, {std::string(protocol::kEnvelopeBytesMax, 'y')}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] { return spoke->heard.size() == 1; }));
}

TEST_P(BusLinkSuite, WhatIsLargerThanAnEnvelopeNeverArrivesAndDisturbsNobodyElse) {
  const auto other = NamedSpoke("other");
  const auto spoke = NamedSpoke("a");
  const std::string half(protocol::kEnvelopeBytesMax / 2 + 1, 'x');
  spoke->Send({"large", half, half});
  Settle();
  spoke->Send({"larger", std::string(protocol::kEnvelopeBytesMax + 1, 'x')});
  Settle();
  for (const auto& [peer, heard] : ears_.heard) {
    for (const bus::Frames& frames : heard) {
      EXPECT_NE(frames.front(), "large");
      EXPECT_NE(frames.front(), "larger");
    }
  }
  EXPECT_GE(hub_->DropCounts()["oversize"], 1u);
  EXPECT_EQ(other->Send({"still here"}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] { return ears_.heard[ears_.PeerCalled("other")].size() == 2; }));
  EXPECT_FALSE(ears_.lost[ears_.PeerCalled("other")]);
  // The sender, perhaps by a new connection, goes on.
  EXPECT_TRUE(Until([&] { return spoke->connected; }));
  EXPECT_EQ(spoke->Send({"again"}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] {
    return std::any_of(ears_.heard.begin(), ears_.heard.end(),
                       [](const auto& entry) { return entry.second.back().front() == "again"; });
  }));
}

TEST_P(BusLinkSuite, ManyPeersAreToldApart) {
  constexpr size_t kPeers = 40;
  std::vector<std::unique_ptr<SpokeEars>> spokes;
  for (size_t i = 0; i < kPeers; ++i) {
    spokes.push_back(NamedSpoke(absl::StrCat("spoke-", i)));
  }
  EXPECT_EQ(ears_.heard.size(), kPeers);
  EXPECT_EQ(hub_->connection_count(), kPeers);
  for (size_t i = 0; i < kPeers; ++i) {
    const bus::PeerNumber peer = ears_.PeerCalled(absl::StrCat("spoke-", i));
    EXPECT_EQ(HubSend(peer, {absl::StrCat("to-", i)}), bus::SendResult::kSent);
  }
  ASSERT_TRUE(Until([&] {
    return std::all_of(spokes.begin(), spokes.end(),
                       [](const auto& spoke) { return spoke->heard.size() == 1; });
  }));
  for (size_t i = 0; i < kPeers; ++i) {
    EXPECT_EQ(spokes[i]->heard[0], (bus::Frames{absl::StrCat("to-", i)}));
  }
}

TEST_P(BusLinkSuite, ACutPeerHearsOfItAndComesBackUnderANewNumber) {
  const auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  ears_.inside = true;
  hub_->Cut(peer);
  ears_.inside = false;
  EXPECT_EQ(HubSend(peer, {"too late"}), bus::SendResult::kGone);
  ASSERT_TRUE(Until([&] { return spoke->connections == 2 && spoke->connected; }));
  EXPECT_EQ(spoke->Send({"a again"}), bus::SendResult::kSent);
  ASSERT_TRUE(Until([&] { return ears_.PeerCalled("a again") != 0; }));
  EXPECT_NE(ears_.PeerCalled("a again"), peer);
  EXPECT_EQ(ears_.heard[peer].size(), 1u);
  EXPECT_TRUE(spoke->heard.empty());
}

TEST_P(BusLinkSuite, NothingIsHeardOfAPeerOnceItWasCut) {
  const auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  for (int i = 0; i < 20; ++i) {
    spoke->Send({"under way"});
  }
  hub_->Cut(peer);
  Settle();
  EXPECT_EQ(ears_.heard[peer].size(), 1u);
  EXPECT_EQ(ears_.PeerCalled("under way"), 0u);
}

TEST_P(BusLinkSuite, CuttingAndSendingToNobodyIsFine) {
  hub_->MarkGreeted(4711);
  hub_->Cut(0);
  hub_->Cut(4711);
  EXPECT_EQ(HubSend(4711, {"hello?"}), bus::SendResult::kGone);
}

TEST_P(BusLinkSuite, ASpokeThatDiesIsLost) {
  auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  spoke->link.reset();
  EXPECT_TRUE(Until([&] { return ears_.lost[peer]; }));
  EXPECT_EQ(HubSend(peer, {"hello?"}), bus::SendResult::kGone);
  EXPECT_TRUE(Until([&] { return hub_->connection_count() == 0; }));
}

TEST_P(BusLinkSuite, RedialMakesANewConnectionWithANewNumber) {
  const auto spoke = NamedSpoke("a");
  const bus::PeerNumber peer = ears_.PeerCalled("a");
  spoke->inside = true;
  spoke->link->Redial();
  spoke->inside = false;
  ASSERT_TRUE(Until([&] { return spoke->connections == 2 && spoke->connected; }));
  EXPECT_EQ(spoke->Send({"a again"}), bus::SendResult::kSent);
  ASSERT_TRUE(Until([&] { return ears_.PeerCalled("a again") != 0; }));
  EXPECT_NE(ears_.PeerCalled("a again"), peer);
  EXPECT_TRUE(Until([&] { return ears_.lost[peer]; }));
}

TEST_P(BusLinkSuite, NothingIsQueuedForAHubThatIsNotThere) {
  hub_.reset();
  const auto spoke = StartSpoke();
  EXPECT_EQ(spoke->Send({"into the void"}), bus::SendResult::kGone);
  StartHub();
  // The first connection may be one that the old hub took while it died.
  ASSERT_TRUE(Until([&] {
    return spoke->connected && spoke->Send({"hello"}) == bus::SendResult::kSent &&
           ears_.messages > 0;
  }));
  Settle();
  EXPECT_EQ(ears_.PeerCalled("into the void"), 0u);
}

TEST_P(BusLinkSuite, SpokesComeBackToAHubThatIsStartedAgain) {
  const auto first = NamedSpoke("first");
  const auto second = NamedSpoke("second");
  hub_.reset();
  ASSERT_TRUE(Until([&] { return !first->connected && !second->connected; }));
  EXPECT_EQ(first->Send({"lost"}), bus::SendResult::kGone);
  StartHub();
  ASSERT_TRUE(Until([&] { return first->connected && second->connected; }));
  EXPECT_EQ(first->Send({"first again"}), bus::SendResult::kSent);
  EXPECT_EQ(second->Send({"second again"}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] { return ears_.messages == 4; }));
  Settle();
  EXPECT_EQ(ears_.PeerCalled("lost"), 0u);
}

TEST_P(BusLinkSuite, APeerThatReadsNothingBlocksInBoundedMemoryAndHoldsNobodyElse) {
  const auto other = NamedSpoke("other");
  const std::shared_ptr<void> deaf = under_test_->NewDeafSpoke({"deaf"});
  ASSERT_TRUE(Until([&] { return ears_.PeerCalled("deaf") != 0; }));
  const bus::PeerNumber peer = ears_.PeerCalled("deaf");
  constexpr size_t kBytes = 64 * 1024;
  constexpr size_t kBytesMax = 32 * 1024 * 1024;  // the kernel's buffers are in it
  size_t sent = 0;
  // Blocked for good, not only until the next turn of the loop.
  int blocked_turns = 0;
  ASSERT_TRUE(Until([&] {
    while (sent <= kBytesMax &&
           HubSend(peer, {std::string(kBytes, 'x')}) == bus::SendResult::kSent) {
      sent += kBytes;
      blocked_turns = 0;
    }
    return ++blocked_turns > 50 || sent > kBytesMax;
  }));
  EXPECT_LE(sent, kBytesMax);
  EXPECT_EQ(HubSend(peer, {std::string(kBytes, 'x')}), bus::SendResult::kBlocked);
  EXPECT_EQ(HubSend(ears_.PeerCalled("other"), {"hello"}), bus::SendResult::kSent);
  EXPECT_TRUE(Until([&] { return other->heard.size() == 1; }));
  hub_->Cut(peer);
  EXPECT_EQ(HubSend(peer, {"x"}), bus::SendResult::kGone);
}

TEST_P(BusLinkSuite, ABlockedSpokeIsToldWhenTheHubTakesMessagesAgainAndLosesNone) {
  const auto spoke = NamedSpoke("hasty");
  const bus::PeerNumber peer = ears_.PeerCalled("hasty");
  constexpr size_t kBytes = 2 * 1024;
  constexpr size_t kMessagesMax = 32 * 1024;
  const auto number = [](size_t i) { return absl::StrCat(i, " ", std::string(kBytes, 'x')); };
  size_t sent = 0;
  while (sent < kMessagesMax && spoke->Send({number(sent)}) == bus::SendResult::kSent) ++sent;
  ASSERT_LT(sent, kMessagesMax) << "not blocked in one turn of the loop";
  ASSERT_TRUE(Until([&] { return spoke->writable > 0; }));
  EXPECT_EQ(spoke->Send({number(sent)}), bus::SendResult::kSent);
  ASSERT_TRUE(Until([&] { return ears_.heard[peer].size() == sent + 2; }));
  for (size_t i = 0; i <= sent; ++i) {
    ASSERT_EQ(ears_.heard[peer][i + 1].front().substr(0, 8), number(i).substr(0, 8));
  }
}

TEST_P(BusLinkSuite, ASecondHubAtTheSameAddressIsRefused) {
  const auto second = under_test_->NewHub();
  HubEars ears;
  EXPECT_FALSE(second->Start(ears).ok());
  const auto spoke = NamedSpoke("a");
  EXPECT_EQ(ears.messages, 0u);
}

}  // namespace bitrepo::conformance
