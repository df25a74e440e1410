// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/connection_guard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/polled_socket.h"
#include "base/zeromq/socket_factory.h"
#include "tests/base/runtime/run_until.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/support/status_matchers.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BITREPO_MEMORY_IS_TELLING 0  // freed memory is kept back by the sanitizer
#else
#define BITREPO_MEMORY_IS_TELLING 1
#endif

namespace bitrepo::zeromq {
namespace {

using testing_support::RunUntil;

// The most memory the process has held since the last call.
uint64_t PeakMemoryBytes() {
  std::ifstream status("/proc/self/status");
  uint64_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "VmHWM:") && absl::ConsumeSuffix(&rest, " kB")) {
      EXPECT_TRUE(absl::SimpleAtoi(rest, &kib));
    }
  }
  std::ofstream("/proc/self/clear_refs") << "5";
  return kib * 1024;
}

// A guarded hub that answers every message of two frames, and greets everyone who sends one.
class ConnectionGuardTest : public ::testing::Test {
 protected:
  void Open(ConnectionLedger::Limits limits) {
    ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlHub(context_));
    ASSERT_OK_AND_ASSIGN(guard_, ConnectionGuard::Watch(loop_, context_, socket, limits,
                                                        [this](int) { ++closed_; }));
    ASSERT_OK_AND_ASSIGN(endpoint_, socket.Bind("tcp://127.0.0.1:0"));
    PolledSocket::Options options;
    options.guard = guard_.get();
    hub_ = std::make_unique<PolledSocket>(loop_, std::move(socket), options,
                                          [this](Message message, int descriptor) {
                                            if (message.size() == 2) {
                                              guard_->MarkGreeted(descriptor);
                                              last_descriptor_ = descriptor;
                                              hub_->Send(message);
                                            }
                                          });
  }

  ~ConnectionGuardTest() override {
    guard_.reset();
    hub_.reset();
  }

  // Another client sends a question and hears the answer.
  void ExpectOthersAreServed() {
    ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlSpoke(context_, random_));
    ASSERT_OK(socket.Connect(endpoint_));
    bool answered = false;
    PolledSocket client(loop_, std::move(socket), PolledSocket::Options{},
                        [&](Message, int) { answered = true; });
    Message question;
    question.push_back(Frame::Copy("question"));
    ASSERT_TRUE(RunUntil(loop_, [&] { return client.Send(question) == SendResult::kSent; }));
    EXPECT_TRUE(RunUntil(loop_, [&] { return answered; }));
  }

  uint64_t CountOf(const std::string& cause) {
    const auto counts = guard_->counts();
    const auto found = counts.find(cause);
    return found == counts.end() ? 0 : found->second;
  }

  runtime::SystemEventLoop loop_;
  base::SystemRandom random_;
  Context context_{1, 64};
  std::string endpoint_;
  std::unique_ptr<PolledSocket> hub_;
  std::unique_ptr<ConnectionGuard> guard_;
  int closed_ = 0;
  int last_descriptor_ = -1;
};

TEST_F(ConnectionGuardTest, APeerWhoseMessageNeverEndsIsCutWithinASecondInBoundedMemory) {
  Open(ConnectionLedger::Limits{});
  PeakMemoryBytes();
  std::atomic<bool> over{false};
  std::atomic<int> cut_after_ms{-1};
  std::thread attacker([&] {
    // Dials again each time it is cut.
    constexpr absl::Duration kAttack = absl::Seconds(4);
    const std::string frame(60'000, 'x');
    const absl::Time begun = absl::Now();
    while (absl::Now() - begun < kAttack) {
      RawPeer peer(endpoint_);
      if (!peer.ShakeHands("DEALER")) {
        continue;
      }
      const absl::Time first_frame = absl::Now();
      while (peer.SendFrame(frame, /*more=*/true) && absl::Now() - begun < kAttack) {
      }
      if (cut_after_ms < 0) {
        cut_after_ms = static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - first_frame));
      }
    }
    over = true;
  });
  while (!over) {
    ExpectOthersAreServed();
  }
  attacker.join();
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ > 0; }));
  EXPECT_GE(cut_after_ms, 0);
  EXPECT_LT(cut_after_ms, 1000);
  EXPECT_GT(CountOf("undelivered-bytes"), 0u);
  const uint64_t peak = PeakMemoryBytes();
  RecordProperty("peak_mib", static_cast<int>(peak >> 20));
  if (BITREPO_MEMORY_IS_TELLING) {
    EXPECT_LT(peak, 256u << 20);
  }
}

// Each frame takes 64 bytes of memory and three on the wire.
TEST_F(ConnectionGuardTest, AMessageOfCountlessSmallFramesIsCutInBoundedMemory) {
  ConnectionLedger::Limits limits;
  limits.undelivered_bytes = 24 << 20;  // as on the data channel
  limits.message_bytes = 1 << 20;
  Open(limits);
  PeakMemoryBytes();
  std::atomic<bool> over{false};
  std::thread attacker([&] {
    std::string frames;
    for (int i = 0; i < 20'000; ++i) {
      frames.append("\x01\x01x", 3);
    }
    constexpr absl::Duration kAttack = absl::Seconds(2);
    for (const absl::Time begun = absl::Now(); absl::Now() - begun < kAttack;) {
      RawPeer peer(endpoint_);
      while (peer.ShakeHands("DEALER") && peer.Send(frames) && absl::Now() - begun < kAttack) {
        while (peer.Send(frames) && absl::Now() - begun < kAttack) {
        }
      }
    }
    over = true;
  });
  while (!over) {
    ExpectOthersAreServed();
  }
  attacker.join();
  EXPECT_GT(CountOf("endless-message"), 0u);
  const uint64_t peak = PeakMemoryBytes();
  RecordProperty("peak_mib", static_cast<int>(peak >> 20));
  if (BITREPO_MEMORY_IS_TELLING) {
    EXPECT_LT(peak, 256u << 20);
  }
}

// At the limit of a message, with many on their way at once.
TEST_F(ConnectionGuardTest, AQueueOfWholeMessagesIsNoEndlessOne) {
  ConnectionLedger::Limits limits;
  limits.message_bytes = 250'000 + kMessageSlackBytes;
  Open(limits);
  std::atomic<bool> over{false};
  std::thread speaker([&] {
    RawPeer peer(endpoint_);
    ASSERT_TRUE(peer.ShakeHands("DEALER"));
    for (int i = 0; i < 200; ++i) {  // three frames: they are not answered
      ASSERT_TRUE(peer.SendFrame(std::string(200'000, 'a'), true) && peer.SendFrame("b", true) &&
                  peer.SendFrame(std::string(49'000, 'c'), false));
    }
    over = true;
  });
  EXPECT_TRUE(RunUntil(loop_, [&] { return over.load(); }));
  speaker.join();
  EXPECT_EQ(CountOf("endless-message"), 0u);
  EXPECT_EQ(CountOf("undelivered-bytes"), 0u);
}

TEST_F(ConnectionGuardTest, ManyWhoTogetherHoldTooMuchAreCutUntilTheRestIsWithinTheLimit) {
  ConnectionLedger::Limits limits;
  limits.undelivered_bytes = 4 << 20;
  limits.undelivered_bytes_total = 6 << 20;
  Open(limits);
  std::vector<std::unique_ptr<RawPeer>> peers;
  const std::string frame(250'000, 'x');
  for (int i = 0; i < 8; ++i) {  // 2 MB each
    peers.push_back(std::make_unique<RawPeer>(endpoint_));
    std::thread sender([&] {
      ASSERT_TRUE(peers.back()->ShakeHands("DEALER"));
      for (int frames = 0; frames < 8 && peers.back()->SendFrame(frame, /*more=*/true); ++frames) {
      }
    });
    RunUntil(
        loop_, [&] { return false; }, absl::Milliseconds(10));
    sender.join();
  }
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("undelivered-bytes-total") == 5; }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return guard_->connection_count() == 3; }));
  EXPECT_LE(guard_->undelivered_bytes(), limits.undelivered_bytes_total);
  EXPECT_EQ(CountOf("undelivered-bytes"), 0u);
  ExpectOthersAreServed();
}

TEST_F(ConnectionGuardTest, GarbageOfAnyKindStopsNothing) {
  ConnectionLedger::Limits limits;
  limits.greet_within = absl::Milliseconds(300);
  Open(limits);
  base::SeededRandom random(20260101);
  for (int round = 0; round < 100; ++round) {
    RawPeer peer(endpoint_);
    // A good handshake before every third: then the garbage is taken for frames and commands.
    std::thread sender([&] {
      if (round % 3 == 0) {
        peer.ShakeHands("DEALER");
      }
      peer.Send(random.Bytes(1 + random.Below(2000)));
    });
    RunUntil(
        loop_, [&] { return false; }, absl::Milliseconds(2));
    sender.join();
  }
  EXPECT_TRUE(RunUntil(loop_, [&] { return guard_->connection_count() == 0; }));
  EXPECT_GT(CountOf("handshake-failed"), 0u);
  ExpectOthersAreServed();
}

TEST_F(ConnectionGuardTest, AFrameBeyondTheLimitEndsTheConnectionAndOneAtTheLimitIsServed) {
  Open(ConnectionLedger::Limits{});
  RawPeer fine(endpoint_);
  RawPeer beyond(endpoint_);
  std::atomic<bool> done{false};
  bool beyond_ended = false;
  std::thread sender([&] {
    const std::string largest(kControlFrameBytesMax, 'x');
    ASSERT_TRUE(fine.ShakeHands("DEALER") && fine.SendFrame(largest, /*more=*/false));
    ASSERT_TRUE(beyond.ShakeHands("DEALER"));
    beyond.SendFrame(largest + "x", /*more=*/false);
    beyond_ended = beyond.WaitForEnd(absl::Seconds(10));
    done = true;
  });
  EXPECT_TRUE(RunUntil(loop_, [&] { return done.load(); }));
  sender.join();
  EXPECT_TRUE(beyond_ended);
  EXPECT_TRUE(RunUntil(loop_, [&] { return last_descriptor_ >= 0; }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == 1; }));
  EXPECT_EQ(guard_->connection_count(), 1u);
}

TEST_F(ConnectionGuardTest, TheConnectionBeyondTheLimitIsCutAndTheOthersStay) {
  ASSERT_OK(runtime::RaiseDescriptorLimit());
  Open(ConnectionLedger::Limits{});
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (size_t i = 0; i < ConnectionLedger::kConnectionsMax; ++i) {
    peers.push_back(std::make_unique<RawPeer>(endpoint_));
    if (i % 100 == 0) {
      RunUntil(loop_, [&] { return guard_->connection_count() >= i; });
    }
  }
  ASSERT_TRUE(RunUntil(
      loop_, [&] { return guard_->connection_count() == ConnectionLedger::kConnectionsMax; }));
  EXPECT_EQ(CountOf("too-many-connections"), 0u);

  RawPeer one_more(endpoint_);
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("too-many-connections") == 1; }));
  EXPECT_TRUE(one_more.WaitForEnd(absl::Seconds(5)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == 1; }));

  peers.pop_back();
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == 2; }));
  ExpectOthersAreServed();
}

TEST_F(ConnectionGuardTest, WhoSaysNothingUsefulIsCutAndWhoDoesStays) {
  ConnectionLedger::Limits limits;
  limits.greet_within = absl::Seconds(1);
  Open(limits);
  RawPeer silent(endpoint_);
  RawPeer polite(endpoint_);
  std::thread sender([&] {
    ASSERT_TRUE(polite.ShakeHands("DEALER"));
    ASSERT_TRUE(polite.SendFrame("hello", /*more=*/false));
  });
  ASSERT_TRUE(RunUntil(loop_, [&] { return last_descriptor_ >= 0; }));
  sender.join();
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("silent") == 1; }));
  EXPECT_TRUE(silent.WaitForEnd(absl::Seconds(5)));
  EXPECT_FALSE(RunUntil(
      loop_, [&] { return closed_ > 1; }, absl::Milliseconds(1200)));
  EXPECT_EQ(guard_->connection_count(), 1u);
}

// On a busy loop the first message comes before the news of its connection.
TEST_F(ConnectionGuardTest, WhoseFirstMessageOvertakesTheNewsOfItsConnectionStays) {
  ConnectionLedger::Limits limits;
  limits.greet_within = absl::Milliseconds(200);
  Open(limits);
  for (int round = 0; round < 3; ++round) {
    RawPeer polite(endpoint_);
    ASSERT_TRUE(polite.ShakeHands("DEALER"));
    ASSERT_TRUE(polite.SendFrame("hello", /*more=*/false));
    last_descriptor_ = -1;
    while (last_descriptor_ < 0) {
      hub_->CatchUp();  // and the loop stands still
    }
    EXPECT_FALSE(RunUntil(
        loop_, [&] { return closed_ > round; }, absl::Milliseconds(400)));
    EXPECT_EQ(CountOf("silent"), 0u);
    EXPECT_EQ(guard_->connection_count(), 1u);
    guard_->Cut(last_descriptor_);  // the next one has its descriptor
    EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == round + 1; }));
  }
}

TEST_F(ConnectionGuardTest, WhoFallsQuietIsCutAndWhoGoesOnStays) {
  ConnectionLedger::Limits limits;
  limits.greet_within = absl::InfiniteDuration();
  limits.quiet_longest = absl::Seconds(1);
  Open(limits);
  RawPeer lively(endpoint_);
  RawPeer ancient(endpoint_);  // ZMTP/1.0: it shakes no hands and knows no heartbeats
  std::atomic<bool> over{false};
  std::thread sender([&] {
    ASSERT_TRUE(ancient.Send(absl::string_view("\x01\0", 2)));
    ASSERT_TRUE(lively.ShakeHands("DEALER"));
    while (!over) {
      ASSERT_TRUE(lively.SendFrame("still here", /*more=*/false));
      absl::SleepFor(absl::Milliseconds(20));
    }
  });
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("silent") == 1; }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == 1; }));
  EXPECT_EQ(guard_->connection_count(), 1u);
  over = true;
  sender.join();
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("silent") == 2; })) << "its turn";
}

TEST_F(ConnectionGuardTest, TheOwnerCanCutAConnection) {
  Open(ConnectionLedger::Limits{});
  RawPeer peer(endpoint_);
  std::thread sender([&] {
    ASSERT_TRUE(peer.ShakeHands("DEALER"));
    ASSERT_TRUE(peer.SendFrame("hello", /*more=*/false));
  });
  ASSERT_TRUE(RunUntil(loop_, [&] { return last_descriptor_ >= 0; }));
  sender.join();
  guard_->Cut(last_descriptor_);
  guard_->Cut(last_descriptor_ + 1000);
  EXPECT_TRUE(peer.WaitForEnd(absl::Seconds(5)));
  EXPECT_TRUE(RunUntil(loop_, [&] { return closed_ == 1; }));
  EXPECT_EQ(CountOf("requested"), 1u);
}

TEST_F(ConnectionGuardTest, WhatIsDeliveredIsCountedDownToTheHandshake) {
  Open(ConnectionLedger::Limits{});
  RawPeer peer(endpoint_);
  constexpr int kMessages = 2000;
  std::thread sender([&] {
    ASSERT_TRUE(peer.ShakeHands("DEALER"));
    const std::string body(10'000, 'b');
    for (int i = 0; i < kMessages; ++i) {  // 20 MB: more than may be undelivered
      ASSERT_TRUE(peer.SendFrame(body, /*more=*/true) && peer.SendFrame("", /*more=*/false));
    }
  });
  uint64_t largest = 0;
  RunUntil(
      loop_,
      [&] {
        largest = std::max(largest, guard_->undelivered_bytes());
        return closed_ > 0;
      },
      absl::Seconds(1));
  sender.join();
  RunUntil(
      loop_, [&] { return false; }, 2 * ConnectionGuard::kSampleEvery);
  EXPECT_GT(largest, 0u);
  EXPECT_LT(guard_->undelivered_bytes(), 200u);
  EXPECT_EQ(closed_, 0);
}

TEST_F(ConnectionGuardTest, LocalConnectionsAreCountedAndCutToo) {
  ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlHub(context_));
  ConnectionLedger::Limits limits;
  limits.greet_within = absl::Milliseconds(100);
  ASSERT_OK_AND_ASSIGN(
      guard_, ConnectionGuard::Watch(loop_, context_, socket, limits, [this](int) { ++closed_; }));
  const std::string path = "ipc:///tmp/bitrepo-guard-test-" + std::to_string(random_.NextU64());
  ASSERT_OK(socket.Bind(path));
  hub_ = std::make_unique<PolledSocket>(loop_, std::move(socket), PolledSocket::Options{},
                                        [](Message, int) {});
  ASSERT_OK_AND_ASSIGN(Socket spoke, MakeDataSpoke(context_));
  ASSERT_OK(spoke.Connect(path));
  EXPECT_TRUE(RunUntil(loop_, [&] { return guard_->connection_count() == 1; }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return CountOf("silent") == 1 && closed_ == 1; }));
}

}  // namespace
}  // namespace bitrepo::zeromq
