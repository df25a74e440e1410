// SPDX-License-Identifier: Apache-2.0
// Stores whose token takes the digest alone: COMMIT follows OPEN, and no byte moves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"

namespace bitrepo::channel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::IsOk;
using testing_support::StatusIs;
using transfer::FrameType;

constexpr size_t kMiB = 1024 * 1024;

class DigestOnlyTest : public testing::Test {
 protected:
  StoreRun Store(size_t bytes, std::optional<uint64_t> length) {
    StoreRun run(pair_.mint, pair_.Later(), SomeBytes(bytes), length);
    run.body.set_digest_only(true);
    run.sink->digest_only = true;
    run.token = pair_.mint.Seal(run.body, pair_.Later());
    run.Grant(*pair_.serving);
    return run;
  }
  static std::string CommitOf(const StoreRun& run) {
    return transfer::WriteCommit(
        {run.text.size(), base::Hasher::Of(base::Algorithm::kSha256, run.text)});
  }

  ChannelPair pair_;
};

// [D-37]
TEST_F(DigestOnlyTest, TheSourceVouchesForItsDigestAndNothingIsSent) {
  ASSERT_OK(pair_.Start());
  for (const bool length_known : {true, false}) {
    StoreRun run = Store(5 * kMiB, length_known ? std::optional<uint64_t>(5 * kMiB) : std::nullopt);
    run.Push(*pair_.dialling);
    pair_.loop.RunReady();
    EXPECT_OK(run.pushed->end());
    EXPECT_OK(run.granted->end());
    EXPECT_EQ(pair_.dialling_link.CountSent(FrameType::kData), 0u);
    EXPECT_EQ(run.source->facts_asked, 1);
    EXPECT_EQ(run.source->read_bytes, 0u);
    EXPECT_THAT(run.source->finished, ElementsAre(IsOk()));
    EXPECT_EQ(run.sink->writes, 0);
    EXPECT_EQ(run.sink->commits, 1);
    EXPECT_EQ(run.sink->committed_size, run.text.size());
    EXPECT_EQ(run.sink->committed_digest, base::Hasher::Of(base::Algorithm::kSha256, run.text));
  }
}

// [D-37]
TEST_F(DigestOnlyTest, ASourceThatHasChangedIsNotVouchedFor) {
  ASSERT_OK(pair_.Start());
  StoreRun run = Store(100, 100);
  run.source->changed = absl::AbortedError("the source changed while it was read");
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(run.granted->end(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("SOURCE_CHANGED")));
  EXPECT_EQ(run.sink->commits, 0);
}

// [D-29] [D-37]
TEST_F(DigestOnlyTest, ASourceLargerThanTheTokenTakesIsRefusedBeforeAnythingIsSaid) {
  ASSERT_OK(pair_.Start());
  StoreRun run = Store(100, std::nullopt);
  run.body.set_max_bytes(99);
  run.token = pair_.mint.Seal(run.body, pair_.Later());
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_THAT(run.pushed->end(), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(run.sink->commits, 0);
}

// A peer that says its frames by hand.
class RawDigestOnlyTest : public DigestOnlyTest {
 protected:
  RawDigestOnlyTest() {
    EXPECT_OK(pair_.serving->Start());
    peer_.Dial("memory://pillar");
    pair_.loop.RunReady();
    peer_.SayHello();
    pair_.loop.RunReady();
  }
  MemoryChannelLink link_{pair_.net, pair_.loop, ""};
  RawDialler peer_{link_};
};

// [D-37] OPEN_OK tells that nothing is missing, and grants nothing.
TEST_F(RawDigestOnlyTest, NothingIsMissingAndNothingIsGranted) {
  const StoreRun run = Store(100, 100);
  transfer::OpenAnswer answer;
  pair_.serving_link.trouble = [&answer](LinkFrame& frame) {
    if (transfer::ParseHeader(frame.header.bytes())->type == FrameType::kOpenOk) {
      answer = *transfer::ReadOpenOk(frame.payload.text());
    }
  };
  answer.credit = 1;
  peer_.SayOpen(1, run.token, wire::STORE);
  pair_.loop.RunReady();
  EXPECT_TRUE(answer.missing.empty());
  EXPECT_EQ(answer.credit, 0u);
  peer_.Say(FrameType::kCommit, 1, CommitOf(run));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK COMMIT_OK:OPERATION_COMPLETED");
}

// [D-37]
TEST_F(RawDigestOnlyTest, BytesAreRefusedAndTheSessionGoesOn) {
  const StoreRun run = Store(100, 100);
  const StoreRun next = Store(200, 200);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kData, 1, run.text);
  peer_.Say(FrameType::kCommit, 1, CommitOf(run));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK ABORT:DENIED");
  EXPECT_EQ(run.sink->writes, 0);
  EXPECT_EQ(run.sink->commits, 0);
  EXPECT_EQ(run.sink->aborted.size(), 1u);
  peer_.SayOpen(2, next.token, wire::STORE);
  peer_.Say(FrameType::kCommit, 2, CommitOf(next));
  pair_.loop.RunReady();
  EXPECT_FALSE(peer_.cut());
  EXPECT_EQ(next.sink->commits, 1);
}

// [D-29] [D-37]
TEST_F(RawDigestOnlyTest, ACommitOfAnotherSizeIsRefused) {
  const StoreRun run = Store(100, 101);
  peer_.SayOpen(1, run.token, wire::STORE);
  peer_.Say(FrameType::kCommit, 1, CommitOf(run));
  pair_.loop.RunReady();
  EXPECT_EQ(peer_.Heard(), "WELCOME OPEN_OK ABORT:RANGE_ERROR");
  EXPECT_EQ(run.sink->commits, 0);
}

// [D-32] A stream that broke before its COMMIT may be opened again.
TEST_F(RawDigestOnlyTest, AfterABreakItIsOpenedAgain) {
  const StoreRun run = Store(100, 100);
  peer_.SayOpen(1, run.token, wire::STORE);
  pair_.loop.RunReady();
  peer_.SayRaw("no header", "");
  pair_.loop.RunReady();
  EXPECT_TRUE(peer_.cut());
  EXPECT_FALSE(run.granted->ended());
  ASSERT_OK(pair_.dialling->Start());
  StoreRun again = run;
  again.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_OK(again.pushed->end());
  EXPECT_EQ(run.sink->commits, 1);
}

}  // namespace
}  // namespace bitrepo::channel
