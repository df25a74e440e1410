// SPDX-License-Identifier: Apache-2.0
#include "client/put_operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using State = protocol::ContributorResult::State;

State StateOf(const ToldPut& put, const std::string& pillar) {
  return put->result->outcome.contributors.at(PillarId(pillar)).state;
}
wire::ResponseCode CodeOf(const ToldPut& put, const std::string& pillar) {
  return put->result->outcome.contributors.at(PillarId(pillar)).code;
}

// Client case C-10.
TEST(PutFile, EndsWhenEveryPillarHasTheBytesOnStableStorage) {
  MemoryRepository repository(3);
  const std::string bytes = Noise(3'000'000);
  const ToldPut put = repository.Put("a/b.bin", bytes);
  EXPECT_EQ(put->ends, 0) << "never from inside the call";
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_THAT(put->result->source, testing_support::IsOk());
  ASSERT_EQ(put->result->finals.size(), 3u);
  for (const char* pillar : {"p1", "p2", "p3"}) {
    EXPECT_TRUE(repository.HasBytes(pillar, "a/b.bin", bytes)) << pillar;
    const wire::PutFileFinal& final = put->result->finals.at(PillarId(pillar));
    EXPECT_EQ(final.file().digest().value(), Sha256Of(bytes).bytes()) << pillar;
    EXPECT_FALSE(final.already_held()) << pillar;
    EXPECT_EQ(put->moved[pillar], bytes.size()) << pillar;
  }
  EXPECT_FALSE(put->operation.running());
}

TEST(PutFile, AnEmptyFileIsAFile) {
  MemoryRepository repository(2);
  const ToldPut put = repository.Put("empty", "");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p2", "empty", ""));
}

TEST(PutFile, WhatIsHeldAlreadyMovesNoByteAndSucceeds) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("same", "bytes")));
  const int stages = repository.store("p1").stages;
  const ToldPut again = repository.Put("same", "bytes");
  ASSERT_TRUE(repository.RunToEnd(again));
  EXPECT_EQ(again->result->outcome.verdict, protocol::Verdict::kSuccess);
  ASSERT_EQ(again->result->finals.size(), 2u);
  for (const auto& [pillar, final] : again->result->finals) EXPECT_TRUE(final.already_held());
  EXPECT_EQ(again->moved_bytes(), 0u);
  EXPECT_EQ(repository.store("p1").stages, stages);
}

// Client case C-18.
TEST(PutFile, TheMissingCopyAloneIsMade) {
  MemoryRepository repository(3);
  repository.StoreAt("p2", "partly", "bytes");
  const ToldPut put = repository.Put("partly", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(put->result->finals.at(PillarId("p2")).already_held());
  EXPECT_FALSE(put->result->finals.at(PillarId("p1")).already_held());
  EXPECT_THAT(put->moved, ElementsAre(Key("p1"), Key("p3")));
}

// Client case C-17.
TEST(PutFile, AnIdThatIsTakenByOtherBytesIsRefusedAndThoseStay) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("taken", "old bytes")));
  const ToldPut put = repository.Put("taken", "new bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kFailed);
  EXPECT_EQ(put->result->outcome.code, wire::DUPLICATE_FILE_FAILURE);
  EXPECT_TRUE(put->result->finals.empty());
  EXPECT_TRUE(repository.HasBytes("p1", "taken", "old bytes"));
  EXPECT_TRUE(repository.HasBytes("p2", "taken", "old bytes"));
}

TEST(PutFile, WhereOnePillarHoldsOtherBytesTheOthersAreNotSplitFromIt) {
  MemoryRepository repository(3);
  repository.StoreAt("p1", "taken", "old bytes");
  const ToldPut put = repository.Put("taken", "new bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(CodeOf(put, "p1"), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_FALSE(repository.Has("p2", "taken"));
  EXPECT_FALSE(repository.Has("p3", "taken"));
}

TEST(PutFile, ADigestThatTheBytesDoNotHaveStoresNothingAnywhere) {
  MemoryRepository repository(2);
  PutFileSpec spec{.collection = Photos(), .file_id = File("wrong"), .source = {}};
  spec.size_bytes = 5;
  spec.digest = Sha256Of("other");
  spec.source = [](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>("bytes");
  };
  const ToldPut put = repository.Put(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kFailed);
  EXPECT_EQ(put->result->outcome.code, wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_FALSE(repository.Has("p1", "wrong"));
  EXPECT_FALSE(repository.Has("p2", "wrong"));
}

// Client case C-12.
TEST(PutFile, APillarThatDiesLeavesAPartialPutThatTheSamePutCompletes) {
  MemoryRepository repository(2);
  const std::string bytes = Noise(8 << 20);
  const ToldPut put = repository.Put("half", bytes);
  ASSERT_TRUE(repository.RunUntil([&put] { return put->moved["p2"] > 0; }));
  repository.KillPillar("p2");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kPartial);
  EXPECT_EQ(StateOf(put, "p1"), State::kDone);
  EXPECT_NE(StateOf(put, "p2"), State::kDone);
  repository.StartPillar("p2");
  repository.Run(absl::Seconds(5));
  const ToldPut again = repository.Put("half", bytes);
  ASSERT_TRUE(repository.RunToEnd(again));
  EXPECT_EQ(again->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p2", "half", bytes));
}

// Client case C-23.
TEST(PutFile, APillarThatComesBackInTimeIsServedInTheSamePut) {
  MemoryRepository repository(2);
  const std::string bytes = Noise(8 << 20);
  const ToldPut put = repository.Put("back", bytes);
  ASSERT_TRUE(repository.RunUntil([&put] { return put->moved["p2"] > 0; }));
  repository.KillPillar("p2");
  repository.Run(absl::Milliseconds(500));
  repository.StartPillar("p2");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p2", "back", bytes));
}

TEST(PutFile, APillarThatIsBusyIsAskedAgainUntilItHasTheFileToo) {
  MemoryRepository repository(2);
  repository.SetFull("p2", true);
  const ToldPut put = repository.Put("waits", "bytes");
  repository.Run(absl::Minutes(1));
  EXPECT_EQ(put->ends, 0);
  repository.SetFull("p2", false);
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p2", "waits", "bytes"));
}

TEST(PutFile, APillarThatIsBusyWhenItIsToTakeTheBytesIsAskedAgain) {
  MemoryRepository repository(1);
  const std::string bytes = Noise(300'000);
  const ToldPut put = repository.Put("midway", bytes);
  ASSERT_TRUE(repository.RunUntil([&] {
    return std::any_of(put->events.begin(), put->events.end(), [](const auto& event) {
      return event.kind == protocol::EventKind::kRequestSent;
    });
  }));
  repository.SetFull("p1", true);
  repository.Run(absl::Seconds(40));
  EXPECT_EQ(put->ends, 0);
  repository.SetFull("p1", false);
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository.HasBytes("p1", "midway", bytes));
  EXPECT_EQ(repository.store("p1").Audited("PUT_FILE", "BUSY"), 0) << "it decides nothing";
}

TEST(PutFile, AQuorumOfCopiesIsEnough) {
  MemoryRepository repository(3);
  repository.KillPillar("p3");
  repository.Run(absl::Seconds(10));
  const std::string bytes = "bytes";
  PutFileSpec spec{.collection = Photos(), .file_id = File("two"), .source = {}};
  spec.size_bytes = bytes.size();
  spec.quorum = 2;
  spec.source = [bytes](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>(bytes);
  };
  const ToldPut put = repository.Put(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_THAT(put->result->finals, ElementsAre(Key(PillarId("p1")), Key(PillarId("p2"))));
}

// Client case C-15.
TEST(PutFile, AStoreThatCannotPublishIsNotCountedAsACopy) {
  MemoryRepository repository(2);
  repository.store("p2").fail_publish = absl::ResourceExhaustedError("no room on the disk");
  const ToldPut put = repository.Put("one", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kPartial);
  EXPECT_EQ(CodeOf(put, "p2"), wire::NO_SPACE);
  EXPECT_THAT(put->result->finals, ElementsAre(Key(PillarId("p1"))));
}

}  // namespace
}  // namespace bitrepo::client
