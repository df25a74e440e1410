// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/channel/channel_pair.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using testing_support::IsOk;
using testing_support::StatusIs;

constexpr size_t kMiB = 1024 * 1024;

struct StoreRun {
  StoreRun(ChannelPair& pair, std::string bytes, std::optional<uint64_t> length)
      : text(std::move(bytes)),
        source(std::make_shared<TextSource>(text)),
        sink(std::make_shared<TextSink>()),
        body(pair.mint.Store(length)) {
    token = pair.mint.Seal(body, pair.Later());
  }
  void Grant(ChannelPair& pair) { pair.serving->GrantStore(body, sink, Into(granted)); }
  void Push(ChannelPair& pair) { id = pair.dialling->Push(token, source, Into(pushed)); }

  std::string text;
  std::shared_ptr<TextSource> source;
  std::shared_ptr<TextSink> sink;
  wire::TokenBody body;
  std::string token;
  TransferId id = TransferId::kNone;
  std::shared_ptr<Told> granted = std::make_shared<Told>();
  std::shared_ptr<Told> pushed = std::make_shared<Told>();
};

struct FetchRun {
  FetchRun(ChannelPair& pair, std::string bytes)
      : text(std::move(bytes)),
        source(std::make_shared<TextSource>(text)),
        sink(std::make_shared<TextSink>()),
        body(pair.mint.Fetch(text)) {
    token = pair.mint.Seal(body, pair.Later());
  }
  void Grant(ChannelPair& pair) { pair.serving->GrantFetch(body, source, Into(granted)); }
  void Fetch(ChannelPair& pair, std::vector<base::ByteRange> ranges = {}) {
    id = pair.dialling->Fetch(token, std::move(ranges), sink, Into(fetched));
  }

  std::string text;
  std::shared_ptr<TextSource> source;
  std::shared_ptr<TextSink> sink;
  wire::TokenBody body;
  std::string token;
  TransferId id = TransferId::kNone;
  std::shared_ptr<Told> granted = std::make_shared<Told>();
  std::shared_ptr<Told> fetched = std::make_shared<Told>();
};

TEST(Channel, StoresAFileOfManySegments) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  StoreRun run(pair, SomeBytes(40 * kMiB + 17), 40 * kMiB + 17);
  run.Grant(pair);
  run.Push(pair);
  pair.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(run.sink->committed_size, run.text.size());
  EXPECT_EQ(run.source->read_bytes, run.text.size());
  EXPECT_THAT(run.source->finished, testing::ElementsAre(IsOk()));
  EXPECT_TRUE(run.sink->aborted.empty());
  EXPECT_EQ(run.pushed->progress.back(), run.text.size());
}

TEST(Channel, StoresAFileOfUnknownLength) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  StoreRun run(pair, SomeBytes(20 * kMiB + 1), std::nullopt);
  run.Grant(pair);
  run.Push(pair);
  pair.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
}

TEST(Channel, StoresAnEmptyFile) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  StoreRun run(pair, "", 0);
  run.Grant(pair);
  run.Push(pair);
  pair.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->commits, 1);
  EXPECT_EQ(run.sink->writes, 0);
}

TEST(Channel, FetchesAWholeFileWithItsDigest) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  FetchRun run(pair, SomeBytes(40 * kMiB + 17));
  run.Grant(pair);
  run.Fetch(pair);
  pair.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_TRUE(run.sink->committed_digest.has_value());
  EXPECT_THAT(run.source->finished, testing::ElementsAre(IsOk()));
}

TEST(Channel, FetchesAnEmptyFile) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  FetchRun run(pair, "");
  run.Grant(pair);
  run.Fetch(pair);
  pair.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_OK(run.granted->end());
  EXPECT_EQ(run.sink->commits, 1);
}

TEST(Channel, FetchesRangesInTheOrderAsked) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  FetchRun run(pair, SomeBytes(10 * kMiB));
  run.Grant(pair);
  run.Fetch(pair, {base::ByteRange::Make(5 * kMiB, 100).value(),
                   base::ByteRange::Make(7, 3 * kMiB).value()});
  pair.loop.RunReady();
  EXPECT_OK(run.fetched->end());
  EXPECT_EQ(run.sink->written_bytes, 3 * kMiB + 100);
  EXPECT_FALSE(run.sink->committed_digest.has_value());
  EXPECT_EQ(run.sink->text.substr(7, 3 * kMiB), run.text.substr(7, 3 * kMiB));
}

TEST(Channel, ASlowSinkHoldsTheSenderWithinTheWindow) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  StoreRun run(pair, SomeBytes(64 * kMiB), 64 * kMiB);
  run.sink->hold = true;
  run.Grant(pair);
  run.Push(pair);
  pair.loop.RunReady();
  EXPECT_EQ(run.sink->held_bytes, kWindowBytes);
  EXPECT_FALSE(run.pushed->ended());
  while (!run.sink->held.empty()) {
    run.sink->Release();
    pair.loop.RunReady();
  }
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(run.sink->held_bytes_most, kWindowBytes);
  EXPECT_TRUE(run.sink->text == run.text);
}

TEST(Channel, ACutConnectionIsDialledAgainAndOnlyWhatIsMissingIsSent) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  StoreRun run(pair, SomeBytes(64 * kMiB), 64 * kMiB);
  run.sink->hold = true;
  run.Grant(pair);
  run.Push(pair);
  pair.loop.RunReady();
  for (int i = 0; i < 8; ++i) {
    run.sink->Release();
    pair.loop.RunReady();
  }
  pair.net.CutAll();
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair.loop.Advance(absl::Seconds(5));
  EXPECT_OK(run.pushed->end());
  EXPECT_TRUE(run.sink->text == run.text);
  EXPECT_EQ(run.sink->written_bytes, run.text.size());
}

}  // namespace
}  // namespace bitrepo::channel
