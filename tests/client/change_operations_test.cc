// SPDX-License-Identifier: Apache-2.0
// Replace, delete, undelete and the rates. Numbers like C-31 are those of the bitrepository.org
// client cases, restated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "channel/transfer/rate_limiter.h"
#include "client/wire_words.h"
#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using protocol::Verdict;
using ::testing::ElementsAre;
using ::testing::Key;
using testing_support::StatusIs;

template <typename Told>
wire::ResponseCode CodeOf(const Told& told, const std::string& pillar) {
  return told->result->outcome.contributors.at(PillarId(pillar)).code;
}
// That `pillar` holds these bytes, as it would prove.
wire::CopyProof Proof(MemoryRepository& repository, const std::string& pillar,
                      const std::string& bytes) {
  wire::CopyProof proof;
  proof.set_pillar_id(pillar);
  *proof.mutable_digest() = ToWire(Sha256Of(bytes));
  proof.set_calculated_at_us(absl::ToUnixMicros(repository.loop.clock().WallNow()));
  return proof;
}

DeleteFileSpec DeleteAt(MemoryRepository& repository, const std::string& pillar,
                        const std::string& file_id, const std::string& bytes,
                        const std::string& copy_at) {
  return {.collection = Photos(),
          .file_id = File(file_id),
          .digest = Sha256Of(bytes),
          .pillars = {PillarId(pillar)},
          .copies = {Proof(repository, copy_at, bytes)},
          .reason = "a test"};
}

// ---- replace

// C-40.
TEST(ReplaceFile, EveryPillarHasTheNewBytesAndTellsWhatWent) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old bytes")));
  const std::string bytes = Noise(3'000'000);
  const ToldPut replace = repository.Replace("a", "old bytes", bytes);
  ASSERT_TRUE(repository.RunToEnd(replace));
  EXPECT_EQ(replace->result->outcome.verdict, Verdict::kSuccess);
  ASSERT_THAT(replace->result->replaced, ElementsAre(Key(PillarId("p1")), Key(PillarId("p2"))));
  for (const char* pillar : {"p1", "p2"}) {
    EXPECT_TRUE(repository.HasBytes(pillar, "a", bytes)) << pillar;
    EXPECT_EQ(replace->result->replaced.at(PillarId(pillar)).digest().value(),
              Sha256Of("old bytes").bytes());
    EXPECT_EQ(replace->result->finals.at(PillarId(pillar)).file().digest().value(),
              Sha256Of(bytes).bytes());
    EXPECT_EQ(replace->moved[pillar], bytes.size());
  }
}

TEST(ReplaceFile, ANamedPillarAloneIsReplaced) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old")));
  PutFileSpec file{.collection = Photos(), .file_id = File("a"), .source = {}};
  file.size_bytes = 3;
  file.pillars = {PillarId("p2")};
  file.source = [](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>("new");
  };
  const ToldPut replace = repository.Replace({std::move(file), Sha256Of("old")});
  ASSERT_TRUE(repository.RunToEnd(replace));
  EXPECT_EQ(replace->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p1", "a", "old"));
  EXPECT_TRUE(repository.HasBytes("p2", "a", "new"));
}

TEST(ReplaceFile, WhatIsNotWhatWasNamedStays) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "other")));
  const ToldPut replace = repository.Replace("a", "old", "new");
  ASSERT_TRUE(repository.RunToEnd(replace));
  EXPECT_EQ(replace->result->outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(CodeOf(replace, "p1"), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_TRUE(repository.HasBytes("p1", "a", "other"));
  EXPECT_TRUE(repository.HasBytes("p2", "a", "other"));
}

TEST(ReplaceFile, TheSameAgainIsDoneAlready) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old")));
  ASSERT_TRUE(repository.RunToEnd(repository.Replace("a", "old", "new")));
  const ToldPut again = repository.Replace("a", "old", "new");
  ASSERT_TRUE(repository.RunToEnd(again));
  EXPECT_EQ(again->result->outcome.verdict, Verdict::kSuccess);
  for (const auto& [pillar, final] : again->result->finals) EXPECT_TRUE(final.already_held());
  EXPECT_EQ(again->moved_bytes(), 0u);
}

// C-43.
TEST(ReplaceFile, APillarThatDiesLeavesOldOrNewAndTheSameReplaceCompletes) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old")));
  const std::string bytes = Noise(8 << 20);
  const ToldPut replace = repository.Replace("a", "old", bytes);
  ASSERT_TRUE(repository.RunUntil([&] { return replace->moved["p2"] > 0; }));
  repository.KillPillar("p2");
  ASSERT_TRUE(repository.RunToEnd(replace));
  EXPECT_EQ(replace->result->outcome.verdict, Verdict::kPartial);
  EXPECT_TRUE(repository.HasBytes("p1", "a", bytes));
  EXPECT_TRUE(repository.HasBytes("p2", "a", "old"));
  repository.StartPillar("p2");
  repository.Run(absl::Seconds(5));
  ASSERT_TRUE(repository.RunToEnd(repository.Replace("a", "old", bytes)));
  EXPECT_TRUE(repository.HasBytes("p2", "a", bytes));
}

// C-41.
TEST(ReplaceFile, APillarThatIsAwayIsNamed) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old")));
  repository.KillPillar("p2");
  repository.Run(absl::Seconds(10));
  const ToldPut replace = repository.Replace("a", "old", "new");
  ASSERT_TRUE(repository.RunToEnd(replace));
  EXPECT_EQ(replace->result->outcome.verdict, Verdict::kPartial);
  EXPECT_TRUE(replace->result->outcome.contributors.at(PillarId("p2")).away);
}

// ---- delete

// C-30.
TEST(DeleteFile, TheNamedPillarAloneLosesTheFile) {
  MemoryRepository repository(3);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  const ToldDelete gone = repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"));
  ASSERT_TRUE(repository.RunToEnd(gone));
  EXPECT_EQ(gone->result->outcome.verdict, Verdict::kSuccess);
  ASSERT_THAT(gone->result->finals, ElementsAre(Key(PillarId("p2"))));
  EXPECT_EQ(gone->result->finals.at(PillarId("p2")).file().size_bytes(), 5u);
  EXPECT_TRUE(repository.Has("p1", "a"));
  EXPECT_FALSE(repository.Has("p2", "a"));
  EXPECT_TRUE(repository.Has("p3", "a"));
}

// C-31.
TEST(DeleteFile, WhatIsDeletedAlreadyIsDone) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  ASSERT_TRUE(
      repository.RunToEnd(repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"))));
  const ToldDelete again = repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"));
  ASSERT_TRUE(repository.RunToEnd(again));
  EXPECT_EQ(again->result->outcome.verdict, Verdict::kSuccess);
}

// C-32.
TEST(DeleteFile, APillarThatIsAwayIsNotReached) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  repository.KillPillar("p2");
  repository.Run(absl::Seconds(10));
  const ToldDelete gone = repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"));
  ASSERT_TRUE(repository.RunToEnd(gone));
  EXPECT_EQ(gone->result->outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(gone->result->outcome.code, wire::UNREACHABLE);
}

// C-34.
TEST(DeleteFile, AWrongDigestTakesNothingAway) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  DeleteFileSpec spec = DeleteAt(repository, "p2", "a", "other", "p1");
  const ToldDelete gone = repository.Delete(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(gone));
  EXPECT_EQ(CodeOf(gone, "p2"), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_TRUE(repository.HasBytes("p2", "a", "bytes"));
}

// C-36.
TEST(DeleteFile, AnotherPillarsAbsenceDoesNotMatter) {
  MemoryRepository repository(3);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  repository.KillPillar("p3");
  repository.Run(absl::Seconds(10));
  const ToldDelete gone = repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"));
  ASSERT_TRUE(repository.RunToEnd(gone));
  EXPECT_EQ(gone->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_THAT(gone->result->outcome.contributors, ElementsAre(Key(PillarId("p2"))));
}

TEST(DeleteFile, FromAllPillarsOnlyWhenItIsSaid) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  DeleteFileSpec silent{
      .collection = Photos(), .file_id = File("a"), .digest = Sha256Of("bytes"), .reason = "test"};
  EXPECT_THAT(repository.Delete(silent)->begun, StatusIs(absl::StatusCode::kInvalidArgument));
  DeleteFileSpec said = silent;
  said.everywhere = true;
  const ToldDelete gone = repository.Delete(said);
  ASSERT_TRUE(repository.RunToEnd(gone));
  EXPECT_EQ(gone->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_FALSE(repository.Has("p1", "a"));
  EXPECT_FALSE(repository.Has("p2", "a"));
}

// ---- undelete

TEST(UndeleteFile, BringsBackWhatWentLast) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  ASSERT_TRUE(
      repository.RunToEnd(repository.Delete(DeleteAt(repository, "p2", "a", "bytes", "p1"))));
  ASSERT_FALSE(repository.Has("p2", "a"));
  const ToldUndelete back = repository.Undelete({.collection = Photos(),
                                                 .file_id = File("a"),
                                                 .pillars = {PillarId("p2")},
                                                 .reason = "a test"});
  ASSERT_TRUE(repository.RunToEnd(back));
  EXPECT_EQ(back->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(back->result->finals.at(PillarId("p2")).file().size_bytes(), 5u);
  EXPECT_TRUE(repository.HasBytes("p2", "a", "bytes"));
}

TEST(UndeleteFile, WhatStandsThereIsNamedOrStays) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "old")));
  ASSERT_TRUE(repository.RunToEnd(repository.Replace("a", "old", "new")));
  UndeleteFileSpec spec{.collection = Photos(), .file_id = File("a")};
  const ToldUndelete refused = repository.Undelete(spec);
  ASSERT_TRUE(repository.RunToEnd(refused));
  EXPECT_EQ(CodeOf(refused, "p1"), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_TRUE(repository.HasBytes("p1", "a", "new"));
  spec.old_digest = Sha256Of("new");
  const ToldUndelete back = repository.Undelete(spec);
  ASSERT_TRUE(repository.RunToEnd(back));
  EXPECT_EQ(back->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p1", "a", "old"));
  EXPECT_TRUE(repository.HasBytes("p2", "a", "old"));
}

// ---- rates

TEST(SetRates, WhoRefusesTellsHisRatesAndHasNoFinal) {
  MemoryRepository repository(2);
  const auto set = [&repository](SetRatesSpec spec) {
    std::optional<SetRatesResult> told;
    EXPECT_OK(repository.client().SetRates(
        std::move(spec), [&told](SetRatesResult result) { told = std::move(result); }));
    EXPECT_TRUE(repository.RunUntil([&told] { return told.has_value(); }));
    return *std::move(told);
  };
  SetRatesSpec full{.collection = Photos(), .pillars = {PillarId("p1")}};
  for (size_t i = 0; i < transfer::kRateRulesMax; ++i) {
    wire::RateRule& rule = full.rules.emplace_back();
    rule.set_level(wire::RATE_PARTNER);
    rule.set_name(absl::StrCat("partner", i));
    rule.add_steps()->set_bytes_per_second(1'000'000);
  }
  const SetRatesResult first = set(full);
  ASSERT_THAT(first.finals, ElementsAre(Key(PillarId("p1"))));
  EXPECT_EQ(first.finals.at(PillarId("p1")).rates_size(), int{transfer::kRateRulesMax});
  SetRatesSpec another{.collection = Photos()};
  another.rules.emplace_back().set_level(wire::RATE_NODE);
  another.rules.back().add_steps()->set_bytes_per_second(1'000'000);
  const SetRatesResult result = set(another);
  EXPECT_EQ(result.outcome.verdict, Verdict::kPartial);
  EXPECT_TRUE(result.outcome.contributors.at(PillarId("p1")).final->body.has_set_rates_final());
  EXPECT_THAT(result.finals, ElementsAre(Key(PillarId("p2"))));
}

}  // namespace
}  // namespace bitrepo::client
