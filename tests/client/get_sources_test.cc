// SPDX-License-Identifier: Apache-2.0
// A get of a large file from several pillars at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/get_operation.h"
#include "tests/client/memory_repository.h"

namespace bitrepo::client {
namespace {

using protocol::EventKind;
using protocol::Verdict;
using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kLargeBytes = 100 * kMiB;

class GetFromSeveral : public ::testing::Test {
 protected:
  GetFromSeveral() { EXPECT_TRUE(repository_.RunToEnd(repository_.Put("file", bytes_))); }

  GetFileSpec Spec(absl::string_view file_id = "file") {
    GetFileSpec spec = WholeFile(file_id, sinks_);
    spec.sources = 3;
    spec.sink = [this](const wire::FileInfo&, base::ByteRange) {
      sinks_.made.push_back(std::make_shared<channel::TextSink>());
      sinks_.made.back()->any_order = any_order_;
      sinks_.made.back()->hold = hold_;
      sinks_.made.back()->wrong_bytes = wire::DATA_LOSS;
      return absl::StatusOr<std::shared_ptr<channel::Sink>>(sinks_.made.back());
    };
    return spec;
  }
  // Begun, and bytes have come from this many.
  ToldGet GetFrom(size_t pillars) {
    ToldGet get = repository_.Get(Spec());
    EXPECT_TRUE(repository_.RunUntil([&] { return get->moved.size() >= pillars; }));
    EXPECT_EQ(get->ends, 0);
    return get;
  }
  GetFileResult End(const ToldGet& get) {
    EXPECT_TRUE(repository_.RunToEnd(get));
    return get->result.value_or(GetFileResult());
  }
  static size_t Requests(const ToldGet& get, const std::string& pillar = "") {
    return static_cast<size_t>(
        std::count_if(get->events.begin(), get->events.end(), [&](const auto& event) {
          return event.kind == EventKind::kRequestSent &&
                 (pillar.empty() || event.component == pillar);
        }));
  }
  static uint64_t From(const GetFileResult& result, const std::string& pillar) {
    const auto found = result.delivered.find(PillarId(pillar));
    return found == result.delivered.end() ? 0 : found->second;
  }
  std::vector<wire::AlarmItem> Alarms(absl::string_view code) {
    MemoryRepository::Pages<wire::GetAlarmsFinal> pages;
    GetAlarmsSpec spec;
    spec.query.set_code(std::string(code));
    EXPECT_TRUE(repository_.RunToEnd(repository_.GetAlarms(std::move(spec), pages)));
    std::vector<wire::AlarmItem> alarms;
    for (const auto& [coordinator, page] : pages) {
      alarms.insert(alarms.end(), page.items().begin(), page.items().end());
    }
    return alarms;
  }
  void ExpectWhole(const GetFileResult& result) {
    EXPECT_EQ(result.outcome.verdict, Verdict::kSuccess);
    EXPECT_TRUE(sinks_.Text() == bytes_);
    EXPECT_EQ(sinks_.made.back()->commits, 1);
    EXPECT_EQ(sinks_.made.back()->committed_digest, Sha256Of(bytes_));
  }

  const std::string bytes_ = Noise(kLargeBytes);
  bool any_order_ = true;
  bool hold_ = false;  // no write is answered
  Sinks sinks_;
  MemoryRepository repository_{3};
};

// [C-40], [C-42], [D-70]
TEST_F(GetFromSeveral, EachBringsAPartAndTogetherTheyBringEachByteOnce) {
  const ToldGet get = repository_.Get(Spec());
  const GetFileResult result = End(get);
  ExpectWhole(result);
  uint64_t all = 0;
  for (const char* pillar : {"p1", "p2", "p3"}) {
    EXPECT_GE(From(result, pillar), kPieceBytesMin) << pillar;  // the last piece is shorter
    all += From(result, pillar);
  }
  EXPECT_EQ(all, kLargeBytes);
  EXPECT_EQ(sinks_.made[0]->written_bytes, kLargeBytes);
  EXPECT_EQ(Requests(get), kLargeBytes / kPieceBytesMin + 1);
  EXPECT_EQ(result.failovers, 0u);
  EXPECT_FALSE(result.mismatch);
  for (const char* pillar : {"p1", "p2", "p3"}) {
    EXPECT_EQ(result.outcome.contributors.at(PillarId(pillar)).state,
              protocol::ContributorResult::State::kDone);
  }
}

// What a kill of this process can cost.
TEST_F(GetFromSeveral, TogetherTheyHaveNoMoreThanOneWindowUnderWay) {
  hold_ = true;
  const ToldGet get = repository_.Get(Spec());
  repository_.Run(absl::Seconds(4));
  ASSERT_EQ(sinks_.made.size(), 1u);
  channel::TextSink& sink = *sinks_.made[0];
  EXPECT_GT(sink.held_bytes_most, 2 * channel::kWindowBytes / 3) << "all three have sent";
  EXPECT_LE(sink.held_bytes_most, channel::kWindowBytes);
  sink.hold = false;
  sink.ReleaseAll();
  ExpectWhole(End(get));
}

TEST_F(GetFromSeveral, TheOnlyOneThatHasItHasTheWholeWindow) {
  repository_.StoreAt("p2", "of one", bytes_);
  hold_ = true;
  const ToldGet get = repository_.Get(Spec("of one"));
  repository_.Run(absl::Seconds(4));
  ASSERT_EQ(sinks_.made.size(), 1u);
  channel::TextSink& sink = *sinks_.made[0];
  EXPECT_GT(sink.held_bytes_most, 2 * channel::kWindowBytes / 3);
  EXPECT_LE(sink.held_bytes_most, channel::kWindowBytes);
  sink.hold = false;
  sink.ReleaseAll();
  ExpectWhole(End(get));
}

// B11: identification goes to several pillars, the get primitive to one.
TEST_F(GetFromSeveral, ASmallFileComesFromOnePillarInOneRequest) {
  const std::string small = Noise(kSeveralSourcesFromBytes - 1, 9);
  ASSERT_TRUE(repository_.RunToEnd(repository_.Put("small", small)));
  const ToldGet get = repository_.Get(Spec("small"));
  const GetFileResult result = End(get);
  EXPECT_EQ(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(sinks_.Text() == small);
  EXPECT_EQ(Requests(get), 1u);
  EXPECT_EQ(result.delivered.size(), 1u);
}

TEST_F(GetFromSeveral, FromTheFirstLargeSizeOnSeveralDeliver) {
  const std::string large = Noise(kSeveralSourcesFromBytes, 9);
  ASSERT_TRUE(repository_.RunToEnd(repository_.Put("large", large)));
  const GetFileResult result = End(repository_.Get(Spec("large")));
  EXPECT_TRUE(sinks_.Text() == large);
  EXPECT_EQ(result.delivered.size(), 2u);
}

TEST_F(GetFromSeveral, ASinkThatNeedsOrderIsServedByOne) {
  any_order_ = false;
  const ToldGet get = repository_.Get(Spec());
  const GetFileResult result = End(get);
  ExpectWhole(result);
  EXPECT_EQ(Requests(get), 1u);
}

TEST_F(GetFromSeveral, ALargeRangeComesFromSeveralToo) {
  GetFileSpec spec = Spec();
  spec.offset = 1234567;
  spec.length = 80 * kMiB;
  const GetFileResult result = End(repository_.Get(std::move(spec)));
  EXPECT_EQ(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_GE(result.delivered.size(), 2u);
  EXPECT_TRUE(sinks_.Text(1234567) == bytes_.substr(1234567, 80 * kMiB));
}

TEST_F(GetFromSeveral, TheRangesOfOneThatDiesMoveToTheOthers) {
  const ToldGet get = GetFrom(3);
  repository_.KillPillar("p2");
  const GetFileResult result = End(get);
  ExpectWhole(result);
  EXPECT_LT(From(result, "p2"), kPieceBytesMin);
  EXPECT_EQ(From(result, "p1") + From(result, "p2") + From(result, "p3"), kLargeBytes)
      << "what the dead one had brought did not come again";
}

TEST_F(GetFromSeveral, TheLastOneLivingBringsTheRest) {
  const ToldGet get = GetFrom(3);
  repository_.KillPillar("p1");
  repository_.KillPillar("p3");
  const GetFileResult result = End(get);
  ExpectWhole(result);
  EXPECT_GT(From(result, "p2"), kLargeBytes / 2);
}

TEST_F(GetFromSeveral, WhenAllDieItEndsWithoutTheFile) {
  const ToldGet get = GetFrom(3);
  for (const char* pillar : {"p1", "p2", "p3"}) repository_.KillPillar(pillar);
  const GetFileResult result = End(get);
  EXPECT_NE(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(sinks_.made[0]->commits, 0);
  EXPECT_EQ(sinks_.made[0]->aborted.size(), 1u);
}

TEST_F(GetFromSeveral, ASlowOneBringsLessAndHoldsNobody) {
  const absl::Time begun = repository_.loop.Now();
  ExpectWhole(End(repository_.Get(Spec())));
  const absl::Duration evenly = repository_.loop.Now() - begun;
  repository_.SlowDown("p3", 200);
  const absl::Time begun_again = repository_.loop.Now();
  const GetFileResult result = End(repository_.Get(Spec()));
  ExpectWhole(result);
  EXPECT_LT(From(result, "p3"), kPieceBytesMin);
  EXPECT_LT(repository_.loop.Now() - begun_again, evenly * 3 + 3 * kStalledAfter);
}

TEST_F(GetFromSeveral, OneThatFallsSilentGivesItsRangesAway) {
  const ToldGet get = GetFrom(3);
  repository_.SlowDown("p3", 1'000'000);
  const GetFileResult result = End(get);
  ExpectWhole(result);
  EXPECT_LT(From(result, "p3"), kPieceBytesMin);
}

// X4
TEST_F(GetFromSeveral, AnHonestPillarWithADamagedCopyIsReplacedInTheMiddleAndSoundsItsAlarm) {
  for (uint64_t at = 4 * kMiB; at < kLargeBytes; at += 8 * kMiB) {
    repository_.store("p2").memory.FlipBit(Photos(), File("file"), at);
  }
  const GetFileResult result = End(repository_.Get(Spec()));
  ExpectWhole(result);
  EXPECT_FALSE(result.mismatch) << "not one wrong byte came";
  EXPECT_EQ(result.outcome.contributors.at(PillarId("p2")).code, wire::DATA_LOSS);
  const std::vector<wire::AlarmItem> alarms = Alarms("data-loss");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].from(), "p2");
  EXPECT_EQ(alarms[0].alarm().file_id(), "file");
}

// X4: what a pillar sends has its own check right, and is not what is recorded.
TEST_F(GetFromSeveral, AfterWrongBytesEachIsAskedAloneAndWhoLiedIsNamed) {
  repository_.store("p1").lies = true;
  const GetFileResult result = End(repository_.Get(Spec()));
  ExpectWhole(result);
  EXPECT_TRUE(result.mismatch);
  ASSERT_EQ(sinks_.made.size(), 3u) << "from all three, from p1 alone, from p2 alone";
  EXPECT_EQ(result.from, PillarId("p2"));
  EXPECT_EQ(result.outcome.contributors.at(PillarId("p1")).code, wire::DATA_LOSS);
  const std::vector<wire::AlarmItem> alarms = Alarms(kBadSource);
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms[0].from(), "alice");
  EXPECT_EQ(alarms[0].alarm().file_id(), "file");
  EXPECT_EQ(
      alarms[0].alarm().text(),
      "p1 delivered bytes that do not have the digest on record; p2 delivered the right ones");
}

TEST_F(GetFromSeveral, WhereTheRightOneIsAskedFirstAllThatDeliveredAreNamedTogether) {
  repository_.store("p3").lies = true;
  const GetFileResult result = End(repository_.Get(Spec()));
  ExpectWhole(result);
  EXPECT_EQ(sinks_.made.size(), 2u);
  EXPECT_THAT(result.suspects, ElementsAre(PillarId("p1"), PillarId("p2"), PillarId("p3")));
  const std::vector<wire::AlarmItem> alarms = Alarms(kBadSource);
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_THAT(alarms[0].alarm().text(), StartsWith("p1, p2, p3 together delivered bytes"));
}

TEST_F(GetFromSeveral, WhenAllLieNothingIsDelivered) {
  for (const char* pillar : {"p1", "p2", "p3"}) repository_.store(pillar).lies = true;
  const GetFileResult result = End(repository_.Get(Spec()));
  EXPECT_EQ(result.outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(result.outcome.code, wire::DATA_LOSS);
  for (const auto& sink : sinks_.made) EXPECT_EQ(sink->aborted.size(), 1u);
}

TEST_F(GetFromSeveral, CutConnectionsAreDialledAgain) {
  const ToldGet get = GetFrom(3);
  repository_.net.CutAll();
  const GetFileResult result = End(get);
  ExpectWhole(result);
}

TEST_F(GetFromSeveral, ASinkThatCannotWriteEndsItAtAllOfThem) {
  const ToldGet get = GetFrom(2);
  sinks_.made[0]->fail_write = absl::ResourceExhaustedError("no space left");
  const GetFileResult result = End(get);
  EXPECT_EQ(result.sink.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(sinks_.made.size(), 1u);
  EXPECT_EQ(sinks_.made[0]->aborted.size(), 1u);
}

TEST_F(GetFromSeveral, CancelledItEndsSoonAndIsNoSuccess) {
  const ToldGet get = GetFrom(3);
  get->operation.Cancel("stopped");
  const GetFileResult result = End(get);
  EXPECT_EQ(result.outcome.verdict, Verdict::kCancelled);
  EXPECT_EQ(sinks_.made[0]->commits, 0);
}

TEST_F(GetFromSeveral, WhatTheSinkHoldsAlreadyDoesNotComeAgain) {
  GetFileSpec spec = Spec();
  spec.sink = [this](const wire::FileInfo&, base::ByteRange) {
    auto sink = std::make_shared<channel::TextSink>();
    sink->any_order = true;
    sink->Hold(bytes_, base::ByteRange::Whole(30 * kMiB));
    sinks_.made.push_back(sink);
    return absl::StatusOr<std::shared_ptr<channel::Sink>>(sink);
  };
  const GetFileResult result = End(repository_.Get(std::move(spec)));
  ExpectWhole(result);
  EXPECT_EQ(sinks_.made[0]->written_bytes, kLargeBytes - 30 * kMiB);
}

TEST_F(GetFromSeveral, WhenAllIsHereAlreadyNothingComesAndItIsProved) {
  GetFileSpec spec = Spec();
  bool lies = false;
  spec.sink = [&](const wire::FileInfo&, base::ByteRange) {
    auto sink = std::make_shared<channel::TextSink>();
    sink->any_order = true;
    sink->wrong_bytes = wire::DATA_LOSS;
    if (sinks_.made.empty()) {
      sink->Hold(lies ? Noise(kLargeBytes, 2) : bytes_, base::ByteRange::Whole(kLargeBytes));
    }
    sinks_.made.push_back(sink);
    return absl::StatusOr<std::shared_ptr<channel::Sink>>(sink);
  };
  const GetFileSpec again = spec;
  ExpectWhole(End(repository_.Get(std::move(spec))));
  EXPECT_EQ(sinks_.made[0]->writes, 0);
  // Wrong bytes that nobody brought: they come anew, and no pillar is blamed.
  sinks_.made.clear();
  lies = true;
  const GetFileResult result = End(repository_.Get(again));
  ExpectWhole(result);
  EXPECT_EQ(sinks_.made.size(), 2u);
  EXPECT_TRUE(result.suspects.empty());
}

}  // namespace
}  // namespace bitrepo::client
