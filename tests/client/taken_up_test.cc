// SPDX-License-Identifier: Apache-2.0
// Operations that one process leaves to the pillars and another goes on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using protocol::Verdict;

bool HasTold(const auto& told, protocol::EventKind kind) {
  for (const protocol::ConversationEvent& event : told->events) {
    if (event.kind == kind) return true;
  }
  return false;
}

TEST(LeftBehind, AGetIsFinishedByTheNextProcess) {
  MemoryRepository repository(2);
  const std::string bytes = Noise(8 << 20);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", bytes)));
  Sinks first_sinks;
  const ToldGet first = repository.Get(WholeFile("a", first_sinks));
  ASSERT_TRUE(repository.RunUntil([&] { return HasTold(first, protocol::EventKind::kProgress); }));
  const auto remains = first->operation.Leave();
  ASSERT_TRUE(remains.has_value());
  EXPECT_FALSE(first->operation.running());
  repository.RestartClient();
  Sinks sinks;
  GetFileSpec spec = WholeFile("a", sinks);
  spec.taken_up = TakenUp{first->operation.id(), *remains};
  const ToldGet second = repository.Get(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(second));
  EXPECT_EQ(second->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(second->result->conversation, first->operation.id());
  EXPECT_EQ(sinks.Text(), bytes);
  EXPECT_EQ(first->ends, 0) << "what was left does not end here";
}

TEST(LeftBehind, AGetIsFinishedAlsoWhereItsBytesHadBegunToCome) {
  MemoryRepository repository(1);
  const std::string bytes = Noise(8 << 20);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", bytes)));
  Sinks first_sinks;
  const ToldGet first = repository.Get(WholeFile("a", first_sinks));
  ASSERT_TRUE(repository.RunUntil([&] { return first->moved_bytes() > 0; }));
  const auto remains = first->operation.Leave();
  ASSERT_TRUE(remains.has_value());
  repository.RestartClient();
  Sinks sinks;
  GetFileSpec spec = WholeFile("a", sinks);
  spec.taken_up = TakenUp{first->operation.id(), *remains};
  const ToldGet second = repository.Get(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(second));
  EXPECT_EQ(second->result->outcome.verdict, Verdict::kSuccess) << second->result->outcome.text;
  EXPECT_EQ(sinks.Text(), bytes);
}

TEST(LeftBehind, APutKeepsItsOneEffect) {
  MemoryRepository repository(2);
  const std::string bytes = Noise(8 << 20);
  const ToldPut first = repository.Put("a", bytes);
  ASSERT_TRUE(repository.RunUntil([&] { return first->moved["p2"] > 0; }));
  const auto remains = first->operation.Leave();
  ASSERT_TRUE(remains.has_value());
  repository.RestartClient();
  PutFileSpec spec{.collection = Photos(), .file_id = File("a"), .source = {}};
  spec.size_bytes = bytes.size();
  spec.digest = Sha256Of(bytes);
  spec.source = [bytes](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>(bytes);
  };
  spec.taken_up = TakenUp{first->operation.id(), *remains};
  const ToldPut second = repository.Put(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(second));
  EXPECT_EQ(second->result->outcome.verdict, Verdict::kSuccess);
  for (const char* pillar : {"p1", "p2"}) {
    EXPECT_TRUE(repository.HasBytes(pillar, "a", bytes)) << pillar;
    EXPECT_EQ(repository.store(pillar).memory.Find(Photos(), File("a"))->generation,
              first->operation.id())
        << pillar;
  }
}

TEST(LeftBehind, WhatIsOwedIsWithdrawn) {
  MemoryRepository repository(2);
  const ToldPut first = repository.Put("a", Noise(8 << 20));
  ASSERT_TRUE(repository.RunUntil([&] { return first->moved["p2"] > 0; }));
  const auto remains = first->operation.Leave();
  ASSERT_TRUE(remains.has_value());
  const ToldOutcome told =
      repository.Withdraw({.collection = Photos(),
                           .operation = wire::PUT_FILE,
                           .taken_up = TakenUp{first->operation.id(), *remains},
                           .reason = "no longer wanted"});
  ASSERT_TRUE(repository.RunToEnd(told));
  EXPECT_EQ(told->result->outcome.verdict, Verdict::kCancelled);
  EXPECT_FALSE(repository.Has("p1", "a"));
  EXPECT_FALSE(repository.Has("p2", "a"));
}

TEST(LeftBehind, AnOperationThatHasEndedLeavesNothing) {
  MemoryRepository repository(1);
  const ToldPut put = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_FALSE(put->operation.Leave().has_value());
}

}  // namespace
}  // namespace bitrepo::client
