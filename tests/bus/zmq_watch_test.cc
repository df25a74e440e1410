// SPDX-License-Identifier: Apache-2.0
#include "bus/zmq_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "tests/base/runtime/run_until.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::bus {
namespace {

using testing_support::StatusIs;

class Eyes final : public WatchSubscriber::Handler {
 public:
  void OnWatchConnected() override { connected = true; }
  void OnWatchCopy(const WatchCopy& copy) override { copies.push_back(copy); }
  void OnWatchDisconnected() override { connected = false; }
  bool connected = false;
  std::vector<WatchCopy> copies;
};

class ZmqWatchTest : public ::testing::Test {
 protected:
  void Listen(const std::string& endpoint) {
    // The port of a publisher that has just died is free a moment later.
    ASSERT_TRUE(Until([&] {
      auto made = ZmqWatchPublisher::Listen(loop_, context_, endpoint);
      if (made.ok()) {
        publisher_ = *std::move(made);
      }
      return publisher_ != nullptr;
    }));
  }
  // A subscription takes effect a moment after the connection: publishes until it is heard.
  void Subscribe() {
    ASSERT_OK(subscriber_->Start(eyes_));
    ASSERT_TRUE(Until([&] {
      publisher_->Publish(message_);
      return !eyes_.copies.empty();
    }));
  }
  bool Until(const std::function<bool()>& condition, absl::Duration patience = absl::Seconds(20)) {
    return testing_support::RunUntil(loop_, condition, patience);
  }

  runtime::SystemEventLoop loop_;
  base::SeededRandom random_{3};
  zeromq::Context context_{1, 64};
  const Frames message_ =
      ToFrames(protocol::samples::Seal(protocol::samples::ByName("put-file-progress")));
  Eyes eyes_;
  std::unique_ptr<ZmqWatchPublisher> publisher_;
  std::unique_ptr<ZmqWatchSubscriber> subscriber_;
};

TEST_F(ZmqWatchTest, AWatcherSeesCopiesInOrder) {
  Listen("tcp://127.0.0.1:0");
  subscriber_ =
      std::make_unique<ZmqWatchSubscriber>(loop_, context_, publisher_->endpoint(), random_);
  Subscribe();
  EXPECT_TRUE(eyes_.connected);
  eyes_.copies.clear();
  for (int i = 0; i < 100; ++i) {
    publisher_->Publish(message_);
  }
  ASSERT_TRUE(Until([&] {
    return !eyes_.copies.empty() && eyes_.copies.back().sequence == publisher_->published();
  }));
  EXPECT_EQ(eyes_.copies.back().header.kind(), wire::PROGRESS);
  EXPECT_EQ(subscriber_->missed(), 0u);
  EXPECT_EQ(subscriber_->malformed(), 0u);
}

TEST_F(ZmqWatchTest, AWatcherComesBackToAPublisherThatIsStartedAgain) {
  Listen("tcp://127.0.0.1:0");
  const std::string endpoint = publisher_->endpoint();
  subscriber_ = std::make_unique<ZmqWatchSubscriber>(loop_, context_, endpoint, random_);
  Subscribe();
  publisher_.reset();
  ASSERT_TRUE(Until([&] { return !eyes_.connected; }));
  eyes_.copies.clear();
  Listen(endpoint);
  EXPECT_TRUE(Until([&] {
    publisher_->Publish(message_);
    return !eyes_.copies.empty();
  }));
}

// [H-17]
TEST_F(ZmqWatchTest, AWatcherThatDoesNotReadMissesCopiesAndHoldsNobody) {
  Listen("tcp://127.0.0.1:0");
  void* slow = zmq_socket(context_.handle(), ZMQ_SUB);
  const int none = 0;
  const int few = 1;
  zmq_setsockopt(slow, ZMQ_LINGER, &none, sizeof none);
  zmq_setsockopt(slow, ZMQ_RCVHWM, &few, sizeof few);
  zmq_setsockopt(slow, ZMQ_SUBSCRIBE, "", 0);
  ASSERT_EQ(zmq_connect(slow, publisher_->endpoint().c_str()), 0);
  subscriber_ =
      std::make_unique<ZmqWatchSubscriber>(loop_, context_, publisher_->endpoint(), random_);
  Subscribe();
  Frames large = message_;
  large[2] = std::string(200 * 1024, 'b');  // no body, for watchers that look
  constexpr int kCount = 1200;              // 240 MB, were it kept
  const absl::Time start = loop_.Now();
  for (int i = 0; i < kCount; ++i) {
    publisher_->Publish(large);
  }
  EXPECT_LT(loop_.Now() - start, absl::Seconds(30));
  // The other one hears on, and knows what it missed.
  ASSERT_TRUE(Until([&] {
    publisher_->Publish(message_);
    return eyes_.copies.back().sequence > static_cast<uint64_t>(kCount);
  }));
  EXPECT_GT(subscriber_->missed() + subscriber_->malformed(), 0u);
  zmq_close(slow);
}

TEST_F(ZmqWatchTest, OneWhoFloodsItWithSubscriptionsIsCutAndNeverHoldsTheLoop) {
  Listen("tcp://127.0.0.1:0");
  zeromq::RawPeer peer(publisher_->endpoint());
  std::thread speaker([&] {
    ASSERT_TRUE(peer.ShakeHands("SUB"));
    // Each to something else: they would stay in memory for ever.
    for (int i = 0; i < 1'000'000; ++i) {
      const std::string subscription = "\x01" + std::to_string(i) + std::string(1000, 'x');
      if (!peer.SendFrame(subscription, false)) {
        return;
      }
    }
    ADD_FAILURE() << "nobody minded a gigabyte of subscriptions";
  });
  absl::Time last = loop_.Now();
  absl::Duration longest_turn;
  EXPECT_TRUE(Until([&] {
    longest_turn = std::max(longest_turn, loop_.Now() - last);
    last = loop_.Now();
    publisher_->Publish(message_);
    return publisher_->DropCounts()["undelivered-bytes"] == 1;
  }));
  EXPECT_LT(longest_turn, absl::Seconds(2));
  speaker.join();
  subscriber_ =
      std::make_unique<ZmqWatchSubscriber>(loop_, context_, publisher_->endpoint(), random_);
  Subscribe();
}

TEST_F(ZmqWatchTest, CanBeStoppedWhileItIsFlooded) {
  Listen("tcp://127.0.0.1:0");
  std::atomic<bool> flooding{false};
  zeromq::RawPeer peer(publisher_->endpoint());
  std::thread speaker([&] {
    ASSERT_TRUE(peer.ShakeHands("SUB"));
    while (peer.SendFrame("\x01" + std::string(1000, 'x'), false)) {
      flooding = true;
    }
  });
  // The loop does not run: nobody cuts the peer but the end of the publisher.
  while (!flooding) {
    std::this_thread::yield();
  }
  // Its connection is known to the guard.
  Until([&] { return false; }, absl::Milliseconds(10));
  publisher_.reset();
  speaker.join();
}

TEST_F(ZmqWatchTest, WhatIsNoEndpointIsRefused) {
  EXPECT_THAT(ZmqWatchPublisher::Listen(loop_, context_, "udp://x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ZmqWatchSubscriber subscriber(loop_, context_, "tcp://127.0.0.1:0", random_);
  EXPECT_THAT(subscriber.Start(eyes_), StatusIs(absl::StatusCode::kInvalidArgument));
  Listen("tcp://127.0.0.1:0");
  EXPECT_THAT(ZmqWatchPublisher::Listen(loop_, context_, publisher_->endpoint()),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace bitrepo::bus
