// SPDX-License-Identifier: Apache-2.0
#include "client/get_operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using ::testing::HasSubstr;
using testing_support::IsOk;
using testing_support::StatusIs;

constexpr size_t kLongBytes = 8 << 20;

// The same bytes at three pillars.
class GetFile : public ::testing::Test {
 protected:
  GetFile() { EXPECT_TRUE(repository_.RunToEnd(repository_.Put("file", bytes_))); }

  // The pillar that moves the bytes of a get under way.
  static std::string Server(const ToldGet& get) {
    for (const auto& [pillar, bytes] : get->moved) {
      if (bytes > 0) return pillar;
    }
    return "";
  }
  ToldGet GetHalf() {
    ToldGet get = repository_.Get(WholeFile("file", sinks_));
    EXPECT_TRUE(repository_.RunUntil([&] { return get->moved_bytes() > 0; }));
    EXPECT_LT(get->moved_bytes(), kLongBytes);
    EXPECT_EQ(get->ends, 0);
    return get;
  }
  GetFileResult Whole(GetFileSpec spec) {
    const ToldGet get = repository_.Get(std::move(spec));
    EXPECT_TRUE(repository_.RunToEnd(get));
    return *get->result;
  }

  const std::string bytes_ = Noise(kLongBytes);
  Sinks sinks_;
  MemoryRepository repository_{3};
};

// Client case C-52.
TEST_F(GetFile, DeliversTheBytesProved) {
  const GetFileResult result = Whole(WholeFile("file", sinks_));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == bytes_);
  ASSERT_EQ(sinks_.made.size(), 1u);
  EXPECT_EQ(sinks_.made[0]->commits, 1);
  EXPECT_EQ(sinks_.made[0]->committed_size, kLongBytes);
  EXPECT_EQ(sinks_.made[0]->committed_digest, Sha256Of(bytes_));
  EXPECT_EQ(result.bytes, kLongBytes);
  EXPECT_EQ(result.failovers, 0u);
  EXPECT_FALSE(result.mismatch);
  ASSERT_TRUE(result.from.has_value());
}

// Client case C-60.
TEST_F(GetFile, GoesOnAtTheNextPillarWhereTheFirstDied) {
  const ToldGet get = GetHalf();
  const std::string first = Server(get);
  repository_.KillPillar(first);
  ASSERT_TRUE(repository_.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == bytes_);
  EXPECT_EQ(sinks_.made.size(), 1u) << "what came before stays";
  EXPECT_LT(sinks_.made[0]->written_bytes, 2 * kLongBytes) << "only what was owed came again";
  EXPECT_EQ(get->result->failovers, 1u);
  EXPECT_NE(get->result->from->text(), first);
}

TEST_F(GetFile, SurvivesTheDeathOfAllButOnePillar) {
  const ToldGet get = GetHalf();
  const std::string first = Server(get);
  repository_.KillPillar(first);
  std::string second;
  ASSERT_TRUE(repository_.RunUntil([&] {
    for (const protocol::ConversationEvent& event : get->events) {
      if (event.kind == protocol::EventKind::kProgress && event.component != first) {
        second = event.component;
      }
    }
    return !second.empty();
  }));
  repository_.KillPillar(second);
  ASSERT_TRUE(repository_.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == bytes_);
  EXPECT_EQ(get->result->failovers, 2u);
}

TEST_F(GetFile, NeverJoinsTheBytesOfTwoContents) {
  repository_.KillPillar("p3");
  repository_.StoreAt("p1", "split", std::string(kLongBytes, 'a'));
  repository_.StoreAt("p2", "split", std::string(kLongBytes, 'b'));
  const ToldGet get = repository_.Get(WholeFile("split", sinks_));
  ASSERT_TRUE(repository_.RunUntil([&] { return get->moved_bytes() > 0; }));
  const std::string first = Server(get);
  repository_.KillPillar(first);
  ASSERT_TRUE(repository_.RunToEnd(get));
  const std::string got = sinks_.Text();
  EXPECT_TRUE(got.find('a') == std::string::npos || got.find('b') == std::string::npos);
  EXPECT_TRUE(get->result->outcome.verdict != protocol::Verdict::kSuccess ||
              got.size() == kLongBytes);
}

TEST_F(GetFile, PassesOverADamagedCopyAndTellsOfIt) {
  for (const char* pillar : {"p1", "p2"}) {
    repository_.store(pillar).memory.FlipBit(Photos(), File("file"), kLongBytes / 2);
  }
  const GetFileResult result = Whole(WholeFile("file", sinks_));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == bytes_);
  EXPECT_EQ(result.from->text(), "p3");
}

TEST_F(GetFile, WithEveryCopyDamagedDeliversNothing) {
  for (const char* pillar : {"p1", "p2", "p3"}) {
    repository_.store(pillar).memory.FlipBit(Photos(), File("file"), kLongBytes / 2);
  }
  const GetFileResult result = Whole(WholeFile("file", sinks_));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kFailed);
  EXPECT_EQ(result.outcome.code, wire::DATA_LOSS);
  ASSERT_FALSE(sinks_.made.empty());
  EXPECT_EQ(sinks_.made.back()->commits, 0);
  EXPECT_EQ(sinks_.made.back()->aborted.size(), 1u);
}

// Client case C-51.
TEST_F(GetFile, ARangeHasItsBytesAlone) {
  GetFileSpec spec = WholeFile("file", sinks_);
  spec.offset = 3'000'001;
  spec.length = 2'500'000;
  const GetFileResult result = Whole(std::move(spec));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(result.bytes, 2'500'000u);
  EXPECT_TRUE(sinks_.Text(3'000'001) == bytes_.substr(3'000'001, 2'500'000));
  EXPECT_EQ(sinks_.made[0]->written_bytes, 2'500'000u);
  EXPECT_EQ(sinks_.made[0]->committed_digest, std::nullopt) << "the record is of the whole file";
}

TEST_F(GetFile, ARangeToTheEndAndOneOfNothingAreRanges) {
  GetFileSpec rest = WholeFile("file", sinks_);
  rest.offset = kLongBytes - 7;
  EXPECT_EQ(Whole(std::move(rest)).bytes, 7u);
  GetFileSpec nothing = WholeFile("file", sinks_);
  nothing.offset = kLongBytes;
  const GetFileResult result = Whole(std::move(nothing));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(result.bytes, 0u);
}

TEST_F(GetFile, ARangePastTheEndIsRefusedByAll) {
  GetFileSpec spec = WholeFile("file", sinks_);
  spec.offset = 10;
  spec.length = kLongBytes;
  const GetFileResult result = Whole(std::move(spec));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kFailed);
  EXPECT_EQ(result.outcome.code, wire::RANGE_ERROR);
  EXPECT_TRUE(sinks_.made.empty()) << "no place was made for bytes that there are not";
}

// Client case C-57.
TEST_F(GetFile, AnUnknownIdIsNotFound) {
  const GetFileResult result = Whole(WholeFile("no/such", sinks_));
  EXPECT_EQ(result.outcome.verdict, protocol::Verdict::kFailed);
  EXPECT_EQ(result.outcome.code, wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(result.outcome.contributors.size(), 3u);
  EXPECT_TRUE(sinks_.made.empty());
}

// Client case C-50.
TEST_F(GetFile, FromOnePillarAloneDoesNotFailOver) {
  GetFileSpec spec = WholeFile("file", sinks_);
  spec.prefer = PillarId("p2");
  spec.fail_over = false;
  const ToldGet get = repository_.Get(std::move(spec));
  ASSERT_TRUE(repository_.RunUntil([&] { return get->moved_bytes() > 0; }));
  EXPECT_EQ(Server(get), "p2");
  repository_.KillPillar("p2");
  ASSERT_TRUE(repository_.RunToEnd(get));
  EXPECT_NE(get->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(get->result->outcome.contributors.size(), 1u) << "of others nothing is said";
  EXPECT_EQ(sinks_.made[0]->commits, 0);
  EXPECT_FALSE(sinks_.made[0]->aborted.empty());
}

TEST_F(GetFile, ASinkThatCannotWriteEndsItWithoutAskingAnotherPillar) {
  GetFileSpec spec = WholeFile("file", sinks_);
  spec.sink = [this](const wire::FileInfo&, base::ByteRange) {
    sinks_.made.push_back(std::make_shared<channel::TextSink>());
    sinks_.made.back()->fail_write = absl::ResourceExhaustedError("no space left");
    return absl::StatusOr<std::shared_ptr<channel::Sink>>(sinks_.made.back());
  };
  const GetFileResult result = Whole(std::move(spec));
  EXPECT_THAT(result.sink, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space")));
  EXPECT_NE(result.outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(sinks_.made.size(), 1u);
  EXPECT_EQ(sinks_.made[0]->aborted.size(), 1u);
}

TEST_F(GetFile, APlaceThatCannotBeMadeEndsIt) {
  GetFileSpec spec = WholeFile("file", sinks_);
  spec.sink = [](const wire::FileInfo&,
                 base::ByteRange) -> absl::StatusOr<std::shared_ptr<channel::Sink>> {
    return absl::NotFoundError("no such directory");
  };
  const GetFileResult result = Whole(std::move(spec));
  EXPECT_THAT(result.sink, StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(GetFile, GoesThroughACutConnection) {
  const ToldGet get = GetHalf();
  repository_.net.CutAll();
  ASSERT_TRUE(repository_.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == bytes_);
}

}  // namespace
}  // namespace bitrepo::client
