// SPDX-License-Identifier: Apache-2.0
#include "client/stream_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

#include "tests/client/sink_bench.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using testing_support::IsOk;
using testing_support::StatusIs;

using StreamSinks = SinkBench;

TEST_F(StreamSinks, BytesThatCameBeforeAreSkippedAndAGapIsRefused) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(0, 8), std::nullopt);
  EXPECT_FALSE(sink->takes_any_order());
  EXPECT_OK(Write(*sink, 0, "0123"));
  EXPECT_OK(Write(*sink, 2, "2345")) << "another pillar goes on a little earlier";
  EXPECT_OK(Write(*sink, 0, "01"));
  EXPECT_THAT(Write(*sink, 7, "7"), StatusIs(absl::StatusCode::kInternal));
  char got[16];
  EXPECT_EQ(read(ends[0], got, sizeof(got)), 6);
  EXPECT_EQ(std::string(got, 6), "012345");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(StreamSinks, WrongBytesAreToldAtTheEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(0, 4), std::nullopt);
  EXPECT_OK(Write(*sink, 0, "text"));
  EXPECT_EQ(Commit(*sink, 4, Sha256("test")).code(), wire::DATA_LOSS);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(StreamSinks, AFullDiskIsToldAndStaysTold) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto sink = std::make_shared<StreamSink>(full, workers_, Range(0, 8), std::nullopt);
  EXPECT_THAT(Write(*sink, 0, "text"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Write(*sink, 4, "text"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Commit(*sink, 8, std::nullopt).code(), wire::FAILURE);
  close(full);
}

TEST_F(StreamSinks, AStreamWithoutAReaderIsABrokenPipe) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(0, 4), std::nullopt);
  EXPECT_THAT(Write(*sink, 0, "text"), StatusIs(absl::StatusCode::kAborted, "broken pipe"));
  close(ends[1]);
}

TEST_F(StreamSinks, AStreamOfARangeBeginsAtItsOffset) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(100, 4), std::nullopt);
  EXPECT_OK(Write(*sink, 100, "text"));
  EXPECT_EQ(Commit(*sink, 4, std::nullopt).code(), wire::OPERATION_COMPLETED);
  char got[8];
  EXPECT_EQ(read(ends[0], got, sizeof(got)), 4);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace bitrepo::client
