// SPDX-License-Identifier: Apache-2.0
// Transfers whose sink has a part already: only what is missing moves, and that is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/control_payload.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using transfer::FrameType;

constexpr size_t kMiB = 1024 * 1024;

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}

class HeldBytesTest : public testing::Test {
 protected:
  HeldBytesTest() { EXPECT_OK(pair_.Start()); }
  StoreRun Store(size_t bytes) {
    return StoreRun(pair_.mint, pair_.Later(), SomeBytes(bytes), bytes);
  }
  FetchRun Fetch(size_t bytes) { return FetchRun(pair_.mint, pair_.Later(), SomeBytes(bytes)); }
  // The ranges that OPEN_OK names, once one has been said.
  std::vector<base::ByteRange> missing_;
  ChannelPair pair_;
};

// [D-39]
TEST_F(HeldBytesTest, AStoreMovesOnlyWhatItsSinkLacks) {
  StoreRun run = Store(40 * kMiB);
  run.sink->Hold(run.text, Range(0, 20 * kMiB));
  run.sink->Hold(run.text, Range(30 * kMiB, 5 * kMiB));
  run.Grant(*pair_.serving);
  pair_.serving_link.trouble = [this](LinkFrame& frame) {
    if (transfer::ParseHeader(frame.header.bytes())->type == FrameType::kOpenOk) {
      missing_ = transfer::ReadOpenOk(frame.payload.text())->missing;
    }
  };
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_THAT(missing_, ElementsAre(Range(20 * kMiB, 10 * kMiB), Range(35 * kMiB, 5 * kMiB)));
  EXPECT_EQ(run.sink->written_bytes, 15 * kMiB);
  EXPECT_TRUE(run.sink->text == run.text);
  // What was said behind OPEN before the answer came is all that moved in vain.
  EXPECT_LE(run.source->read_bytes, 15 * kMiB + ChannelOptions().memory_bytes_max / 16);
  EXPECT_EQ(run.granted->progress.front(), 25 * kMiB) << "what was held counts";
  EXPECT_EQ(run.pushed->progress.front(), 25 * kMiB);
  EXPECT_EQ(run.granted->progress.back(), 40 * kMiB);
}

// [D-39]
TEST_F(HeldBytesTest, AStoreOfWhichAllIsThereIsCommittedAtOnce) {
  StoreRun run = Store(40 * kMiB);
  run.sink->Hold(run.text, Range(0, 40 * kMiB));
  run.Grant(*pair_.serving);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->writes, 0);
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(run.sink->committed_size, 40 * kMiB);
}

// [D-39]
TEST_F(HeldBytesTest, OfWhatASinkHoldsOnlyWhatTheTokenGrantsCounts) {
  StoreRun run = Store(10 * kMiB);
  run.sink->Hold(SomeBytes(30 * kMiB), Range(9 * kMiB, 21 * kMiB));
  run.sink->text.resize(10 * kMiB);
  run.sink->text.replace(9 * kMiB, kMiB, run.text, 9 * kMiB, kMiB);
  run.Grant(*pair_.serving);
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->written_bytes, 9 * kMiB);
}

TEST_F(HeldBytesTest, AFetchAsksForWhatItsSinkLacks) {
  FetchRun run = Fetch(20 * kMiB);
  run.sink->Hold(run.text, Range(0, 3 * kMiB));
  run.sink->Hold(run.text, Range(7 * kMiB, kMiB));
  run.Grant(*pair_.serving);
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_EQ(run.source->read_bytes, 16 * kMiB);
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_TRUE(run.sink->committed_digest.has_value()) << "the whole is verified";
  EXPECT_EQ(run.sink->committed_size, 20 * kMiB);
  EXPECT_EQ(run.fetched->progress.front(), 4 * kMiB);
}

TEST_F(HeldBytesTest, AFetchWithRangesOfItsOwnDoesNotLookAtWhatIsHeld) {
  FetchRun run = Fetch(4 * kMiB);
  run.sink->Hold(run.text, Range(0, 4 * kMiB));
  run.Grant(*pair_.serving);
  run.Fetch(*pair_.dialling, {Range(kMiB, kMiB)});
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(run.source->read_bytes, kMiB);
}

// [D-40] The issuer hears DONE, so that its own word on the transfer can follow.
TEST_F(HeldBytesTest, AFetchOfWhichAllIsThereEndsWithoutABlock) {
  FetchRun run = Fetch(4 * kMiB);
  run.sink->Hold(run.text, Range(0, 4 * kMiB));
  run.Grant(*pair_.serving);
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_EQ(run.source->read_bytes, 0u);
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kDone), 1u);
}

TEST_F(HeldBytesTest, AFetchOfWhichAllIsThereNeedsNoPillar) {
  FetchRun run = Fetch(4 * kMiB);
  run.sink->Hold(run.text, Range(0, 4 * kMiB));
  pair_.KillServing();
  run.Fetch(*pair_.dialling);
  pair_.loop.Advance(absl::Minutes(1));
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(run.sink->commits, 1);
}

TEST_F(HeldBytesTest, AFetchOfWhichAllIsThereEndsWhenItsConnectionBreaks) {
  FetchRun run = Fetch(4 * kMiB);
  run.sink->Hold(run.text, Range(0, 4 * kMiB));
  run.Grant(*pair_.serving);
  pair_.dialling_link.trouble = [this](LinkFrame& frame) {
    if (transfer::ParseHeader(frame.header.bytes())->type == FrameType::kOpen) {
      pair_.loop.Post([this] { pair_.net.CutAll(); });
    }
  };
  pair_.net.SetDelay(absl::Milliseconds(10));
  run.Fetch(*pair_.dialling);
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(run.sink->commits, 1);
}

TEST_F(HeldBytesTest, AGrantIsToldWhenItsStreamOpensAndBreaks) {
  StoreRun run = Store(40 * kMiB);
  run.sink->hold = true;
  run.Grant(*pair_.serving);
  EXPECT_THAT(run.granted->streams, IsEmpty());
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.granted->streams, ElementsAre(true));
  run.sink->ReleaseAll();
  pair_.loop.RunReady();
  pair_.net.CutAll();
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_OK(run.pushed->end());
  EXPECT_THAT(run.granted->streams, ElementsAre(true, false, true)) << "the end is told as such";
}

}  // namespace
}  // namespace bitrepo::channel
