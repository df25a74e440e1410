// SPDX-License-Identifier: Apache-2.0
// Audit trails and conversations, page by page. Numbers like C-81 are those of the
// bitrepository.org client cases, restated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/audit_chain.h"
#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using protocol::Verdict;
using testing_support::StatusIs;

using TrailPages = MemoryRepository::Pages<wire::GetAuditTrailsFinal>;

std::vector<wire::AuditItem> RecordsOf(const TrailPages& pages, const std::string& pillar) {
  std::vector<wire::AuditItem> records;
  for (const auto& [from, page] : pages) {
    if (from == pillar) records.insert(records.end(), page.items().begin(), page.items().end());
  }
  return records;
}

GetAuditTrailsSpec AllTrails() { return {.collection = Photos()}; }

// [S-42]
// C-80.
TEST(GetAuditTrails, TellsTheTrailOfEveryPillarPageByPageAndInOrder) {
  MemoryRepository repository(2);
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(repository.RunToEnd(repository.Put(id, "bytes")));
  }
  GetAuditTrailsSpec spec{.pillars = {PillarId("p1"), PillarId("p2")}, .page_items = 2};
  TrailPages pages;
  const ToldOutcome told = repository.GetAuditTrails(spec, pages);
  ASSERT_TRUE(repository.RunToEnd(told));
  EXPECT_EQ(told->result->outcome.verdict, Verdict::kSuccess);
  for (const char* pillar : {"p1", "p2"}) {
    const std::vector<wire::AuditItem> records = RecordsOf(pages, pillar);
    ASSERT_GE(records.size(), 3u) << pillar;
    std::string hash = base::ChainStart();
    for (size_t i = 0; i < records.size(); ++i) {
      const wire::AuditItem& record = records[i];
      EXPECT_EQ(record.sequence(), i + 1) << pillar;
      hash = base::ChainHash(hash, base::LineOf({.sequence = record.sequence(),
                                                 .at_us = record.at_us(),
                                                 .action = record.action(),
                                                 .collection = record.collection_id(),
                                                 .file_id = record.file_id(),
                                                 .principal = record.principal(),
                                                 .conversation = record.conversation_id(),
                                                 .result = record.result(),
                                                 .detail = record.detail()}));
      EXPECT_EQ(record.hash(), hash) << pillar << " " << record.sequence();
    }
  }
}

// C-81.
TEST(GetAuditTrails, TellsOnlyWhatIsAskedFor) {
  MemoryRepository repository(1);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  ASSERT_TRUE(repository.RunToEnd(repository.Put("b", "bytes")));
  GetAuditTrailsSpec spec = AllTrails();
  spec.query.set_file_id("b");
  TrailPages pages;
  ASSERT_TRUE(repository.RunToEnd(repository.GetAuditTrails(spec, pages)));
  const std::vector<wire::AuditItem> records = RecordsOf(pages, "p1");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].file_id(), "b");
  EXPECT_EQ(records[0].principal(), "alice");
  EXPECT_EQ(records[0].action(), "PUT_FILE");
  spec.query.Clear();
  spec.query.set_first_sequence(records[0].sequence() + 1);
  pages.clear();
  ASSERT_TRUE(repository.RunToEnd(repository.GetAuditTrails(spec, pages)));
  EXPECT_TRUE(RecordsOf(pages, "p1").empty());
}

// C-84.
TEST(GetAuditTrails, APillarThatIsAwayIsNamedAndTheOthersTell) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("a", "bytes")));
  repository.KillPillar("p2");
  repository.Run(absl::Seconds(10));
  TrailPages pages;
  const ToldOutcome told = repository.GetAuditTrails(AllTrails(), pages);
  ASSERT_TRUE(repository.RunToEnd(told));
  EXPECT_EQ(told->result->outcome.verdict, Verdict::kPartial);
  EXPECT_TRUE(told->result->outcome.contributors.at(PillarId("p2")).away);
  EXPECT_FALSE(RecordsOf(pages, "p1").empty());
}

// C-85.
TEST(GetAuditTrails, WithNoPillarThereItFails) {
  MemoryRepository repository(1);
  repository.KillPillar("p1");
  repository.Run(absl::Seconds(10));
  TrailPages pages;
  const ToldOutcome told = repository.GetAuditTrails(AllTrails(), pages);
  ASSERT_TRUE(repository.RunToEnd(told));
  EXPECT_EQ(told->result->outcome.verdict, Verdict::kFailed);
}

// C-86.
TEST(GetAuditTrails, APartThatEndsBeforeItBeginsIsRefused) {
  MemoryRepository repository(1);
  TrailPages pages;
  GetAuditTrailsSpec backwards = AllTrails();
  backwards.query.set_first_sequence(5);
  backwards.query.set_last_sequence(4);
  EXPECT_THAT(repository.GetAuditTrails(backwards, pages)->begun,
              StatusIs(absl::StatusCode::kInvalidArgument));
  GetAuditTrailsSpec one = AllTrails();
  one.query.set_first_sequence(5);
  one.query.set_last_sequence(5);
  EXPECT_TRUE(repository.GetAuditTrails(one, pages)->begun.ok());
}

TEST(GetAuditTrails, ASlowReaderHoldsThePagesAndTheEnd) {
  MemoryRepository repository(1);
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(repository.RunToEnd(repository.Put(id, "bytes")));
  }
  std::vector<absl::AnyInvocable<void()>> held;
  int came = 0;
  GetAuditTrailsSpec spec{.pillars = {PillarId("p1")}, .page_items = 1};
  spec.on_page = [&](const base::ComponentId&, const wire::GetAuditTrailsFinal&,
                     absl::AnyInvocable<void()> more) {
    ++came;
    held.push_back(std::move(more));
  };
  TrailPages none;
  const ToldOutcome told = repository.GetAuditTrails(std::move(spec), none);
  ASSERT_TRUE(repository.RunUntil([&] { return came == 1; }));
  repository.Run(absl::Seconds(60));
  EXPECT_EQ(came, 1) << "the next page is asked for when this one was taken";
  EXPECT_EQ(told->ends, 0);
  while (told->ends == 0) {
    const size_t before = held.size();
    ASSERT_GT(before, 0u);
    std::exchange(held, {}).front()();
    ASSERT_TRUE(repository.RunUntil([&] { return !held.empty() || told->ends > 0; }));
  }
  EXPECT_GE(came, 3);
}

TEST(GetConversation, APillarTellsWhatBecameOfIt) {
  MemoryRepository repository(2);
  const ToldPut put = repository.Put("a", "bytes");
  ASSERT_TRUE(repository.RunToEnd(put));
  MemoryRepository::Pages<wire::GetConversationFinal> pages;
  const ToldOutcome told = repository.GetConversation(
      {.collection = Photos(), .conversation = put->result->conversation}, pages);
  ASSERT_TRUE(repository.RunToEnd(told));
  ASSERT_EQ(pages.size(), 2u);
  for (const auto& [pillar, page] : pages) {
    ASSERT_EQ(page.requests_size(), 1) << pillar;
    EXPECT_EQ(page.requests(0).state(), wire::REQUEST_DONE);
    EXPECT_EQ(page.requests(0).operation(), wire::PUT_FILE);
    EXPECT_EQ(page.requests(0).response().code(), wire::OPERATION_COMPLETED);
    EXPECT_EQ(page.requests(0).file().file_id(), "a");
  }
}

TEST(GetConversation, OfPillarsNeedsItsId) {
  MemoryRepository repository(1);
  MemoryRepository::Pages<wire::GetConversationFinal> pages;
  EXPECT_THAT(repository.GetConversation({.collection = Photos()}, pages)->begun,
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace bitrepo::client
