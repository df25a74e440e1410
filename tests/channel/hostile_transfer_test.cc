// SPDX-License-Identifier: Apache-2.0
// Transfers that their other end stalls, swells or lies about: a defined answer, bounded memory,
// nothing kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using testing_support::StatusIs;
using transfer::FrameType;

constexpr size_t kMiB = 1024 * 1024;
constexpr char kEndpoint[] = "memory://pillar";

class HostileTransferTest : public testing::Test {
 protected:
  HostileTransferTest() {
    EXPECT_OK(pair_.Start());
    pair_.serving->TellViolations([this](Violation told) { told_.push_back(std::move(told)); });
  }
  void Greet(RawDialler& peer) {
    peer.Dial(kEndpoint);
    pair_.loop.RunReady();
    peer.SayHello();
    pair_.loop.RunReady();
  }
  StoreRun Store(size_t bytes, absl::Duration life = absl::Hours(1)) {
    StoreRun run(pair_.mint, pair_.loop.Now() + life, SomeBytes(bytes), bytes);
    run.Grant(*pair_.serving);
    return run;
  }
  void ExpectServed() {
    StoreRun next = Store(40 * kMiB);
    next.Push(*pair_.dialling);
    pair_.loop.Advance(absl::Seconds(1));
    EXPECT_OK(next.pushed->end());
    EXPECT_TRUE(next.sink->text == next.text);
  }

  ChannelPair pair_;
  MemoryChannelLink link_{pair_.net, pair_.loop, ""};
  RawDialler peer_{link_};
  std::vector<Violation> told_;
};

// It lives, as its PONGs say, and moves nothing.
TEST_F(HostileTransferTest, AConnectionThatStallsForAnHourCostsItsTransferAndNoMemory) {
  StoreRun run = Store(64 * kMiB, absl::Minutes(30));
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, std::string(kMiB, 'x'));
  pair_.loop.RunReady();
  for (int seconds = 0; seconds < 3600; seconds += 5) {
    pair_.loop.Advance(absl::Seconds(5));
    peer_.Say(FrameType::kPong, 0);
  }
  pair_.loop.RunReady();
  EXPECT_FALSE(peer_.cut()) << "the side that serves ends no healthy session";
  EXPECT_THAT(peer_.Heard(), HasSubstr("ABORT:EXPIRED"));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(run.sink->aborted, SizeIs(1));
  EXPECT_EQ(run.sink->commits, 0);
  ExpectServed();
}

TEST_F(HostileTransferTest, AConnectionThatFallsSilentLeavesItsTokenToItsHolder) {
  StoreRun run = Store(64 * kMiB);
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, run.text.substr(0, kMiB));
  pair_.loop.Advance(absl::Minutes(1));
  EXPECT_TRUE(peer_.cut());
  EXPECT_TRUE(told_.empty()) << "silence breaks no rule";
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
}

// [D-9]
TEST_F(HostileTransferTest, ATokenOfAnotherPillarIsRefused) {
  transfer::TokenMint other(std::string(32, 'o'), std::string(16, 'e'));
  StoreRun run = Store(10);
  const std::string foreign = other.Seal(run.body, pair_.Later());
  Greet(peer_);
  peer_.SayOpen(1, foreign, wire::STORE);
  peer_.Say(FrameType::kData, 1, run.text);
  peer_.SayOpen(2, foreign, wire::INQUIRE);
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_REFUSED:INVALID_TOKEN OPEN_REFUSED:INVALID_TOKEN");
  EXPECT_EQ(run.sink->writes, 0);
}

// [D-29] A length that is declared costs nothing; what does not come is not kept.
TEST_F(HostileTransferTest, ADeclaredLengthOfATebibyteTakesNoMemory) {
  StoreRun run(pair_.mint, pair_.Later(), "", std::nullopt);
  run.body.set_max_bytes(1ULL << 40);
  run.token = pair_.mint.Seal(run.body, pair_.Later());
  run.Grant(*pair_.serving);
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, "0123456789");
  peer_.Say(FrameType::kCommit, 1,
            transfer::WriteCommit(
                {1ULL << 40, base::Hasher::Of(base::Algorithm::kSha256, "0123456789")}));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK CREDIT ABORT:RANGE_ERROR");
  EXPECT_EQ(run.sink->commits, 0);
  ExpectServed();
}

// The file grew by what lies behind its declared end.
TEST_F(HostileTransferTest, WhatLiesBehindTheDeclaredEndIsNotTaken) {
  StoreRun run = Store(10);
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, run.text);
  peer_.Say(FrameType::kData, 1, "and more", 1, 10);
  pair_.loop.RunReady();
  EXPECT_TRUE(peer_.cut());
  EXPECT_EQ(run.sink->commits, 0);
  EXPECT_EQ(run.sink->text.size(), 10u);
}

TEST_F(HostileTransferTest, ASourceThatChangesWhileItIsSentIsNotKept) {
  StoreRun run = Store(20 * kMiB);
  run.source->changed = absl::AbortedError("the file has grown since it was opened");
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kAborted, HasSubstr("has grown")));
  EXPECT_EQ(run.sink->commits, 0);
  EXPECT_THAT(run.sink->aborted, SizeIs(1));
}

// The last write that fits is the last byte but one.
TEST_F(HostileTransferTest, AStoreThatIsFullToTheLastByteTellsSoAndKeepsNothing) {
  StoreRun run = Store(3 * kMiB);
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, run.text.substr(0, kMiB));
  pair_.loop.RunReady();
  run.sink->fail_write = absl::ResourceExhaustedError("no space is left for 1048576 bytes");
  peer_.Say(FrameType::kData, 1, run.text.substr(kMiB, kMiB), 1, kMiB);
  peer_.Say(FrameType::kData, 1, run.text.substr(2 * kMiB, kMiB), 2, 2 * kMiB);
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK ABORT:NO_SPACE");
  EXPECT_FALSE(peer_.cut()) << "others on this session may go on";
  EXPECT_EQ(run.sink->commits, 0);
  EXPECT_THAT(run.sink->aborted, SizeIs(1));
  ExpectServed();
}

// [D-5] [D-24]
TEST_F(HostileTransferTest, ASegmentOfWhichAnyBitFlippedIsNeverWritten) {
  constexpr size_t kPayload = 10;
  for (size_t bit = 0; bit < 8 * (transfer::kHeaderBytes + kPayload); ++bit) {
    StoreRun run = Store(2 * kPayload);
    MemoryChannelLink link(pair_.net, pair_.loop, "");
    RawDialler peer(link);
    Greet(peer);
    peer.SayOpen(1, run.token, wire::STORE);
    transfer::FrameHeader header;
    header.type = FrameType::kData;
    header.stream = 1;
    header.sequence = peer.next_sequence;
    std::string payload = run.text.substr(0, kPayload);
    std::string sealed = transfer::SerializeHeader(
        header, std::as_bytes(std::span<const char>(payload.data(), payload.size())));
    std::string& flipped = bit / 8 < sealed.size() ? sealed : payload;
    char& byte = flipped[bit / 8 < sealed.size() ? bit / 8 : bit / 8 - sealed.size()];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    peer.SayRaw(sealed, payload);
    pair_.loop.RunReady();
    EXPECT_EQ(run.sink->writes, 0) << "bit " << bit;
    EXPECT_TRUE(peer.cut() || peer.Heard() == "WELCOME OPEN_OK NACK CREDIT")
        << "bit " << bit << ": " << peer.Heard();
  }
}

// [D-10]
TEST_F(HostileTransferTest, ATokenExpiresOnAClockThatNoOneSets) {
  StoreRun run = Store(10, absl::Minutes(10));
  const absl::Time wall = pair_.loop.clock().WallNow();
  for (const absl::Duration jump : {absl::Hours(24 * 365), -absl::Hours(24 * 365)}) {
    pair_.loop.manual_clock().SetWall(wall + jump);
    pair_.loop.Advance(absl::Minutes(4));
    EXPECT_FALSE(run.granted->ended()) << jump;
  }
  pair_.loop.Advance(absl::Minutes(1));
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  StoreRun late = Store(10, absl::Minutes(10));
  pair_.loop.manual_clock().SetWall(wall);
  pair_.loop.Advance(absl::Minutes(10));
  EXPECT_THAT(late.granted->end(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

// [D-22]
TEST_F(HostileTransferTest, WhoBreaksTheProtocolIsToldOfByNameAndReason) {
  StoreRun run = Store(64 * kMiB);
  run.sink->hold = true;
  Greet(peer_);
  peer_.SayOpen(1, run.token, wire::STORE);
  for (uint64_t i = 0; i < 20 && !peer_.cut(); ++i) {
    peer_.Say(FrameType::kData, 1, std::string(kMiB, 'x'), i, i * kMiB);
    pair_.loop.RunReady();
  }
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_EQ(told_[0].peer, "raw-peer");
  EXPECT_THAT(std::string(told_[0].why.message()), HasSubstr("credit was left for 0"));
}

TEST_F(HostileTransferTest, OfManyViolationsFewAreToldAndTheRestIsCounted) {
  for (int i = 0; i < 3 * kViolationsToldMax; ++i) {
    MemoryChannelLink link(pair_.net, pair_.loop, "");
    RawDialler peer(link);
    Greet(peer);
    peer.SayHello();
    pair_.loop.RunReady();
    EXPECT_TRUE(peer.cut());
  }
  EXPECT_THAT(told_, SizeIs(kViolationsToldMax));
  pair_.loop.Advance(kViolationsWindow);
  Greet(peer_);
  peer_.SayHello();
  pair_.loop.RunReady();
  ASSERT_THAT(told_, SizeIs(kViolationsToldMax + 1));
  EXPECT_EQ(told_.back().untold, 2u * kViolationsToldMax);
}

TEST_F(HostileTransferTest, DamageOnTheWayIsNobodysViolation) {
  StoreRun run = Store(10);
  Greet(peer_);
  transfer::FrameHeader header;
  header.sequence = peer_.next_sequence;
  std::string bytes = transfer::SerializeHeader(header, {});
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  peer_.SayRaw(bytes, "");
  pair_.loop.RunReady();
  EXPECT_TRUE(peer_.cut());
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace bitrepo::channel
