// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/control_payload.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::IsOk;
using testing_support::StatusIs;
using transfer::FrameType;

constexpr size_t kMiB = 1024 * 1024;

class ChannelTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(pair_.Start()); }
  StoreRun Store(size_t bytes) {
    StoreRun run(pair_.mint, pair_.Later(), SomeBytes(bytes), bytes);
    run.Grant(*pair_.serving);
    return run;
  }
  FetchRun Fetch(size_t bytes) {
    FetchRun run(pair_.mint, pair_.Later(), SomeBytes(bytes));
    run.Grant(*pair_.serving);
    return run;
  }

  ChannelPair pair_;
};

TEST_F(ChannelTest, StoresAFileOfManySegments) {
  StoreRun run = Store(40 * kMiB + 17);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(run.sink->committed_size, run.text.size());
  EXPECT_EQ(run.source->read_bytes, run.text.size());
  EXPECT_THAT(run.source->finished, ElementsAre(IsOk()));
  EXPECT_TRUE(run.sink->aborted.empty());
  EXPECT_EQ(run.pushed->progress.back(), run.text.size());
  EXPECT_EQ(run.granted->progress.back(), run.text.size());
}

TEST_F(ChannelTest, StoresAFileOfUnknownLength) {
  StoreRun run(pair_.mint, pair_.Later(), SomeBytes(20 * kMiB + 1), std::nullopt);
  run.Grant(*pair_.serving);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
}

TEST_F(ChannelTest, StoresAnEmptyFile) {
  StoreRun run = Store(0);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(run.sink->writes, 0);
}

TEST_F(ChannelTest, FetchesAWholeFileWithItsDigest) {
  FetchRun run = Fetch(40 * kMiB + 17);
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_TRUE(run.sink->committed_digest.has_value());
  EXPECT_THAT(run.source->finished, ElementsAre(IsOk()));
  EXPECT_EQ(run.granted->progress.back(), run.text.size());
}

TEST_F(ChannelTest, FetchesAnEmptyFile) {
  FetchRun run = Fetch(0);
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_EQ(run.sink->commits, 1);
}

TEST_F(ChannelTest, FetchesRangesInTheOrderAsked) {
  FetchRun run = Fetch(10 * kMiB);
  run.Fetch(*pair_.dialling, {base::ByteRange::Make(5 * kMiB, 100).value(),
                              base::ByteRange::Make(7, 3 * kMiB).value()});
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(run.sink->written_bytes, 3 * kMiB + 100);
  EXPECT_FALSE(run.sink->committed_digest.has_value());
  EXPECT_EQ(run.sink->text.substr(7, 3 * kMiB), run.text.substr(7, 3 * kMiB));
}

// [D-34]
TEST_F(ChannelTest, AFetchIsToldHowManyBytesWillCome) {
  FetchRun run = Fetch(3 * kMiB);
  uint64_t told = 0;
  pair_.serving_link.trouble = [&](LinkFrame& frame) {
    if (transfer::ParseHeader(frame.header.bytes())->type == FrameType::kOpenOk) {
      told = transfer::ReadOpenOk(frame.payload.text())->size_bytes;
    }
  };
  run.Fetch(*pair_.dialling,
            {base::ByteRange::Make(5, 100).value(), base::ByteRange::Make(kMiB, 7).value()});
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(told, 107u);
}

// [D-34]
TEST_F(ChannelTest, AFetchThatIsToldAnotherNumberOfBytesThanItAskedForFails) {
  FetchRun run = Fetch(kMiB);
  pair_.serving_link.trouble = [](LinkFrame& frame) {
    transfer::FrameHeader header = *transfer::ParseHeader(frame.header.bytes());
    if (header.type == FrameType::kOpenOk) {
      transfer::OpenAnswer answer = *transfer::ReadOpenOk(frame.payload.text());
      answer.size_bytes += 1;
      frame.payload = base::Buffer::Of(transfer::WriteOpenOk(answer));
      header.length = static_cast<uint32_t>(frame.payload.size());
      frame.header = base::Buffer::Of(transfer::SerializeHeader(header, frame.payload.bytes()));
    }
  };
  run.Fetch(*pair_.dialling);
  pair_.loop.Advance(absl::Minutes(1));
  ASSERT_TRUE(run.fetched->ended());
  EXPECT_FALSE(run.fetched->end().ok());
  EXPECT_EQ(run.sink->commits, 0);
}

// [D-35] Each DATA of a fetch directly behind an ACK of the same segment; a store has none.
TEST_F(ChannelTest, AnAcknowledgementGoesBeforeEachSegmentOfAFetch) {
  FetchRun fetch = Fetch(5 * kMiB + 1);
  fetch.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  const auto& sent = pair_.serving_link.sent;
  size_t segments = 0;
  for (size_t i = 1; i < sent.size(); ++i) {
    if (sent[i].type == FrameType::kData) {
      ++segments;
      EXPECT_EQ(sent[i - 1].type, FrameType::kAck);
      EXPECT_EQ(sent[i - 1].number, sent[i].number);
      EXPECT_EQ(sent[i - 1].offset, sent[i].offset);
    }
  }
  EXPECT_EQ(segments, 6u);
}

// [D-33]
TEST_F(ChannelTest, TheBytesOfAStoreFollowItsOpenWithoutWaiting) {
  pair_.net.SetDelay(absl::Milliseconds(100));
  StoreRun run = Store(1000);
  run.Push(*pair_.dialling);
  // The dial, HELLO and WELCOME take three ways; then all that the store has to say leaves at once.
  pair_.loop.Advance(absl::Milliseconds(300));
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kOpen), 1u);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kData), 1u);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kCommit), 1u);
  EXPECT_EQ(pair_.serving_link.CountSent(FrameType::kOpenOk), 0u);
  pair_.loop.Advance(absl::Milliseconds(200));
  EXPECT_OK(run.pushed->end());
}

// [D-23]
TEST_F(ChannelTest, ASlowSinkHoldsTheSenderWithinTheWindow) {
  StoreRun run = Store(64 * kMiB);
  run.sink->hold = true;
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_EQ(run.sink->held_bytes, kWindowBytes);
  EXPECT_FALSE(run.pushed->ended());
  while (!run.sink->held_writes.empty()) {
    run.sink->Release();
    pair_.loop.RunReady();
  }
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->held_bytes_most, kWindowBytes);
  EXPECT_TRUE(run.sink->text == run.text);
}

TEST_F(ChannelTest, SlowSinksTogetherStayWithinTheMemoryOfTheChannel) {
  std::vector<StoreRun> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(Store(20 * kMiB));
    runs.back().sink->hold = true;
    runs.back().Push(*pair_.dialling);
  }
  uint64_t held_most = 0;
  for (int step = 0; step < 400; ++step) {
    pair_.loop.Advance(absl::Milliseconds(50));
    uint64_t held = 0;
    for (StoreRun& run : runs) {
      held += run.sink->held_bytes;
    }
    held_most = std::max(held_most, held);
    for (StoreRun& run : runs) {
      if (!run.sink->held_writes.empty()) {
        run.sink->Release();
      }
    }
  }
  EXPECT_LE(held_most, ChannelOptions().memory_bytes_max);
  EXPECT_GT(held_most, ChannelOptions().memory_bytes_max / 2);
  for (StoreRun& run : runs) {
    EXPECT_OK(run.pushed->end());
    EXPECT_TRUE(run.sink->text == run.text);
  }
}

// [D-24]
TEST_F(ChannelTest, ADamagedSegmentIsSentAgain) {
  StoreRun run = Store(10 * kMiB);
  pair_.dialling_link.trouble = [seen = 0](LinkFrame& frame) mutable {
    if (frame.payload.size() == kSegmentBytes && ++seen == 4) {
      FlipPayloadBit(frame);
    }
  };
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(pair_.serving_link.CountSent(FrameType::kNack), 1u);
  EXPECT_EQ(run.source->read_bytes, 11 * kMiB);
}

TEST_F(ChannelTest, ADamagedSegmentOfAFetchIsSentAgain) {
  FetchRun run = Fetch(10 * kMiB);
  pair_.serving_link.trouble = [seen = 0](LinkFrame& frame) mutable {
    if (frame.payload.size() == kSegmentBytes && ++seen == 10) {
      FlipPayloadBit(frame);
    }
  };
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_TRUE(run.sink->text == run.text);
}

// [D-24]
TEST_F(ChannelTest, ASegmentThatIsDamagedEachTimeEndsTheTransfer) {
  StoreRun run = Store(3 * kMiB);
  pair_.dialling_link.trouble = [](LinkFrame& frame) {
    if (frame.payload.size() == kSegmentBytes) {
      FlipPayloadBit(frame);
    }
  };
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(run.sink->aborted.size(), 1u);
  EXPECT_EQ(run.sink->commits, 0);
}

TEST_F(ChannelTest, StoresAndFetchesShareOneSession) {
  std::vector<StoreRun> stores;
  std::vector<FetchRun> fetches;
  for (size_t i = 0; i < 10; ++i) {
    stores.push_back(Store(i * 300'000));
    fetches.push_back(Fetch(i * 300'000));
    stores.back().Push(*pair_.dialling);
    fetches.back().Fetch(*pair_.dialling);
  }
  pair_.loop.Advance(absl::Seconds(5));
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_OK(stores[i].pushed->end());
    EXPECT_TRUE(stores[i].sink->text == stores[i].text);
    EXPECT_OK(fetches[i].fetched->end());
    EXPECT_TRUE(fetches[i].sink->text == fetches[i].text);
  }
  EXPECT_EQ(pair_.dialling_link.dials, 1);
  EXPECT_EQ(pair_.net.connection_count(), 1u);
}

TEST_F(ChannelTest, TwoStreamsTakeTurns) {
  StoreRun first = Store(32 * kMiB);
  StoreRun second = Store(32 * kMiB);
  first.Push(*pair_.dialling);
  second.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(first.pushed->end());
  EXPECT_OK(second.pushed->end());
  size_t changes = 0;
  uint32_t last = 0;
  for (const transfer::FrameHeader& header : pair_.dialling_link.sent) {
    if (header.type == FrameType::kData) {
      changes += header.stream != last ? 1 : 0;
      last = header.stream;
    }
  }
  EXPECT_GT(changes, 4u);
}

TEST_F(ChannelTest, ManySmallFilesPassOneAfterTheOther) {
  for (int i = 0; i < 500; ++i) {
    StoreRun run(pair_.mint, pair_.Later(), absl::StrCat("file ", i), std::nullopt);
    run.Grant(*pair_.serving);
    run.Push(*pair_.dialling);
    pair_.loop.RunReady();
    ASSERT_OK(run.pushed->end());
    ASSERT_EQ(run.sink->text, run.text);
  }
  EXPECT_EQ(pair_.dialling_link.dials, 1);
}

// A quarter of the streams more than fit: the rest waits its turn at the dialling side.
TEST_F(ChannelTest, MoreTransfersThanStreamsAreCarriedOutAllTheSame) {
  std::vector<StoreRun> runs;
  for (uint32_t i = 0; i < ChannelOptions().streams_per_session_max * 5 / 4; ++i) {
    runs.push_back(Store(10));
    runs.back().Push(*pair_.dialling);
  }
  pair_.loop.Advance(absl::Seconds(1));
  for (StoreRun& run : runs) {
    EXPECT_OK(run.pushed->end());
  }
  EXPECT_EQ(pair_.serving_link.CountSent(FrameType::kOpenRefused), 0u);
}

TEST_F(ChannelTest, TheAnswerOfTheSinkIsTheEndOfTheStore) {
  StoreRun run = Store(1000);
  run.source->claims = "something else";
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                          HasSubstr("NEW_FILE_CHECKSUM_FAILURE")));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(run.sink->aborted.empty()) << "Commit was answered, that was the last call";
}

TEST_F(ChannelTest, AFetchThatDoesNotHaveItsDigestIsTold) {
  FetchRun run(pair_.mint, pair_.Later(), SomeBytes(1000));
  run.source = std::make_shared<TextSource>(SomeBytes(1000, 99));
  run.Grant(*pair_.serving);
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_FALSE(run.fetched->end().ok());
  EXPECT_FALSE(run.granted->end().ok());
  EXPECT_EQ(run.source->finished.size(), 1u);
}

TEST_F(ChannelTest, ASinkThatCannotWriteEndsTheStoreWithItsReason) {
  StoreRun run = Store(5 * kMiB);
  run.sink->fail_write = absl::ResourceExhaustedError("no space left");
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space left")));
  EXPECT_THAT(run.sink->aborted, ElementsAre(StatusIs(absl::StatusCode::kResourceExhausted)));
  EXPECT_EQ(run.source->finished.size(), 1u);
}

TEST_F(ChannelTest, ASourceThatIsDamagedEndsTheFetchWithItsReason) {
  FetchRun run = Fetch(5 * kMiB);
  run.source->fail_at = base::ByteRange::Make(3 * kMiB, 1).value();
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(run.sink->aborted.size(), 1u);
}

TEST_F(ChannelTest, ASourceThatChangedIsNotCommitted) {
  StoreRun run = Store(5 * kMiB);
  run.source->changed = absl::AbortedError("the source changed while it was read");
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(run.sink->commits, 0);
}

TEST_F(ChannelTest, ACancelledTransferEndsOnBothSides) {
  StoreRun run = Store(64 * kMiB);
  run.sink->hold = true;
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.dialling->Cancel(run.id, absl::CancelledError("asked to stop"));
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kCancelled));
  // Writes that come back after the end are fine.
  run.sink->ReleaseAll();
  pair_.loop.RunReady();
  EXPECT_EQ(run.sink->aborted.size(), 1u);
}

TEST_F(ChannelTest, ARevokedTokenEndsItsStream) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.serving->Revoke(base::TokenId::FromBytes(run.body.token_id()).value(),
                        absl::CancelledError("the request was cancelled"));
  pair_.loop.RunReady();
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ChannelTest, OnceTheSinkIsAskedToCommitItsAnswerAloneDecides) {
  StoreRun run = Store(100);
  run.sink->hold_commit = true;
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.serving->Revoke(base::TokenId::FromBytes(run.body.token_id()).value(),
                        absl::CancelledError("too late"));
  pair_.loop.RunReady();
  EXPECT_FALSE(run.granted->ended());
  run.sink->held_commit();
  pair_.loop.RunReady();
  EXPECT_OK(run.granted->end());
  EXPECT_OK(run.pushed->end());
}

TEST_F(ChannelTest, TellsWhatItsLinkHasRefused) {
  pair_.serving_link.counts["silent"] = 3;
  std::map<std::string, uint64_t> told;
  pair_.serving->TellDropCounts([&](std::map<std::string, uint64_t> counts) { told = counts; });
  EXPECT_THAT(told, testing::IsEmpty()) << "on the loop, not from inside the call";
  pair_.loop.RunReady();
  EXPECT_THAT(told, ElementsAre(testing::Pair("silent", 3u)));
}

TEST_F(ChannelTest, CallbacksThatComeAfterTheChannelIsGoneAreFine) {
  StoreRun store = Store(64 * kMiB);
  FetchRun fetch = Fetch(64 * kMiB);
  store.sink->hold = true;
  fetch.source->hold = true;
  store.Push(*pair_.dialling);
  fetch.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  ASSERT_FALSE(store.sink->held_writes.empty());
  ASSERT_FALSE(fetch.source->held.empty());
  pair_.KillServing();
  EXPECT_FALSE(store.granted->end().ok());
  EXPECT_FALSE(fetch.granted->end().ok());
  store.sink->ReleaseAll();
  fetch.source->ReleaseAll();
  pair_.loop.RunReady();
  EXPECT_THAT(store.pushed->end(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(fetch.fetched->end(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace bitrepo::channel
