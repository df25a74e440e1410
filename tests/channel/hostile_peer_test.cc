// SPDX-License-Identifier: Apache-2.0
// Peers that break the protocol: cut, with nothing changed, and others served meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/match.h"
#include "base/log.h"
#include "channel/peer_session.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"

namespace bitrepo::channel {
namespace {

using testing::HasSubstr;
using testing_support::StatusIs;
using transfer::FrameType;

constexpr size_t kMiB = 1024 * 1024;
constexpr char kEndpoint[] = "memory://pillar";

class HostilePeerTest : public testing::Test {
 protected:
  HostilePeerTest() { EXPECT_OK(pair_.serving->Start()); }
  void Connect() {
    peer_.Dial(kEndpoint);
    pair_.loop.RunReady();
  }
  void Greet() {
    Connect();
    peer_.SayHello();
    pair_.loop.RunReady();
    EXPECT_EQ(peer_.Heard(), "WELCOME");
  }

  ChannelPair pair_;
  MemoryChannelLink link_{pair_.net, pair_.loop, ""};
  RawDialler peer_{link_};
};

struct Row {
  const char* name;
  std::function<void(RawDialler& peer, const StoreRun& store, const FetchRun& fetch)> speak;
};

// Each speaks after HELLO and WELCOME; stream 1 is a store of 100 bytes, stream 2 a fetch of 100.
const Row kBreaches[] = {
    {"a second HELLO", [](RawDialler& peer, const StoreRun&, const FetchRun&) { peer.SayHello(); }},
    {"a server's frame", [](RawDialler& peer, const StoreRun&,
                            const FetchRun&) { peer.Say(FrameType::kWelcome, 0, "x"); }},
    {"GOAWAY",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       peer.Say(FrameType::kGoaway, 0,
                transfer::WriteStreamEnd(transfer::ResponseOf(absl::UnavailableError("go away"))));
     }},
    {"a header that is none",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       peer.SayRaw(std::string(transfer::kHeaderBytes, 'x'), "");
     }},
    {"a header that is too short",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) { peer.SayRaw("BR\x01", ""); }},
    {"a declared length that is not the payload's",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       transfer::FrameHeader header;
       header.sequence = peer.next_sequence;
       std::string bytes = transfer::SerializeHeader(header, {});
       peer.SayRaw(bytes, "surprise");
     }},
    {"an unknown type", [](RawDialler& peer, const StoreRun&,
                           const FetchRun&) { peer.Say(static_cast<FrameType>(77), 0); }},
    {"a frame out of sequence",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       peer.next_sequence += 1;
       peer.Say(FrameType::kPing, 0);
     }},
    {"a control frame whose check does not hold",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       transfer::FrameHeader header;
       header.sequence = peer.next_sequence;
       std::string bytes = transfer::SerializeHeader(header, {});
       bytes.back() = static_cast<char>(bytes.back() ^ 1);
       peer.SayRaw(bytes, "");
     }},
    {"an OPEN that is not readable",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       peer.Say(FrameType::kOpen, 3, "\xff\xff\xff");
     }},
    {"data on a stream that was never opened",
     [](RawDialler& peer, const StoreRun&, const FetchRun&) {
       peer.Say(FrameType::kData, 9, "x");
     }},
    {"a stream number used again",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.SayOpen(1, store.token, wire::STORE);
     }},
    {"data past the end of the file",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.Say(FrameType::kData, 1, "0123456789", 0, 95);
     }},
    {"data past the largest offset",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.Say(FrameType::kData, 1, "0123456789", 0, ~uint64_t{0} - 3);
     }},
    {"a segment number out of turn",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.Say(FrameType::kData, 1, "0123456789", 4, 0);
     }},
    {"an acknowledgement in a store",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.Say(FrameType::kAck, 1, transfer::SerializeAck({10, wire::OPERATION_COMPLETED}));
     }},
    {"a COMMIT that is not readable",
     [](RawDialler& peer, const StoreRun& store, const FetchRun&) {
       peer.SayOpen(1, store.token, wire::STORE);
       peer.Say(FrameType::kCommit, 1, "garbage");
     }},
    {"data in a fetch",
     [](RawDialler& peer, const StoreRun&, const FetchRun& fetch) {
       peer.SayOpen(2, fetch.token, wire::FETCH);
       peer.Say(FrameType::kData, 2, "x");
     }},
    {"a refusal of a segment that was not sent",
     [](RawDialler& peer, const StoreRun&, const FetchRun& fetch) {
       peer.SayOpen(2, fetch.token, wire::FETCH);
       peer.Say(FrameType::kNack, 2,
                transfer::WriteStreamEnd(transfer::ResponseOf(absl::DataLossError("bad"))), 5);
     }},
    {"DONE before anything was sent",
     [](RawDialler& peer, const StoreRun&, const FetchRun& fetch) {
       peer.SayOpen(2, fetch.token, wire::FETCH);
       peer.Say(FrameType::kDone, 2, transfer::WriteStreamEnd(transfer::ResponseOf({})));
     }},
};

// [D-3] [D-5] [D-6] [D-7] [D-11] [D-15] [D-16] [D-25] [D-36]
TEST_F(HostilePeerTest, EachBreachCutsItsSessionAndChangesNothing) {
  for (const Row& row : kBreaches) {
    SCOPED_TRACE(row.name);
    StoreRun store(pair_.mint, pair_.Later(), SomeBytes(100), 100);
    FetchRun fetch(pair_.mint, pair_.Later(), SomeBytes(100));
    store.Grant(*pair_.serving);
    fetch.Grant(*pair_.serving);
    MemoryChannelLink link(pair_.net, pair_.loop, "");
    RawDialler peer(link);
    peer.Dial(kEndpoint);
    pair_.loop.RunReady();
    peer.SayHello();
    pair_.loop.RunReady();
    row.speak(peer, store, fetch);
    pair_.loop.RunReady();
    EXPECT_TRUE(peer.cut());
    EXPECT_THAT(peer.Heard(), HasSubstr("GOAWAY"));
    EXPECT_EQ(store.sink->commits, 0);
    EXPECT_LE(store.sink->written_bytes, 10u);
    EXPECT_EQ(pair_.net.connection_count(), 0u);
  }
  // The channel serves on.
  ASSERT_OK(pair_.dialling->Start());
  StoreRun next(pair_.mint, pair_.Later(), SomeBytes(5 * kMiB), 5 * kMiB);
  next.Grant(*pair_.serving);
  next.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(next.pushed->end());
}

// [D-12]
TEST_F(HostilePeerTest, NothingIsReadBeforeIdentity) {
  StoreRun store(pair_.mint, pair_.Later(), SomeBytes(100), 100);
  store.Grant(*pair_.serving);
  for (const FrameType type : {FrameType::kPing, FrameType::kBye, FrameType::kOpen}) {
    MemoryChannelLink link(pair_.net, pair_.loop, "");
    RawDialler peer(link);
    peer.Dial(kEndpoint);
    pair_.loop.RunReady();
    if (type == FrameType::kOpen) {
      peer.SayOpen(1, store.token, wire::STORE);
      peer.Say(FrameType::kData, 1, "x");
    } else {
      peer.Say(type, 0);
    }
    pair_.loop.RunReady();
    EXPECT_EQ(peer.Heard(), "GOAWAY");
    EXPECT_TRUE(peer.cut());
  }
  EXPECT_EQ(store.sink->writes, 0);
}

// [D-22]
TEST_F(HostilePeerTest, ASenderThatIgnoresItsCreditIsCut) {
  StoreRun store(pair_.mint, pair_.Later(), SomeBytes(64 * kMiB), 64 * kMiB);
  store.sink->hold = true;
  store.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, store.token, wire::STORE);
  const std::string segment(kMiB, 'x');
  for (uint64_t i = 0; i < 64 && !peer_.cut(); ++i) {
    peer_.Say(FrameType::kData, 1, segment, i, i * kMiB);
    pair_.loop.RunReady();
  }
  EXPECT_TRUE(peer_.cut());
  EXPECT_EQ(store.sink->held_bytes_most, kWindowBytes);
}

// [D-43] The session goes on, and so does what else is open on it.
TEST_F(HostilePeerTest, OtherBytesOverWhatHasComeEndTheirTransferAlone) {
  StoreRun store(pair_.mint, pair_.Later(), SomeBytes(100), 100);
  StoreRun other(pair_.mint, pair_.Later(), "0123456789", 10);
  store.Grant(*pair_.serving);
  other.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, store.token, wire::STORE);
  peer_.SayOpen(2, other.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, "0123456789", 0, 0);
  peer_.Say(FrameType::kData, 1, "0123456789", 1, 0);
  peer_.Say(FrameType::kData, 1, "other data", 2, 5);
  peer_.Say(FrameType::kData, 2, "0123456789");
  peer_.Say(FrameType::kCommit, 2,
            transfer::WriteCommit({10, base::Hasher::Of(base::Algorithm::kSha256, other.text)}));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(),
            "WELCOME OPEN_OK OPEN_OK CREDIT ABORT:CONFLICT STORED COMMIT_OK:OPERATION_COMPLETED")
      << "what came again is paid back";
  EXPECT_EQ(store.sink->writes, 1) << "the same again is not written again";
  EXPECT_EQ(store.sink->commits, 0);
  EXPECT_EQ(store.sink->aborted.size(), 1u);
  EXPECT_THAT(store.granted->end(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

// [D-33]
TEST_F(HostilePeerTest, WhatFollowsARefusedOpenIsPassedOver) {
  Greet();
  peer_.SayOpen(1, "brt1_garbage", wire::STORE);
  for (uint64_t i = 0; i < 10; ++i) {
    peer_.Say(FrameType::kData, 1, "0123456789", i, i * 10);
  }
  peer_.Say(FrameType::kCommit, 1, "garbage");
  peer_.Say(FrameType::kPing, 0);
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_REFUSED:INVALID_TOKEN PONG");
}

TEST_F(HostilePeerTest, WhoIsRefusedOverAndOverFillsNoLog) {
  static int lines = 0;
  lines = 0;
  base::CaptureLog([](base::LogLevel, const std::string& line) {
    lines += absl::StrContains(line, "data-stream-refused") ? 1 : 0;
  });
  Greet();
  for (uint32_t stream = 1; stream <= 1000; ++stream) {
    peer_.SayOpen(stream, "brt1_garbage", wire::STORE);
    pair_.loop.RunReady();
  }
  EXPECT_EQ(lines, 20);
  pair_.loop.Advance(absl::Seconds(10));
  peer_.SayOpen(1001, "brt1_garbage", wire::STORE);
  pair_.loop.RunReady();
  EXPECT_EQ(lines, 21) << "later it is told again";
  base::CaptureLog(nullptr);
}

// [D-31] Negotiation is reserved: refused by name, and the session stays usable.
TEST_F(HostilePeerTest, AnUnknownVerbIsRefusedAndTheSessionGoesOn) {
  StoreRun store(pair_.mint, pair_.Later(), "0123456789", 10);
  store.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, store.token, 127);
  peer_.SayOpen(2, store.token, wire::STORE);
  peer_.Say(FrameType::kData, 2, store.text);
  peer_.Say(FrameType::kCommit, 2,
            transfer::WriteCommit({10, base::Hasher::Of(base::Algorithm::kSha256, store.text)}));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(),
            "WELCOME OPEN_REFUSED:REQUEST_NOT_SUPPORTED OPEN_OK STORED "
            "COMMIT_OK:OPERATION_COMPLETED");
  EXPECT_EQ(store.sink->text, store.text);
}

// [D-31]
TEST_F(HostilePeerTest, ATokenForOneVerbDoesNotServeTheOther) {
  StoreRun store(pair_.mint, pair_.Later(), "0123456789", 10);
  FetchRun fetch(pair_.mint, pair_.Later(), "0123456789");
  store.Grant(*pair_.serving);
  fetch.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, fetch.token, wire::STORE);
  peer_.SayOpen(2, store.token, wire::FETCH);
  peer_.SayOpen(3, fetch.token, wire::FETCH, {base::ByteRange::Make(5, 6).value()});
  peer_.SayOpen(4, store.token, wire::STORE, {base::ByteRange::Make(0, 5).value()});
  peer_.SayOpen(5, fetch.token, wire::FETCH,
                {base::ByteRange::Make(2, 5).value(), base::ByteRange::Make(6, 2).value()});
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(),
            "WELCOME OPEN_REFUSED:DENIED OPEN_REFUSED:DENIED OPEN_REFUSED:RANGE_ERROR "
            "OPEN_REFUSED:RANGE_ERROR OPEN_REFUSED:RANGE_ERROR");
  EXPECT_FALSE(store.granted->ended());
  EXPECT_FALSE(fetch.granted->ended());
}

// [D-29]
TEST_F(HostilePeerTest, ACommitOfTheWrongSizeEndsTheTransfer) {
  StoreRun store(pair_.mint, pair_.Later(), "0123456789", 10);
  store.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, store.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, "01234");
  peer_.Say(FrameType::kCommit, 1,
            transfer::WriteCommit({10, base::Hasher::Of(base::Algorithm::kSha256, "")}));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK ABORT:RANGE_ERROR");
  EXPECT_EQ(store.sink->commits, 0);
  EXPECT_EQ(store.sink->aborted.size(), 1u);
}

// [D-28]
TEST_F(HostilePeerTest, AFreshHolderMayPushAllAgainWithoutKnowingWhatIsThere) {
  StoreRun store(pair_.mint, pair_.Later(), SomeBytes(100), 100);
  store.Grant(*pair_.serving);
  Greet();
  peer_.SayOpen(1, store.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, store.text.substr(20, 30), 0, 20);
  pair_.loop.RunReady();
  pair_.net.CutAll();
  pair_.loop.RunReady();
  ASSERT_OK(pair_.dialling->Start());
  store.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(store.pushed->end());
  EXPECT_EQ(store.sink->text, store.text);
  EXPECT_EQ(store.sink->written_bytes, 100u);
}

// [D-18]
TEST_F(HostilePeerTest, WhoConnectsAndSaysNothingUsefulIsDropped) {
  Connect();
  transfer::FrameHeader skippable;
  skippable.type = static_cast<FrameType>(200);
  skippable.flags = transfer::kFlagSkippable;
  for (int second = 0; second < 9; ++second) {
    peer_.Say(skippable);
    pair_.loop.Advance(absl::Seconds(1));
    EXPECT_FALSE(peer_.cut());
  }
  pair_.loop.Advance(absl::Seconds(2));
  EXPECT_TRUE(peer_.cut());
}

TEST_F(HostilePeerTest, APeerThatDoesNotReadIsDroppedBeforeItsAnswersPileUp) {
  Greet();
  // What the server says stays under way for an hour.
  for (size_t i = 0; i < kQueuedFramesMax + 3 * MemoryChannelNet::kFramesUnderWayMax; ++i) {
    pair_.net.SetDelay(absl::ZeroDuration());
    peer_.Say(FrameType::kPing, 0);
    pair_.net.SetDelay(absl::Hours(1));
    pair_.loop.RunReady();
    if (pair_.serving_link.closes > 0) {
      break;
    }
  }
  EXPECT_EQ(pair_.serving_link.closes, 1);
}

// The OPEN_OK itself is the frame that is one too many.
TEST_F(HostilePeerTest, AnOpenWhoseAnswerFindsNoRoomLeavesItsTokenToOthers) {
  constexpr size_t kRoom = kQueuedFramesMax + MemoryChannelNet::kFramesUnderWayMax;
  for (const bool fetches : {false, true}) {
    for (const size_t answers : {kRoom - 1, kRoom, kRoom + 1}) {
      ChannelPair pair;
      ASSERT_OK(pair.Start());
      MemoryChannelLink link(pair.net, pair.loop, "");
      RawDialler peer(link);
      StoreRun store(pair.mint, pair.Later(), "0123456789", 10);
      FetchRun fetch(pair.mint, pair.Later(), "0123456789");
      store.Grant(*pair.serving);
      fetch.Grant(*pair.serving);
      peer.Dial(kEndpoint);
      pair.loop.RunReady();
      peer.SayHello();
      pair.loop.RunReady();
      const auto hear_nothing_of = [&](const std::function<void()>& say) {
        pair.net.SetDelay(absl::ZeroDuration());
        say();
        pair.net.SetDelay(absl::Minutes(1));
        pair.loop.RunReady();
      };
      for (size_t i = 0; i < answers && pair.serving_link.closes == 0; ++i) {
        hear_nothing_of([&] { peer.Say(FrameType::kPing, 0); });
      }
      hear_nothing_of([&] {
        peer.SayOpen(1, fetches ? fetch.token : store.token, fetches ? wire::FETCH : wire::STORE);
      });
      EXPECT_EQ(pair.serving_link.closes, answers < kRoom ? 0 : 1);
      pair.net.CutAll();
      pair.net.SetDelay(absl::ZeroDuration());
      pair.loop.Advance(absl::Minutes(2));
      store.Push(*pair.dialling);
      fetch.Fetch(*pair.dialling);
      pair.loop.RunReady();
      EXPECT_OK(store.pushed->end());
      EXPECT_OK(fetch.fetched->end());
    }
  }
}

TEST_F(HostilePeerTest, StreamsBeyondTheLimitAreToldBusy) {
  ChannelOptions options = Node("pillar-1");
  options.streams_per_session_max = 2;
  ChannelPair pair(options);
  ASSERT_OK(pair.serving->Start());
  MemoryChannelLink link(pair.net, pair.loop, "");
  RawDialler peer(link);
  peer.Dial(kEndpoint);
  pair.loop.RunReady();
  peer.SayHello();
  std::vector<StoreRun> stores;
  for (uint32_t stream = 1; stream <= 3; ++stream) {
    stores.emplace_back(pair.mint, pair.Later(), "0123456789", 10);
    stores.back().Grant(*pair.serving);
    peer.SayOpen(stream, stores.back().token, wire::STORE);
  }
  pair.loop.RunReady();
  EXPECT_EQ(peer.Heard(), "WELCOME OPEN_OK OPEN_OK OPEN_REFUSED:BUSY");
}

TEST_F(HostilePeerTest, OpeningMoreThanTheMemoryCoversIsToldBusy) {
  std::vector<StoreRun> stores;
  Greet();
  for (uint32_t stream = 1; stream <= 17; ++stream) {
    stores.emplace_back(pair_.mint, pair_.Later(), "", 1ULL << 40);
    stores.back().Grant(*pair_.serving);
    peer_.SayOpen(stream, stores.back().token, wire::STORE);
  }
  pair_.loop.RunReady();
  EXPECT_THAT(peer_.Heard(), HasSubstr("OPEN_REFUSED:BUSY"));
  EXPECT_FALSE(peer_.cut());
}

}  // namespace
}  // namespace bitrepo::channel
