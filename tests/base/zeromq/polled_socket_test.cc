// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/polled_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <zmq.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/socket_factory.h"
#include "base/zeromq/socket_monitor.h"
#include "tests/base/runtime/run_until.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::zeromq {
namespace {

using testing_support::RunUntil;

Message Of(std::vector<std::string> texts) {
  Message message;
  for (const std::string& text : texts) {
    message.push_back(Frame::Copy(text));
  }
  return message;
}

std::vector<std::string> Texts(const Message& message) {
  std::vector<std::string> texts;
  for (const Frame& frame : message) {
    texts.emplace_back(frame.text());
  }
  return texts;
}

// A hub and a spoke on one loop, over TCP.
class PolledSocketTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(PolledSocket::Options{}); }

  void Open(PolledSocket::Options options) {
    spoke_.reset();
    hub_.reset();
    ASSERT_OK_AND_ASSIGN(Socket hub, MakeControlHub(context_));
    ASSERT_OK_AND_ASSIGN(endpoint_, hub.Bind("tcp://127.0.0.1:0"));
    hub_ = std::make_unique<PolledSocket>(loop_, std::move(hub), options,
                                          [this](Message message, int descriptor) {
                                            descriptor_ = descriptor;
                                            at_hub_.push_back(std::move(message));
                                            if (on_hub_message_) {
                                              on_hub_message_();
                                            }
                                          });
    ASSERT_OK_AND_ASSIGN(Socket spoke, MakeControlSpoke(context_, random_));
    ASSERT_OK(spoke.Connect(endpoint_));
    spoke_ = std::make_unique<PolledSocket>(
        loop_, std::move(spoke), PolledSocket::Options{},
        [this](Message message, int) { at_spoke_.push_back(std::move(message)); });
  }

  // Sends as soon as the spoke is connected.
  void SendToHub(std::vector<std::string> texts) {
    Message message = Of(std::move(texts));
    ASSERT_TRUE(RunUntil(loop_, [&] { return spoke_->Send(message) == SendResult::kSent; }));
    EXPECT_TRUE(message.empty());
  }

  runtime::SystemEventLoop loop_;
  base::SystemRandom random_;
  Context context_{1, 64};
  std::string endpoint_;
  std::unique_ptr<PolledSocket> hub_;
  std::unique_ptr<PolledSocket> spoke_;
  std::vector<Message> at_hub_;
  std::vector<Message> at_spoke_;
  int descriptor_ = -2;
  std::function<void()> on_hub_message_;
};

TEST_F(PolledSocketTest, AMessageComesWholeAndSaysByWhichConnection) {
  SendToHub({"one", "", std::string(100'000, 'z')});
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 1; }));
  const std::vector<std::string> texts = Texts(at_hub_[0]);
  ASSERT_EQ(texts.size(), 4u);  // the peer's id first
  EXPECT_EQ(texts[1], "one");
  EXPECT_EQ(texts[2], "");
  EXPECT_EQ(texts[3], std::string(100'000, 'z'));
  EXPECT_GE(descriptor_, 0);
}

TEST_F(PolledSocketTest, AnAnswerGoesToThePeerThatAsked) {
  SendToHub({"question"});
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 1; }));
  Message answer;
  answer.push_back(std::move(at_hub_[0][0]));
  answer.push_back(Frame::Copy("answer"));
  EXPECT_EQ(hub_->Send(answer), SendResult::kSent);
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_spoke_.size() == 1; }));
  EXPECT_EQ(Texts(at_spoke_[0]), std::vector<std::string>{"answer"});
}

TEST_F(PolledSocketTest, NoWakeUpIsLostWhenBothSidesSendAndReceiveAllTheTime) {
  constexpr size_t kRounds = 20'000;
  size_t received = 0;
  size_t answered = 0;
  on_hub_message_ = [&] {
    Message answer = std::move(at_hub_.back());
    at_hub_.clear();
    ++received;
    answered += hub_->Send(answer) == SendResult::kSent ? 1 : 0;
  };
  size_t sent = 0;
  const bool all = RunUntil(
      loop_,
      [&] {
        // At most 128 on the way, so that nobody is ever blocked.
        for (; sent < kRounds && sent < at_spoke_.size() + 128; ++sent) {
          Message message = Of({absl::StrCat(sent)});
          if (spoke_->Send(message) != SendResult::kSent) {
            break;
          }
        }
        return at_spoke_.size() == kRounds;
      },
      absl::Seconds(60));
  EXPECT_TRUE(all) << "sent " << sent << ", received " << received << ", answered " << answered
                   << ", came back " << at_spoke_.size();
  for (size_t i = 0; i < at_spoke_.size(); ++i) {
    ASSERT_EQ(at_spoke_[i][0].text(), absl::StrCat(i));
  }
}

TEST_F(PolledSocketTest, ASendThatSwallowsTheSignalOfAMessageDoesNotLoseTheMessage) {
  SendToHub({"hello"});
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 1; }));
  Message answer = Of({std::string(at_hub_[0][0].text()), "answer"});
  ASSERT_EQ(hub_->Send(answer), SendResult::kSent);
  // Wait beside the loop until the answer has made the spoke's descriptor readable ...
  int descriptor = -1;
  size_t size = sizeof descriptor;
  ASSERT_EQ(zmq_getsockopt(spoke_->socket().handle(), ZMQ_FD, &descriptor, &size), 0);
  pollfd readable{descriptor, POLLIN, 0};
  ASSERT_EQ(poll(&readable, 1, 10'000), 1);
  // ... which one of these makes quiet again: a send looks once in a while.
  do {
    Message more = Of({"more"});
    ASSERT_NE(spoke_->Send(more), SendResult::kUnroutable);
    readable.revents = 0;
  } while (poll(&readable, 1, 0) == 1);
  EXPECT_TRUE(RunUntil(
      loop_, [&] { return at_spoke_.size() == 1; }, absl::Seconds(3)));
}

TEST_F(PolledSocketTest, AMessageOfTooManyFramesIsDroppedAndCountedAndTheNextIsServed) {
  PolledSocket::Options options;
  options.frames_max = 5;  // the peer's id and four
  Open(options);
  SendToHub({"1", "2", "3", "4"});
  SendToHub({"1", "2", "3", "4", "5"});
  SendToHub(std::vector<std::string>(1000, "x"));
  SendToHub({"last"});
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 2; }));
  EXPECT_EQ(at_hub_[0].size(), 5u);
  EXPECT_EQ(at_hub_[1][1].text(), "last");
  EXPECT_EQ(hub_->dropped_messages(), 2u);
}

TEST_F(PolledSocketTest, AnUnknownPeerCannotBeReached) {
  Message message = Of({"nobody", "hello"});
  EXPECT_EQ(hub_->Send(message), SendResult::kUnroutable);
}

TEST_F(PolledSocketTest, NothingIsQueuedForAHubThatIsNotThere) {
  hub_.reset();
  ASSERT_OK_AND_ASSIGN(Socket lonely, MakeControlSpoke(context_, random_));
  ASSERT_OK(lonely.Connect("tcp://127.0.0.1:1"));
  PolledSocket polled(loop_, std::move(lonely), PolledSocket::Options{}, [](Message, int) {});
  Message message = Of({"hello"});
  EXPECT_EQ(polled.Send(message), SendResult::kBlocked);
  EXPECT_EQ(Texts(message), std::vector<std::string>{"hello"});
}

TEST_F(PolledSocketTest, ABlockedSpokeIsToldWhenThereIsRoomAgain) {
  // Nobody reads at the hub for now: its side of this loop is another one.
  hub_.reset();
  spoke_.reset();
  runtime::SystemEventLoop hub_loop;
  size_t heard = 0;
  ASSERT_OK_AND_ASSIGN(Socket hub_socket, MakeDataHub(context_));
  ASSERT_OK_AND_ASSIGN(const std::string endpoint, hub_socket.Bind("tcp://127.0.0.1:0"));
  PolledSocket hub(hub_loop, std::move(hub_socket), PolledSocket::Options{},
                   [&](Message, int) { ++heard; });
  ASSERT_OK_AND_ASSIGN(Socket spoke_socket, MakeDataSpoke(context_));
  ASSERT_OK(spoke_socket.Connect(endpoint));
  PolledSocket spoke(loop_, std::move(spoke_socket), PolledSocket::Options{}, [](Message, int) {});
  int told = 0;
  spoke.SetOnWritable([&] { ++told; });

  const base::Buffer segment = base::Buffer::Of(std::string(1 << 20, 's'));
  const auto send = [&] {
    Message message;
    message.push_back(Frame::Of(segment));
    return spoke.Send(message);
  };
  ASSERT_TRUE(RunUntil(loop_, [&] { return send() == SendResult::kSent; }));  // connected
  size_t sent = 1;
  // Full for good once a while brings no more room: both queues and the kernel's buffers.
  while (RunUntil(
      loop_, [&] { return send() == SendResult::kSent; }, absl::Milliseconds(300))) {
    ++sent;
    ASSERT_LT(sent, 200u) << "a sender is never blocked";
  }
  told = 0;
  EXPECT_EQ(send(), SendResult::kBlocked);
  EXPECT_FALSE(RunUntil(
      loop_, [&] { return told > 0; }, absl::Milliseconds(100)))
      << "told although there is no room";
  ASSERT_TRUE(RunUntil(hub_loop, [&] { return heard >= sent / 2; }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return told > 0; }));
  EXPECT_EQ(send(), SendResult::kSent);
  EXPECT_TRUE(RunUntil(hub_loop, [&] { return heard == sent + 1; }));
}

TEST_F(PolledSocketTest, ABlockedHubIsToldToTryAgain) {
  SendToHub({"hello"});
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 1; }));
  int told = 0;
  hub_->SetOnWritable([&] { ++told; });
  const std::string body(200'000, 'b');
  SendResult result = SendResult::kSent;
  for (size_t sent = 0; result == SendResult::kSent; ++sent) {
    ASSERT_LT(sent, 10'000u) << "a hub is never blocked";
    Message message;
    message.push_back(Frame::Copy(at_hub_[0][0].text()));
    message.push_back(Frame::Copy(body));
    result = hub_->Send(message);
  }
  EXPECT_EQ(result, SendResult::kBlocked);
  EXPECT_TRUE(RunUntil(loop_, [&] { return told > 0; }));
}

TEST_F(PolledSocketTest, MayBeDestroyedByItsOwnCallback) {
  on_hub_message_ = [&] { hub_.reset(); };
  SendToHub({"first"});
  SendToHub({"second"});
  EXPECT_TRUE(RunUntil(loop_, [&] { return hub_ == nullptr; }));
  EXPECT_EQ(at_hub_.size(), 1u);
}

TEST_F(PolledSocketTest, ABatchLeavesRoomForOtherWork) {
  PolledSocket::Options options;
  options.batch = 10;
  Open(options);
  for (int i = 0; i < 200; ++i) {
    SendToHub({"x"});
  }
  size_t seen_between = 0;
  on_hub_message_ = [&] {
    if (at_hub_.size() == 1) {
      loop_.Post([&] { seen_between = at_hub_.size(); });
    }
  };
  ASSERT_TRUE(RunUntil(loop_, [&] { return at_hub_.size() == 200; }));
  EXPECT_LE(seen_between, 2 * options.batch);
}

TEST_F(PolledSocketTest, AWatcherHearsWhatItSubscribedToAndNothingElse) {
  ASSERT_OK_AND_ASSIGN(Socket publishing, MakeWatchPublisher(context_));
  ASSERT_OK_AND_ASSIGN(const std::string endpoint, publishing.Bind("tcp://127.0.0.1:0"));
  PolledSocket publisher(loop_, std::move(publishing), PolledSocket::Options{},
                         [](const Message&, int) { FAIL() << "a publisher hears nothing"; });
  ASSERT_OK_AND_ASSIGN(Socket watching, MakeWatchSubscriber(context_, random_));
  ASSERT_OK(Subscribe(watching, "wanted"));
  ASSERT_OK(watching.Connect(endpoint));
  std::vector<Message> heard;
  PolledSocket watcher(loop_, std::move(watching), PolledSocket::Options{},
                       [&](Message message, int) { heard.push_back(std::move(message)); });
  // A subscription takes its time to arrive; what is published before it is lost.
  EXPECT_TRUE(RunUntil(loop_, [&] {
    Message unwanted = Of({"unwanted", "x"});
    Message wanted = Of({"wanted", "y"});
    EXPECT_EQ(publisher.Send(unwanted), SendResult::kSent);
    EXPECT_EQ(publisher.Send(wanted), SendResult::kSent);
    return heard.size() >= 2;
  }));
  for (const Message& message : heard) {
    EXPECT_EQ(Texts(message), (std::vector<std::string>{"wanted", "y"}));
  }
}

TEST_F(PolledSocketTest, AMonitorTellsOfConnectionsMadeAndLost) {
  std::vector<ConnectionEvent> events;
  ASSERT_OK_AND_ASSIGN(Socket spoke, MakeDataSpoke(context_));
  ASSERT_OK_AND_ASSIGN(
      auto monitor, SocketMonitor::Watch(loop_, context_, spoke, [&](ConnectionEvent event, int) {
        events.push_back(event);
      }));
  ASSERT_OK(spoke.Connect(endpoint_));
  ASSERT_TRUE(RunUntil(loop_, [&] { return events.size() == 2; }));
  EXPECT_EQ(events[0], ConnectionEvent::kConnected);
  EXPECT_EQ(events[1], ConnectionEvent::kHandshakeDone);
  hub_.reset();
  ASSERT_TRUE(RunUntil(loop_, [&] { return events.size() == 3; }));
  EXPECT_EQ(events[2], ConnectionEvent::kDisconnected);
}

TEST_F(PolledSocketTest, AMonitorTellsOfADialThatFails) {
  const std::string gone = endpoint_;
  hub_.reset();
  std::vector<ConnectionEvent> events;
  ASSERT_OK_AND_ASSIGN(Socket spoke, MakeDataSpoke(context_));
  ASSERT_OK_AND_ASSIGN(
      auto monitor, SocketMonitor::Watch(loop_, context_, spoke, [&](ConnectionEvent event, int) {
        events.push_back(event);
      }));
  ASSERT_OK(spoke.Connect("tcp://127.0.0.1:1"));
  ASSERT_TRUE(RunUntil(loop_, [&] { return !events.empty(); }));
  EXPECT_EQ(events[0], ConnectionEvent::kDialFailed);
}

}  // namespace
}  // namespace bitrepo::zeromq
