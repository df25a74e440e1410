// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/control_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <iterator>
#include <limits>

#include "base/random.h"
#include "channel/transfer/frame.h"
#include "channel/transfer/token.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing_support::StatusIs;

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}

std::string Hello(const std::string& node, uint32_t version, uint32_t segment_bytes) {
  wire::SessionHello hello;
  hello.set_node(node);
  hello.set_version(version);
  hello.set_segment_bytes_max(segment_bytes);
  return hello.SerializeAsString();
}

// [D-12]
TEST(ControlPayload, AGreetingNamesItsNodeAndSpeaksTheVersion) {
  EXPECT_OK(ReadHello(Hello("client-1", 1, kSegmentBytesMin)));
  EXPECT_THAT(ReadHello(Hello("client-1", 2, kSegmentBytesMax)),
              StatusIs(absl::StatusCode::kUnimplemented));
  for (const char* node : {"", "Client", "a b", "../x", "\x1b[0m"}) {
    EXPECT_THAT(ReadHello(Hello(node, 1, kSegmentBytesMax)),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << node;
  }
  EXPECT_OK(ReadHello(Hello(std::string(64, 'a'), 1, kSegmentBytesMax)));
  EXPECT_FALSE(ReadHello(Hello(std::string(65, 'a'), 1, kSegmentBytesMax)).ok());
  EXPECT_FALSE(ReadHello(Hello("client-1", 1, kSegmentBytesMin - 1)).ok());
}

TEST(ControlPayload, AnOpenComesBackWithItsRangesInOrder) {
  OpenRequest open;
  open.token = "brt1_x";
  open.verb = wire::FETCH;
  open.ranges = {Range(5, 7), Range(0, 1)};
  ASSERT_OK_AND_ASSIGN(const OpenRequest back, ReadOpen(WriteOpen(open)));
  EXPECT_EQ(back.token, open.token);
  EXPECT_EQ(back.verb, wire::FETCH);
  EXPECT_EQ(back.ranges, open.ranges);
}

TEST(ControlPayload, AnOpenKeepsAVerbThatIsNotKnown) {
  OpenRequest open;
  open.token = "brt1_x";
  open.verb = 0x7f;
  ASSERT_OK_AND_ASSIGN(const OpenRequest back, ReadOpen(WriteOpen(open)));
  EXPECT_EQ(back.verb, 0x7f);
}

// [D-13]
TEST(ControlPayload, AnOpenHasLimitsAndOneMoreIsRefused) {
  OpenRequest open;
  EXPECT_FALSE(ReadOpen(WriteOpen(open)).ok()) << "no token";
  open.token = std::string(kTokenTextBytesMax, 'x');
  open.ranges.assign(kRangesMax, Range(1ULL << 62, 1ULL << 61));
  EXPECT_LE(WriteOpen(open).size(), kOpenBytesMax);
  EXPECT_OK(ReadOpen(WriteOpen(open)));
  open.ranges.push_back(Range(0, 1));
  EXPECT_FALSE(ReadOpen(WriteOpen(open)).ok());
  open.ranges.clear();
  open.token.push_back('x');
  EXPECT_FALSE(ReadOpen(WriteOpen(open)).ok());
}

// [D-13]
TEST(ControlPayload, ARangeThatOverflowsOrIsEmptyIsRefused) {
  const auto read = [](uint64_t offset, uint64_t length) {
    wire::Open open;
    open.set_token("brt1_x");
    open.add_ranges()->set_offset(offset);
    open.mutable_ranges(0)->set_length(length);
    return ReadOpen(open.SerializeAsString());
  };
  EXPECT_OK(read(kMost - 1, 1));
  EXPECT_FALSE(read(kMost, 2).ok());
  EXPECT_FALSE(read(1, kMost).ok());
  EXPECT_FALSE(read(7, 0).ok());
}

// [D-13]
TEST(ControlPayload, AnOpenOfWhichAllIsThereHasNoRanges) {
  OpenRequest open;
  open.token = "brt1_x";
  open.verb = wire::FETCH;
  open.holds_all = true;
  ASSERT_OK_AND_ASSIGN(const OpenRequest back, ReadOpen(WriteOpen(open)));
  EXPECT_TRUE(back.holds_all);
  open.ranges = {Range(0, 1)};
  EXPECT_FALSE(ReadOpen(WriteOpen(open)).ok());
}

absl::StatusOr<OpenAnswer> Told(const wire::TransferReport& report) {
  wire::OpenOk message;
  *message.mutable_report() = report;
  return ReadOpenOk(message.SerializeAsString());
}

// [D-42]
TEST(ControlPayload, AReportComesBackAsItWasTold) {
  OpenAnswer answer;
  wire::TransferReport& report = answer.report.emplace();
  report.set_state(wire::TRANSFER_ENDED);
  report.set_bytes_done(5);
  report.set_bytes_total(7);
  report.mutable_response()->set_code(wire::EXPIRED);
  report.mutable_response()->set_text("too late\x1b[2J");
  ASSERT_OK_AND_ASSIGN(const OpenAnswer back, ReadOpenOk(WriteOpenOk(answer)));
  ASSERT_TRUE(back.report.has_value());
  EXPECT_EQ(back.report->response().code(), wire::EXPIRED);
  EXPECT_EQ(back.report->response().text().find('\x1b'), std::string::npos);
  EXPECT_EQ(back.report->bytes_done(), 5u);
}

TEST(ControlPayload, AReportThatContradictsItselfIsRefused) {
  wire::TransferReport good;
  good.set_state(wire::TRANSFER_MOVING);
  good.set_bytes_done(7);
  good.set_bytes_total(7);
  for (size_t i = 0; i < kRangesMax; ++i) {
    good.add_missing()->set_length(1);
  }
  EXPECT_OK(Told(good));
  const std::function<void(wire::TransferReport&)> spoils[] = {
      [](wire::TransferReport& report) { report.set_state(wire::TRANSFER_STATE_UNSPECIFIED); },
      [](wire::TransferReport& report) { report.set_state(static_cast<wire::TransferState>(99)); },
      [](wire::TransferReport& report) { report.set_state(wire::TRANSFER_ENDED); },
      [](wire::TransferReport& report) { report.mutable_response()->set_code(wire::GONE); },
      [](wire::TransferReport& report) { report.set_bytes_done(8); },
      [](wire::TransferReport& report) { report.set_expires_in_us(-1); },
      [](wire::TransferReport& report) { report.add_missing()->set_length(1); },
      [](wire::TransferReport& report) { report.mutable_missing(0)->set_length(0); },
      [](wire::TransferReport& report) { report.mutable_missing(0)->set_offset(~uint64_t{0}); },
  };
  for (size_t i = 0; i < std::size(spoils); ++i) {
    wire::TransferReport spoilt = good;
    spoils[i](spoilt);
    EXPECT_FALSE(Told(spoilt).ok()) << i;
  }
  good.set_bytes_total(0);
  EXPECT_OK(Told(good)) << "how many there are in all may not be known";
}

TEST(ControlPayload, ACommitCarriesSizeAndSha256) {
  const base::Digest sha256 = base::Hasher::Of(base::Algorithm::kSha256, "abc");
  ASSERT_OK_AND_ASSIGN(const CommitRequest back, ReadCommit(WriteCommit({3, sha256})));
  EXPECT_EQ(back.size_bytes, 3u);
  EXPECT_EQ(back.sha256, sha256);
  wire::Commit other;
  other.mutable_digest()->set_algorithm(wire::MD5);
  other.mutable_digest()->set_value(std::string(16, 'x'));
  EXPECT_FALSE(ReadCommit(other.SerializeAsString()).ok());
  other.mutable_digest()->set_algorithm(wire::SHA256);
  EXPECT_FALSE(ReadCommit(other.SerializeAsString()).ok()) << "too short a digest";
}

// [D-14]
TEST(ControlPayload, TheTextOfAnEndingIsMadePrintableAndCut) {
  wire::StreamEnd end;
  end.mutable_response()->set_code(wire::DENIED);
  end.mutable_response()->set_text("a\x1b[31m\n" + std::string(3000, 'x'));
  ASSERT_OK_AND_ASSIGN(const wire::ResponseInfo back, ReadStreamEnd(end.SerializeAsString()));
  EXPECT_EQ(back.text().find('\x1b'), std::string::npos);
  EXPECT_EQ(back.text().find('\n'), std::string::npos);
  EXPECT_LE(back.text().size(), kReasonBytesMax + 8);
  EXPECT_FALSE(ReadStreamEnd(wire::StreamEnd().SerializeAsString()).ok()) << "no code";
}

TEST(ControlPayload, EveryStatusIsToldAsACodeAndCodesComeBackAsStatuses) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    const wire::ResponseInfo told = ResponseOf(status);
    EXPECT_NE(told.code(), wire::OPERATION_COMPLETED) << status;
    EXPECT_FALSE(StatusOf(told).ok());
  }
  EXPECT_EQ(ResponseOf(absl::OkStatus()).code(), wire::OPERATION_COMPLETED);
  for (int code = wire::ResponseCode_MIN; code <= wire::ResponseCode_MAX; ++code) {
    wire::ResponseInfo response;
    response.set_code(static_cast<wire::ResponseCode>(code));
    EXPECT_EQ(StatusOf(response).ok(), code == wire::OPERATION_COMPLETED) << code;
  }
  EXPECT_THAT(StatusOf(ResponseOf(absl::DataLossError("block 3"))),
              StatusIs(absl::StatusCode::kDataLoss, "DATA_LOSS: block 3"));
}

TEST(ControlPayload, GarbageIsNeverMoreThanRefused) {
  base::SeededRandom random(3);
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = random.Bytes(random.Below(100));
    if (absl::StatusOr<OpenRequest> open = ReadOpen(bytes); open.ok()) {
      EXPECT_LE(open->ranges.size(), kRangesMax);
    }
    (void)ReadHello(bytes);
    (void)ReadWelcome(bytes);
    (void)ReadOpenOk(bytes);
    (void)ReadCommit(bytes);
    (void)ReadStreamEnd(bytes);
  }
}

}  // namespace
}  // namespace bitrepo::transfer
