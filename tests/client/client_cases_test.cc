// SPDX-License-Identifier: Apache-2.0
// The client cases of bitrepository.org, restated, that no test of one operation holds. Where its
// documents and its tests differ the documents count.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/client/memory_repository.h"

namespace bitrepo::client {
namespace {

using protocol::Verdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;

std::vector<std::string> ComponentsOf(const std::vector<protocol::ConversationEvent>& events,
                                      protocol::EventKind kind) {
  std::vector<std::string> components;
  for (const protocol::ConversationEvent& event : events) {
    if (event.kind == kind) components.push_back(event.component);
  }
  std::sort(components.begin(), components.end());
  return components;
}

// C-01, C-03: what one pillar does not do is told of it, and the others go on.
TEST(ClientCases, OnePillarThatIsAwayIsToldAndTheOthersGoOn) {
  MemoryRepository repository(3);
  repository.KillPillar("p2");
  repository.Run(absl::Seconds(10));
  const ToldPut put = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, Verdict::kPartial);
  EXPECT_THAT(ComponentsOf(put->events, protocol::EventKind::kComponentFailed), ElementsAre("p2"));
  EXPECT_THAT(ComponentsOf(put->events, protocol::EventKind::kComponentComplete),
              ElementsAre("p1", "p3"));
  EXPECT_EQ(put->events.back().kind, protocol::EventKind::kFailed);
}

// C-04, C-11, C-54.
TEST(ClientCases, WithNoPillarThereEveryOperationFails) {
  MemoryRepository repository(2);
  for (const char* pillar : {"p1", "p2"}) repository.KillPillar(pillar);
  repository.Run(absl::Seconds(10));
  const ToldPut put = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(put->result->outcome.code, wire::UNREACHABLE);
  Sinks sinks;
  const ToldGet get = repository.Get(WholeFile("a", sinks));
  ASSERT_TRUE(repository.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(get->result->outcome.code, wire::UNREACHABLE);
}

// C-06.
TEST(ClientCases, EveryMessageOfAnOperationNamesItsCollection) {
  MemoryRepository repository(2);
  const ToldPut put = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  int messages = 0;
  for (const protocol::ConversationEvent& event : put->events) {
    if (event.message == nullptr) continue;
    ++messages;
    EXPECT_EQ(event.message->header.collection_id(), "photos");
    EXPECT_EQ(event.message->header.operation(), wire::PUT_FILE);
  }
  EXPECT_GT(messages, 0);
}

// C-21, C-22.
TEST(ClientCases, AFinalCarriesTheDigestsThatWereAskedForAndNoOthers) {
  MemoryRepository repository(1);
  const ToldPut plain = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(plain));
  EXPECT_THAT(plain->result->finals.at(PillarId("p1")).digests(), IsEmpty());
  PutFileSpec spec{.collection = Photos(), .file_id = File("b"), .source = {}};
  spec.size_bytes = 5;
  spec.checksums.emplace().add_algorithms(wire::MD5);
  spec.source = [](const base::ComponentId&) {
    return std::make_shared<channel::TextSource>("bytes");
  };
  const ToldPut asked = repository.Put(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(asked));
  const auto& digests = asked->result->finals.at(PillarId("p1")).digests();
  ASSERT_EQ(digests.size(), 1);
  EXPECT_EQ(digests[0].algorithm(), wire::MD5);
  EXPECT_EQ(digests[0].value(), base::Hasher::Of(base::Algorithm::kMd5, "bytes").bytes());
}

// C-50: those that were not asked are not spoken of.
TEST(ClientCases, AGetFromOnePillarSpeaksOfThatPillarAlone) {
  MemoryRepository repository(3);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  repository.KillPillar("p3");
  repository.Run(absl::Seconds(10));
  Sinks sinks;
  GetFileSpec spec = WholeFile("a", sinks);
  spec.prefer = PillarId("p2");
  spec.fail_over = false;
  const ToldGet get = repository.Get(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_THAT(get->result->outcome.contributors, ElementsAre(Key(PillarId("p2"))));
}

// C-53, C-59.
TEST(ClientCases, AGetIsServedWhereOnlyOnePillarHasTheFile) {
  MemoryRepository repository(3);
  repository.StoreAt("p3", "a", "bytes");
  Sinks sinks;
  const ToldGet get = repository.Get(WholeFile("a", sinks));
  ASSERT_TRUE(repository.RunToEnd(get));
  EXPECT_EQ(get->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(get->result->from, PillarId("p3"));
  EXPECT_EQ(sinks.Text(), "bytes");
}

// C-70.
TEST(ClientCases, AListOfOnePillarIsOfThatPillarAlone) {
  MemoryRepository repository(2);
  repository.StoreAt("p1", "a", "bytes");
  repository.StoreAt("p2", "b", "bytes");
  std::vector<std::string> ids;
  GetFileIdsSpec spec{.scope = {.collection = Photos(), .files = {}, .pillars = {PillarId("p2")}}};
  spec.scope.files.mutable_all();
  spec.on_rows = [&ids](std::vector<FileIdRow> rows, absl::AnyInvocable<void()> more) {
    for (const FileIdRow& row : rows) ids.push_back(row.file_id);
    more();
  };
  const ToldList list = repository.GetFileIds(std::move(spec));
  ASSERT_TRUE(repository.RunToEnd(list));
  EXPECT_THAT(ids, ElementsAre("b"));
  EXPECT_THAT(list->result->outcome.contributors, ElementsAre(Key(PillarId("p2"))));
}

// C-90, C-91.
TEST(ClientCases, StatusIsToldByThoseThatAreThere) {
  MemoryRepository repository(2);
  const auto ask = [&repository] {
    std::optional<GetStatusResult> told;
    EXPECT_TRUE(repository.client()
                    .GetStatus({.collection = Photos()},
                               [&told](GetStatusResult result) { told = std::move(result); })
                    .ok());
    EXPECT_TRUE(repository.RunUntil([&told] { return told.has_value(); }));
    return *std::move(told);
  };
  const GetStatusResult all = ask();
  EXPECT_EQ(all.outcome.verdict, Verdict::kSuccess);
  EXPECT_THAT(all.finals, ElementsAre(Key(PillarId("p1")), Key(PillarId("p2"))));
  repository.KillPillar("p1");
  repository.Run(absl::Seconds(10));
  const GetStatusResult some = ask();
  EXPECT_EQ(some.outcome.verdict, Verdict::kPartial);
  EXPECT_THAT(some.finals, ElementsAre(Key(PillarId("p2"))));
}

}  // namespace
}  // namespace bitrepo::client
