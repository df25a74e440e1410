// SPDX-License-Identifier: Apache-2.0
// What every pair of channel::Links must do, whatever they stand on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "channel/link.h"
#include "channel/transfer/frame.h"
#include "tests/base/runtime/run_until.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::conformance {

// Links that reach each other, on a loop that runs.
class ChannelLinksUnderTest {
 public:
  virtual ~ChannelLinksUnderTest() = default;
  virtual runtime::EventLoop& loop() = 0;
  virtual std::unique_ptr<channel::Link> NewServer() = 0;  // listens at an address of its own
  virtual std::unique_ptr<channel::Link> NewDialler() = 0;
};

// A link, and all that it told.
class LinkEars final : public channel::Link::Handler {
 public:
  explicit LinkEars(std::unique_ptr<channel::Link> started) : link(std::move(started)) {
    inside = true;
    EXPECT_OK(link->Start(*this));
    inside = false;
  }
  void OnAccepted(channel::ConnectionNumber connection) override {
    Note(connection);
    EXPECT_TRUE(up.insert(connection).second);
    accepted.push_back(connection);
  }
  void OnDialled(channel::ConnectionNumber connection) override {
    Note(connection);
    EXPECT_TRUE(dialled.contains(connection));
    EXPECT_TRUE(up.insert(connection).second);
  }
  void OnFrame(channel::ConnectionNumber connection, channel::LinkFrame frame) override {
    Note(connection);
    EXPECT_TRUE(up.contains(connection));
    frames[connection].push_back(std::move(frame));
  }
  void OnWritable(channel::ConnectionNumber connection) override {
    Note(connection);
    writable.insert(connection);
  }
  void OnClosed(channel::ConnectionNumber connection, absl::Status why) override {
    Note(connection);
    EXPECT_FALSE(why.ok());
    closed[connection] = std::move(why);
  }

  channel::ConnectionNumber Dial(const std::string& endpoint) {
    inside = true;
    absl::StatusOr<channel::ConnectionNumber> connection = link->Dial(endpoint);
    inside = false;
    EXPECT_OK(connection);
    EXPECT_TRUE(dialled.insert(connection.value_or(0)).second) << "a number was used again";
    return connection.value_or(0);
  }
  bool Send(channel::ConnectionNumber connection, const std::string& payload) {
    inside = true;
    const bool taken = link->Send(
        connection,
        {base::Buffer::Of(std::string(transfer::kHeaderBytes, 'h')), base::Buffer::Of(payload)});
    inside = false;
    return taken;
  }
  void Close(channel::ConnectionNumber connection) {
    inside = true;
    link->Close(connection);
    inside = false;
    closed_here.insert(connection);
  }

  bool inside = false;
  std::vector<channel::ConnectionNumber> accepted;
  std::set<channel::ConnectionNumber> dialled;
  std::set<channel::ConnectionNumber> up;
  std::set<channel::ConnectionNumber> writable;
  std::set<channel::ConnectionNumber> closed_here;
  std::map<channel::ConnectionNumber, std::vector<channel::LinkFrame>> frames;
  std::map<channel::ConnectionNumber, absl::Status> closed;
  std::unique_ptr<channel::Link> link;  // dies first

 private:
  void Note(channel::ConnectionNumber connection) {
    EXPECT_FALSE(inside) << "called from inside a call to the link";
    EXPECT_FALSE(closed.contains(connection)) << "told after it was closed";
    EXPECT_FALSE(closed_here.contains(connection)) << "told after Close";
  }
};

// Use: INSTANTIATE_TEST_SUITE_P(Memory, ChannelLinkSuite, ::testing::Values(factory));
class ChannelLinkSuite
    : public ::testing::TestWithParam<std::function<std::unique_ptr<ChannelLinksUnderTest>()>> {
 protected:
  bool Until(const std::function<bool()>& condition) {
    return testing_support::RunUntil(under_test_->loop(), condition);
  }
  // A connection that both sides know: its number at the dialler; at the server it is
  // accepted.back().
  channel::ConnectionNumber Connected() {
    const size_t before = server_.accepted.size();
    const channel::ConnectionNumber connection = dialler_.Dial(server_.link->endpoint());
    EXPECT_TRUE(Until([&] { return dialler_.up.contains(connection); }));
    EXPECT_TRUE(dialler_.Send(connection, "hello"));
    EXPECT_TRUE(Until([&] { return server_.accepted.size() > before; }));
    EXPECT_TRUE(Until([&] { return !server_.frames[server_.accepted.back()].empty(); }));
    return connection;
  }
  // Lets what is under way arrive: another connection made after it has passed a frame.
  void Settle() { Connected(); }

  std::unique_ptr<ChannelLinksUnderTest> under_test_ = GetParam()();
  LinkEars server_{under_test_->NewServer()};
  LinkEars dialler_{under_test_->NewDialler()};
};

TEST_P(ChannelLinkSuite, AServerTellsWhereItIsDialledAndADiallerDoesNot) {
  EXPECT_FALSE(server_.link->endpoint().empty());
  EXPECT_TRUE(dialler_.link->endpoint().empty());
}

TEST_P(ChannelLinkSuite, AConnectionIsAcceptedWithItsFirstFrame) {
  const channel::ConnectionNumber connection = dialler_.Dial(server_.link->endpoint());
  ASSERT_TRUE(Until([&] { return dialler_.up.contains(connection); }));
  EXPECT_TRUE(server_.accepted.empty());
  EXPECT_TRUE(dialler_.Send(connection, "hello"));
  ASSERT_TRUE(Until([&] { return server_.frames.size() == 1; }));
  EXPECT_EQ(server_.accepted.size(), 1u);
}

// [D-1]
TEST_P(ChannelLinkSuite, FramesOfEverySizePassBothWaysInOrder) {
  const channel::ConnectionNumber there = Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  const std::vector<size_t> sizes = {0, 1, 47, 511, 512, 513, 8191, 8192, 65536, 1024 * 1024};
  for (const size_t size : sizes) {
    const std::string payload(size, static_cast<char>('a' + size % 26));
    EXPECT_TRUE(dialler_.Send(there, payload));
    EXPECT_TRUE(server_.Send(here, payload));
  }
  ASSERT_TRUE(Until([&] {
    return server_.frames[here].size() == sizes.size() + 1 &&
           dialler_.frames[there].size() == sizes.size();
  }));
  for (size_t i = 0; i < sizes.size(); ++i) {
    const std::string payload(sizes[i], static_cast<char>('a' + sizes[i] % 26));
    EXPECT_EQ(server_.frames[here][i + 1].payload.text(), payload);
    EXPECT_EQ(dialler_.frames[there][i].payload.text(), payload);
    EXPECT_EQ(dialler_.frames[there][i].header.text(), std::string(transfer::kHeaderBytes, 'h'));
  }
}

TEST_P(ChannelLinkSuite, WhatWasReceivedOutlivesTheLink) {
  const channel::ConnectionNumber there = Connected();
  EXPECT_TRUE(dialler_.Send(there, std::string(100'000, 'x')));
  const channel::ConnectionNumber here = server_.accepted.back();
  ASSERT_TRUE(Until([&] { return server_.frames[here].size() == 2; }));
  server_.link.reset();
  EXPECT_EQ(server_.frames[here][1].payload.text(), std::string(100'000, 'x'));
}

TEST_P(ChannelLinkSuite, ConnectionsAreToldApart) {
  std::map<channel::ConnectionNumber, std::string> said;
  for (int i = 0; i < 20; ++i) {
    const channel::ConnectionNumber there = Connected();
    said[there] = absl::StrCat("to ", i);
    EXPECT_TRUE(server_.Send(server_.accepted.back(), said[there]));
  }
  ASSERT_TRUE(Until([&] { return dialler_.frames.size() == said.size(); }));
  for (const auto& [connection, text] : said) {
    EXPECT_EQ(dialler_.frames[connection].front().payload.text(), text);
  }
}

TEST_P(ChannelLinkSuite, WhereNobodyListensADialIsClosed) {
  std::string endpoint;
  {
    LinkEars gone(under_test_->NewServer());
    endpoint = gone.link->endpoint();
  }
  const channel::ConnectionNumber connection = dialler_.Dial(endpoint);
  EXPECT_TRUE(Until([&] { return dialler_.closed.contains(connection); }));
  EXPECT_FALSE(dialler_.up.contains(connection));
}

TEST_P(ChannelLinkSuite, AnEndpointThatIsNoneIsRefused) {
  EXPECT_FALSE(dialler_.link->Dial("").ok());
}

TEST_P(ChannelLinkSuite, WhatTheDiallerSentBeforeItClosedArrivesThenTheClose) {
  const channel::ConnectionNumber there = Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(dialler_.Send(there, std::string(100'000, 'x')));
  }
  dialler_.Close(there);
  ASSERT_TRUE(Until([&] { return server_.closed.contains(here); }));
  EXPECT_EQ(server_.frames[here].size(), 11u);
}

TEST_P(ChannelLinkSuite, WhatTheServerSentBeforeItClosedArrivesThenTheClose) {
  const channel::ConnectionNumber there = Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  EXPECT_TRUE(server_.Send(here, "last words"));
  server_.Close(here);
  ASSERT_TRUE(Until([&] { return dialler_.closed.contains(there); }));
  ASSERT_EQ(dialler_.frames[there].size(), 1u);
  EXPECT_EQ(dialler_.frames[there][0].payload.text(), "last words");
}

TEST_P(ChannelLinkSuite, NothingIsToldOfAConnectionClosedHere) {
  const channel::ConnectionNumber there = Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(dialler_.Send(there, "under way"));
  }
  server_.Close(here);
  Settle();
  EXPECT_EQ(server_.frames[here].size(), 1u);
}

TEST_P(ChannelLinkSuite, UnknownNumbersAreFine) {
  server_.Close(0);
  server_.Close(4711);
  EXPECT_TRUE(server_.Send(4711, "into the void"));
  EXPECT_TRUE(dialler_.Send(4711, "into the void"));
}

TEST_P(ChannelLinkSuite, AServerThatDiesClosesItsConnections) {
  const channel::ConnectionNumber first = Connected();
  const channel::ConnectionNumber second = Connected();
  server_.link.reset();
  EXPECT_TRUE(
      Until([&] { return dialler_.closed.contains(first) && dialler_.closed.contains(second); }));
}

TEST_P(ChannelLinkSuite, ADiallerThatDiesIsClosedAtTheServer) {
  Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  dialler_.link.reset();
  EXPECT_TRUE(Until([&] { return server_.closed.contains(here); }));
}

// While the loop stands still nobody reads.
TEST_P(ChannelLinkSuite, ASenderIsHeldInBoundedMemoryAndToldWhenItMayGoOn) {
  const channel::ConnectionNumber there = Connected();
  const channel::ConnectionNumber here = server_.accepted.back();
  for (const bool from_server : {false, true}) {
    LinkEars& sender = from_server ? server_ : dialler_;
    LinkEars& receiver = from_server ? dialler_ : server_;
    const channel::ConnectionNumber out = from_server ? here : there;
    const channel::ConnectionNumber in = from_server ? there : here;
    const size_t heard_before = receiver.frames[in].size();
    constexpr size_t kFramesMax = 256;
    const std::string payload(1024 * 1024, 'x');
    size_t sent = 0;
    while (sent < kFramesMax && sender.Send(out, payload)) {
      ++sent;
    }
    ASSERT_LT(sent, kFramesMax);
    ASSERT_TRUE(Until([&] { return sender.writable.contains(out); }));
    ASSERT_TRUE(Until([&] {
      sent += sender.Send(out, payload) ? 1 : 0;
      return sent >= kFramesMax;
    }));
    EXPECT_TRUE(Until([&] { return receiver.frames[in].size() == heard_before + sent; }));
    receiver.frames[in].clear();
  }
}

}  // namespace bitrepo::conformance
