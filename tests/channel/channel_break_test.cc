// SPDX-License-Identifier: Apache-2.0
// Cut connections, silence, tokens that are refused, and how sessions begin and end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

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

class ChannelBreakTest : public testing::Test {
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

// [D-27] [D-2]
TEST_F(ChannelBreakTest, ACutStoreIsDialledAgainAndOnlyWhatIsMissingIsSent) {
  StoreRun run = Store(64 * kMiB);
  run.sink->hold = true;
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  for (int i = 0; i < 8; ++i) {
    run.sink->Release();
    pair_.loop.RunReady();
  }
  const uint64_t read_before = run.source->read_bytes;
  const uint64_t had = run.sink->written_bytes;
  pair_.net.CutAll();
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(5));
  EXPECT_OK(run.pushed->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(run.sink->written_bytes, run.text.size());
  EXPECT_EQ(run.source->read_bytes, read_before + run.text.size() - had);
  EXPECT_EQ(pair_.dialling_link.dials, 2);
  // A session of its own: greeted, opened and counted anew.
  EXPECT_EQ(pair_.dialling_link.CountSent(transfer::FrameType::kHello), 2u);
  EXPECT_EQ(pair_.dialling_link.CountSent(transfer::FrameType::kOpen), 2u);
}

TEST_F(ChannelBreakTest, ACutFetchAsksOnlyForWhatIsMissing) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  const uint64_t had = run.sink->written_bytes;
  ASSERT_GT(had, 0u);
  pair_.net.CutAll();
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(5));
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(run.sink->written_bytes, run.text.size());
}

// [D-2]
TEST_F(ChannelBreakTest, CutsAtEveryMomentLoseNothing) {
  for (int frames = 1; frames < 40; ++frames) {
    StoreRun store = Store(3 * kMiB + 5);
    FetchRun fetch = Fetch(3 * kMiB + 5);
    int left = frames;
    pair_.dialling_link.trouble = [&](LinkFrame&) {
      if (--left == 0) {
        pair_.net.CutAll();
      }
    };
    store.Push(*pair_.dialling);
    fetch.Fetch(*pair_.dialling);
    pair_.loop.Advance(absl::Seconds(30));
    pair_.dialling_link.trouble = nullptr;
    // Where nothing had moved yet, or the outcome of a COMMIT is open, the user is told and may try
    // again.
    if (!store.pushed->end().ok()) {
      EXPECT_THAT(store.pushed->end(), StatusIs(absl::StatusCode::kUnavailable)) << frames;
      if (!store.granted->ended()) {
        store.pushed->ends.clear();
        store.Push(*pair_.dialling);
        pair_.loop.Advance(absl::Seconds(30));
        EXPECT_OK(store.pushed->end()) << frames;
      }
    }
    if (!fetch.fetched->end().ok()) {
      EXPECT_THAT(fetch.fetched->end(), StatusIs(absl::StatusCode::kUnavailable)) << frames;
      fetch.sink = std::make_shared<TextSink>();
      fetch.fetched->ends.clear();
      fetch.Fetch(*pair_.dialling);
      pair_.loop.Advance(absl::Seconds(30));
      EXPECT_OK(fetch.fetched->end()) << frames;
    }
    EXPECT_OK(store.granted->end()) << frames;
    EXPECT_TRUE(store.sink->text == store.text) << frames;
    EXPECT_EQ(store.sink->commits, 1) << frames;
    EXPECT_EQ(store.sink->written_bytes, store.text.size()) << frames;
    EXPECT_TRUE(fetch.sink->text == fetch.text) << frames;
  }
}

TEST_F(ChannelBreakTest, AServerThatIsGoneIsToldAtOnce) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.KillServing();
  pair_.loop.RunReady();
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(run.sink->aborted.size(), 1u);
}

TEST_F(ChannelBreakTest, ABrokenConnectionBehindCommitHasNoKnownOutcome) {
  StoreRun run = Store(100);
  run.sink->hold_commit = true;
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  ASSERT_EQ(run.sink->commits, 1);
  pair_.net.CutAll();
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("COMMIT")));
  EXPECT_FALSE(run.granted->ended());
  run.sink->held_commit();
  pair_.loop.RunReady();
  EXPECT_OK(run.granted->end());
}

TEST_F(ChannelBreakTest, EndpointsAreTriedInTheirOrder) {
  StoreRun run(pair_.mint, pair_.Later(), "hello", 5);
  run.body.clear_endpoints();
  run.body.add_endpoints("memory://nobody");
  run.body.add_endpoints("memory://nobody-either");
  run.body.add_endpoints("memory://pillar");
  run.token = pair_.mint.Seal(run.body, pair_.Later());
  run.Grant(*pair_.serving);
  run.Push(*pair_.dialling);
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(pair_.dialling_link.dials, 3);
}

TEST_F(ChannelBreakTest, WhereNoEndpointAnswersTheUserIsToldWhichWasTried) {
  StoreRun run(pair_.mint, pair_.Later(), "hello", 5);
  run.body.set_endpoints(0, "memory://nobody");
  run.token = pair_.mint.Seal(run.body, pair_.Later());
  run.Push(*pair_.dialling);
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_THAT(run.pushed->end(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("memory://nobody")));
  EXPECT_EQ(run.source->finished.size(), 1u);
}

TEST_F(ChannelBreakTest, ASilentPeerEndsTheSessionAndItsTransfers) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.net.SetDelay(absl::Hours(1));
  pair_.loop.Advance(absl::Seconds(60));
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(ChannelBreakTest, APausedReceiverIsNotSilent) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.Advance(absl::Minutes(30));
  EXPECT_FALSE(run.fetched->ended());
  EXPECT_FALSE(run.granted->ended());
  EXPECT_GT(pair_.dialling_link.CountSent(FrameType::kPing) +
                pair_.serving_link.CountSent(FrameType::kPing),
            0u);
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_OK(run.fetched->end());
}

struct Refusal {
  const char* name;
  absl::StatusCode code;
  const char* told;
  std::function<void(ChannelPair&, FetchRun&)> prepare;
};

// [D-31]
TEST_F(ChannelBreakTest, ATokenThatDoesNotFitIsRefusedWithItsReason) {
  const Refusal table[] = {
      {"not granted", absl::StatusCode::kInvalidArgument, "INVALID_TOKEN",
       [](ChannelPair&, FetchRun&) {}},
      {"of another issuer", absl::StatusCode::kInvalidArgument, "INVALID_TOKEN",
       [](ChannelPair& pair, FetchRun& run) {
         run.Grant(*pair.serving);
         transfer::TokenMint other(std::string(32, 'o'), std::string(16, 'e'));
         run.token = other.Seal(run.body, pair.Later());
       }},
      {"expired", absl::StatusCode::kDeadlineExceeded, "EXPIRED",
       [](ChannelPair& pair, FetchRun& run) {
         run.token = pair.mint.Seal(run.body, pair.loop.Now() - absl::Seconds(1));
       }},
      {"of another run", absl::StatusCode::kDeadlineExceeded, "EXPIRED",
       [](ChannelPair& pair, FetchRun& run) {
         transfer::TokenMint later(std::string(32, 'k'), std::string(16, 'f'));
         run.token = later.Seal(run.body, pair.Later());
       }},
      {"a larger range than granted", absl::StatusCode::kOutOfRange, "RANGE_ERROR",
       [](ChannelPair& pair, FetchRun& run) {
         wire::TokenBody granted = run.body;
         granted.set_offset(10);
         granted.set_length(20);
         pair.serving->GrantFetch(granted, run.source, Into(run.granted));
       }},
  };
  for (const Refusal& row : table) {
    FetchRun run(pair_.mint, pair_.Later(), SomeBytes(100));
    row.prepare(pair_, run);
    run.Fetch(*pair_.dialling);
    pair_.loop.RunReady();
    EXPECT_THAT(run.fetched->end(), StatusIs(row.code, HasSubstr(row.told))) << row.name;
    EXPECT_EQ(run.sink->writes, 0) << row.name;
    EXPECT_EQ(run.sink->commits, 0) << row.name;
  }
  EXPECT_EQ(pair_.dialling_link.dials, 1) << "the session stays usable";
}

TEST_F(ChannelBreakTest, ATokenForTheOtherVerbIsRefusedOnBothSides) {
  StoreRun run = Store(10);
  auto sink = std::make_shared<TextSink>();
  auto told = std::make_shared<Told>();
  pair_.dialling->Fetch(run.token, {}, sink, Into(told));
  pair_.loop.RunReady();
  EXPECT_THAT(told->end(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(pair_.dialling_link.dials, 0);
}

TEST_F(ChannelBreakTest, RangesOutsideTheTokenAreRefusedBeforeAnythingIsDialled) {
  FetchRun run = Fetch(100);
  run.Fetch(*pair_.dialling, {base::ByteRange::Make(90, 11).value()});
  pair_.loop.RunReady();
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kOutOfRange));
  FetchRun twice = Fetch(100);
  twice.Fetch(*pair_.dialling,
              {base::ByteRange::Make(0, 10).value(), base::ByteRange::Make(9, 2).value()});
  pair_.loop.RunReady();
  EXPECT_THAT(twice.fetched->end(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(pair_.dialling_link.dials, 0);
}

TEST_F(ChannelBreakTest, ASourceLargerThanTheTokenTakesIsRefusedBeforeAnythingIsDialled) {
  StoreRun run(pair_.mint, pair_.Later(), "0123456789", std::nullopt);
  run.body.set_max_bytes(9);
  run.token = pair_.mint.Seal(run.body, pair_.Later());
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(pair_.dialling_link.dials, 0);
}

// [D-32]
TEST_F(ChannelBreakTest, ATokenIsSpentWithItsFirstSuccess) {
  StoreRun run = Store(10);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  ASSERT_OK(run.pushed->end());
  run.pushed->ends.clear();
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spent")));
  EXPECT_EQ(run.sink->commits, 1);
}

// [D-32]
TEST_F(ChannelBreakTest, ASecondStreamOfOneTokenWaitsUntilTheFirstHasEnded) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  auto told = std::make_shared<Told>();
  auto sink = std::make_shared<TextSink>();
  pair_.dialling->Fetch(run.token, {}, sink, Into(told));
  pair_.loop.Advance(absl::Seconds(2));
  EXPECT_FALSE(told->ended());
  EXPECT_GT(pair_.serving_link.CountSent(FrameType::kOpenRefused), 1u);
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(2));
  EXPECT_OK(run.fetched->end());
  EXPECT_THAT(told->end(), StatusIs(absl::StatusCode::kInvalidArgument)) << "spent by then";
}

// A token reaches its holder by the bus, and its OPEN this loop, before the grant does: what was
// called before the frame is looked at is known then.
class GrantRace : public ChannelBreakTest {
 protected:
  // Runs `call` behind the OPEN that is under way, as the loop sees it: it is posted after the
  // frame, and was made before the frame is read.
  void CallJustBeforeOpenIsRead(std::function<void()> call) {
    pair_.dialling_link.trouble = [this, call = std::move(call)](LinkFrame& frame) {
      if (transfer::ParseHeader(frame.header.bytes())->type == FrameType::kOpen) {
        pair_.loop.Post(call);
      }
    };
  }
};

TEST_F(GrantRace, AStoreThatWasGrantedBeforeItsOpenIsReadIsServed) {
  StoreRun run(pair_.mint, pair_.Later(), SomeBytes(kMiB), kMiB);
  CallJustBeforeOpenIsRead([&] { run.Grant(*pair_.serving); });
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kOpen), 1u);
}

TEST_F(GrantRace, AFetchThatWasGrantedBeforeItsOpenIsReadIsServed) {
  FetchRun run(pair_.mint, pair_.Later(), SomeBytes(kMiB));
  CallJustBeforeOpenIsRead([&] { run.Grant(*pair_.serving); });
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_TRUE(run.sink->text == run.text);
}

TEST_F(GrantRace, ATokenThatWasRevokedBeforeItsOpenIsReadIsRefused) {
  StoreRun run = Store(kMiB);
  CallJustBeforeOpenIsRead([&] {
    pair_.serving->Revoke(base::TokenId::FromBytes(run.body.token_id()).value(),
                          absl::CancelledError("withdrawn"));
  });
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(run.sink->writes, 0);
}

TEST_F(ChannelBreakTest, PatienceWithABusyPeerHasAnEnd) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  auto told = std::make_shared<Told>();
  pair_.dialling->Fetch(run.token, {}, std::make_shared<TextSink>(), Into(told));
  pair_.loop.Advance(absl::Seconds(70));
  EXPECT_THAT(told->end(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("BUSY")));
}

TEST_F(ChannelBreakTest, AnUnusedTokenEndsWithItsExpiry) {
  FetchRun run = Fetch(10);
  pair_.loop.Advance(absl::Hours(1) - absl::Seconds(1));
  EXPECT_FALSE(run.granted->ended());
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(run.source->finished.size(), 1u);
}

TEST_F(ChannelBreakTest, PastItsExpiryAStreamGoesOnWhileBytesMove) {
  FetchRun run(pair_.mint, pair_.loop.Now() + absl::Seconds(30), SomeBytes(64 * kMiB));
  run.Grant(*pair_.serving);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  for (int i = 0; i < 60; ++i) {
    pair_.loop.Advance(absl::Seconds(1));
    ASSERT_FALSE(run.sink->held_writes.empty());
    run.sink->Release();
  }
  EXPECT_FALSE(run.granted->ended());
  pair_.loop.Advance(absl::Seconds(60));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

// [D-19]
TEST_F(ChannelBreakTest, AnIdleSessionIsEndedByTheSideThatDialled) {
  StoreRun run = Store(10);
  run.Push(*pair_.dialling);
  pair_.loop.Advance(absl::Seconds(59));
  EXPECT_EQ(pair_.net.connection_count(), 1u);
  pair_.loop.Advance(absl::Seconds(2));
  EXPECT_EQ(pair_.net.connection_count(), 0u);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kBye), 1u);
  StoreRun next = Store(10);
  next.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(next.pushed->end());
}

TEST_F(ChannelBreakTest, AServerThatClosesTellsItsDiallersAndWaitsForBye) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.serving->Close();
  pair_.loop.RunReady();
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(pair_.serving_link.CountSent(FrameType::kGoaway), 1u);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kBye), 1u);
  EXPECT_EQ(pair_.net.connection_count(), 0u);
}

TEST_F(ChannelBreakTest, ADiallerThatClosesEndsItsTransfersAndSaysBye) {
  FetchRun run = Fetch(64 * kMiB);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  pair_.dialling->Close();
  pair_.loop.RunReady();
  EXPECT_THAT(run.fetched->end(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(run.granted->end(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(pair_.net.connection_count(), 0u);
  auto told = std::make_shared<Told>();
  pair_.dialling->Fetch(run.token, {}, std::make_shared<TextSink>(), Into(told));
  pair_.loop.RunReady();
  EXPECT_THAT(told->end(), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace bitrepo::channel
