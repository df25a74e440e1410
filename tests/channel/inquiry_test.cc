// SPDX-License-Identifier: Apache-2.0
// What the holder of a token is told of its transmission, while it moves and when it has ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/ended_grants.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using testing::HasSubstr;
using testing_support::StatusIs;

constexpr size_t kMiB = 1024 * 1024;

class InquiryTest : public testing::Test {
 protected:
  InquiryTest() { EXPECT_OK(pair_.Start()); }
  // What is told now of `token`.
  absl::StatusOr<wire::TransferReport> Ask(const std::string& token) {
    std::optional<absl::StatusOr<wire::TransferReport>> told;
    pair_.dialling->Inquire(token, [&told](absl::StatusOr<wire::TransferReport> report) {
      EXPECT_FALSE(told.has_value()) << "told twice";
      told = std::move(report);
    });
    pair_.loop.RunReady();
    return told.value_or(absl::InternalError("nothing was told"));
  }
  wire::TransferReport Report(const std::string& token) {
    absl::StatusOr<wire::TransferReport> report = Ask(token);
    EXPECT_OK(report);
    return report.value_or(wire::TransferReport());
  }
  StoreRun Store(size_t bytes, absl::Duration life = absl::Hours(1)) {
    StoreRun run(pair_.mint, pair_.loop.Now() + life, SomeBytes(bytes), bytes);
    run.Grant(*pair_.serving);
    return run;
  }

  ChannelPair pair_;
};

// [D-41] [D-42]
TEST_F(InquiryTest, TellsOfAStoreFromItsGrantToItsEnd) {
  StoreRun run = Store(40 * kMiB);
  wire::TransferReport report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_WAITING);
  EXPECT_EQ(report.bytes_done(), 0u);
  EXPECT_EQ(report.bytes_total(), 40 * kMiB);
  ASSERT_EQ(report.missing_size(), 1);
  EXPECT_EQ(report.missing(0).length(), 40 * kMiB);
  EXPECT_EQ(absl::Microseconds(report.expires_in_us()), absl::Hours(1));

  run.sink->hold = true;
  run.sink->hold_commit = true;
  run.Push(*pair_.dialling);
  pair_.loop.Advance(absl::Seconds(2));
  run.sink->ReleaseAll();
  pair_.loop.Advance(absl::Seconds(2));
  report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_MOVING);
  EXPECT_EQ(report.bytes_done(), 16 * kMiB);
  EXPECT_EQ(report.missing(0).offset(), 32 * kMiB) << "what has come need not come again";
  EXPECT_EQ(report.bytes_per_second(), 4 * kMiB);

  pair_.net.CutAll();
  run.sink->hold = false;
  run.sink->ReleaseAll();
  pair_.dialling->Abandon(run.id);
  pair_.loop.Advance(absl::Seconds(1));
  EXPECT_EQ(Report(run.token).state(), wire::TRANSFER_BROKEN);
  EXPECT_EQ(Report(run.token).bytes_done(), 32 * kMiB);

  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_COMMITTING);
  EXPECT_EQ(report.missing_size(), 0);

  run.sink->held_commit();
  pair_.loop.RunReady();
  report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_ENDED);
  EXPECT_EQ(report.response().code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(report.bytes_done(), 40 * kMiB);
  EXPECT_EQ(report.expires_in_us(), 0);
}

// [D-41]
TEST_F(InquiryTest, TellsOfAFetch) {
  FetchRun run(pair_.mint, pair_.Later(), SomeBytes(40 * kMiB));
  run.Grant(*pair_.serving);
  EXPECT_EQ(Report(run.token).state(), wire::TRANSFER_WAITING);
  run.sink->hold = true;
  run.Fetch(*pair_.dialling);
  pair_.loop.RunReady();
  run.sink->ReleaseAll();
  pair_.loop.RunReady();
  wire::TransferReport report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_MOVING);
  EXPECT_EQ(report.bytes_done(), 16 * kMiB);
  EXPECT_EQ(report.bytes_total(), 40 * kMiB);
  EXPECT_EQ(report.missing_size(), 0);
  pair_.dialling->Cancel(run.id, absl::DataLossError("it is not what was asked for"));
  pair_.loop.RunReady();
  report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_ENDED);
  EXPECT_EQ(report.response().code(), wire::DATA_LOSS);
  EXPECT_THAT(report.response().text(), HasSubstr("not what was asked for"));
}

// The very code that the pillar gave is told, not one that is near to it.
TEST_F(InquiryTest, TellsWhyAStoreWasNotKept) {
  StoreRun run = Store(100);
  run.source->claims = "something else";
  run.Push(*pair_.dialling);
  pair_.loop.RunReady();
  EXPECT_EQ(Report(run.token).response().code(), wire::NEW_FILE_CHECKSUM_FAILURE);
}

// [D-41]
TEST_F(InquiryTest, SpendsNothingAndDisturbsNoStream) {
  StoreRun run = Store(40 * kMiB);
  run.sink->hold = true;
  run.Push(*pair_.dialling);
  for (int i = 0; i < 300; ++i) {  // more than there may be streams
    pair_.loop.RunReady();
    EXPECT_OK(Ask(run.token));
    run.sink->ReleaseAll();
  }
  pair_.loop.RunReady();
  EXPECT_OK(run.pushed->end());
  EXPECT_EQ(pair_.dialling_link.dials, 1);
}

// [D-41]
TEST_F(InquiryTest, AnAlteredTokenIsToldNothing) {
  StoreRun run = Store(100);
  for (const size_t from_end :
       {size_t{2}, size_t{20}, size_t{40}}) {  // of the mac: what lies before it the holder reads
    const size_t at = run.token.size() - from_end;
    std::string altered = run.token;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    EXPECT_THAT(Ask(altered), StatusIs(absl::StatusCode::kInvalidArgument)) << at;
  }
}

// [D-42]
TEST_F(InquiryTest, AnExpiredTokenIsAnsweredWhileItIsRemembered) {
  StoreRun run = Store(100, absl::Minutes(1));
  pair_.loop.Advance(absl::Minutes(2));
  const wire::TransferReport report = Report(run.token);
  EXPECT_EQ(report.state(), wire::TRANSFER_ENDED);
  EXPECT_EQ(report.response().code(), wire::EXPIRED);
  EXPECT_EQ(report.expires_in_us(), 0);
}

// [D-42]
TEST_F(InquiryTest, TheLastThatEndedAreRememberedAndNoMore) {
  StoreRun first = Store(1);
  pair_.serving->Revoke(base::TokenId::FromBytes(first.body.token_id()).value(),
                        absl::CancelledError("not wanted"));
  std::string expired;
  for (size_t i = 1; i < EndedGrants::kEndedMax; ++i) {
    StoreRun run = Store(1, absl::Seconds(1));
    expired = expired.empty() ? run.token : expired;
    pair_.serving->Revoke(base::TokenId::FromBytes(run.body.token_id()).value(),
                          absl::CancelledError("not wanted"));
  }
  EXPECT_EQ(Report(first.token).response().code(), wire::CANCELLED);
  pair_.loop.Advance(absl::Seconds(2));
  for (int i = 0; i < 2; ++i) {
    StoreRun run = Store(1);
    pair_.serving->Revoke(base::TokenId::FromBytes(run.body.token_id()).value(),
                          absl::CancelledError("not wanted"));
    pair_.loop.RunReady();
  }
  EXPECT_THAT(Ask(first.token), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Ask(expired), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(InquiryTest, IsUnavailableWhereNobodyAnswers) {
  StoreRun run = Store(100);
  pair_.KillServing();
  EXPECT_THAT(Ask(run.token), StatusIs(absl::StatusCode::kUnavailable));
}

// [D-31]
TEST_F(InquiryTest, NamesNoRanges) {
  StoreRun run = Store(100);
  MemoryChannelLink link(pair_.net, pair_.loop, "");
  RawDialler peer(link);
  peer.Dial("memory://pillar");
  pair_.loop.RunReady();
  peer.SayHello();
  peer.SayOpen(1, run.token, wire::INQUIRE, {base::ByteRange::Whole(5)});
  peer.SayOpen(2, run.token, wire::INQUIRE);
  pair_.loop.RunReady();
  EXPECT_EQ(peer.Heard(), "WELCOME OPEN_REFUSED:RANGE_ERROR OPEN_OK");
}

}  // namespace
}  // namespace bitrepo::channel
