// SPDX-License-Identifier: Apache-2.0
// GetAuditTrails at the pillar. H-30 to H-32 are cases of the bitrepository.org handler tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "pillar/requests/get_audit_trails.h"
#include "pillar/store/audit_record.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct GetAuditTrails : ::testing::Test {
  void SetUp() override {
    for (const char* id : {"a", "b", "c"}) {
      puts.push_back(SendWithBytes(rig, PutAsk(id, "hello"), "hello"));
      ASSERT_EQ(rig.Code(puts.back()), wire::OPERATION_COMPLETED);
    }
    PillarRig::Ask removal = DeleteAsk(rig, "b", "HELLO");
    removal.principal = "bob";
    ASSERT_EQ(rig.Code(Send(rig, removal)), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  }
  static PillarRig::Ask Trails(const std::string& collection = "") {
    PillarRig::Ask ask;
    ask.operation = wire::GET_AUDIT_TRAILS;
    ask.collection = collection;
    ask.body.mutable_get_audit_trails_request();
    return ask;
  }
  wire::GetAuditTrailsFinal Told(const PillarRig::Ask& ask) {
    const Envelope asked = Send(rig, ask);
    EXPECT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED) << rig.Reply(asked)->response().text();
    EXPECT_EQ(rig.Finals(asked), 1);
    return rig.Final(asked)->body.get_audit_trails_final();
  }
  static std::vector<std::string> Rows(const wire::GetAuditTrailsFinal& final) {
    std::vector<std::string> rows;
    for (const wire::AuditItem& item : final.items()) {
      if (item.action() == "STORE_OPENED") continue;
      rows.push_back(absl::StrCat(item.action(), " ", item.file_id(), " ", item.result()));
    }
    return rows;
  }
  PillarRig rig;
  std::vector<Envelope> puts;
};

// Case H-30.
TEST_F(GetAuditTrails, TellsEveryChangeAndEveryRefusedOneInOrder) {
  const wire::GetAuditTrailsFinal told = Told(Trails());
  EXPECT_THAT(Rows(told),
              ElementsAre("PUT_FILE a OPERATION_COMPLETED", "PUT_FILE b OPERATION_COMPLETED",
                          "PUT_FILE c OPERATION_COMPLETED",
                          "DELETE_FILE b EXISTING_FILE_CHECKSUM_FAILURE"));
  EXPECT_EQ(told.end_sequence(), told.items().rbegin()->sequence());
  EXPECT_EQ(told.end_hash(), told.items().rbegin()->hash());
  EXPECT_THAT(told.page().next_cursor(), IsEmpty());
  EXPECT_EQ(told.items().rbegin()->principal(), "bob");
  EXPECT_EQ(told.items().rbegin()->collection_id(), "photos");
}

TEST_F(GetAuditTrails, WhatIsToldIsTheChain) {
  const wire::GetAuditTrailsFinal told = Told(Trails());
  std::string hash = store::ChainStart();
  for (const wire::AuditItem& item : told.items()) {
    store::AuditRecord record;
    record.sequence = item.sequence();
    record.at = absl::FromUnixMicros(item.at_us());
    record.event = {item.action(),          item.collection_id(), item.file_id(), item.principal(),
                    item.conversation_id(), item.result(),        item.detail()};
    hash = store::ChainHash(hash, store::RecordLine(record));
    EXPECT_EQ(item.hash(), hash) << item.sequence();
  }
}

// Case H-31.
TEST_F(GetAuditTrails, TellsOnlyWhatTheFiltersHoldFor) {
  const wire::GetAuditTrailsFinal all = Told(Trails());
  PillarRig::Ask ask = Trails();
  wire::GetAuditTrailsRequest* asked = ask.body.mutable_get_audit_trails_request();
  asked->set_file_id("b");
  EXPECT_THAT(Rows(Told(ask)), SizeIs(2));
  asked->set_action("PUT_FILE");
  EXPECT_THAT(Rows(Told(ask)), ElementsAre("PUT_FILE b OPERATION_COMPLETED"));
  asked->Clear();
  asked->set_principal("bob");
  EXPECT_THAT(Rows(Told(ask)), ElementsAre("DELETE_FILE b EXISTING_FILE_CHECKSUM_FAILURE"));
  asked->Clear();
  asked->set_conversation_id(puts[2].header.conversation_id());
  EXPECT_THAT(Rows(Told(ask)), ElementsAre("PUT_FILE c OPERATION_COMPLETED"));
  asked->Clear();
  const uint64_t last = all.end_sequence();
  asked->set_first_sequence(last - 1);
  EXPECT_THAT(Told(ask).items(), SizeIs(2));
  asked->set_last_sequence(last - 1);
  EXPECT_THAT(Rows(Told(ask)), ElementsAre("PUT_FILE c OPERATION_COMPLETED"));
  asked->Clear();
  asked->mutable_at()->set_from_us(all.items(all.items_size() - 1).at_us());
  EXPECT_THAT(Told(ask).items(), SizeIs(1));
  EXPECT_THAT(Rows(Told(Trails("sounds"))), IsEmpty());
  EXPECT_THAT(Rows(Told(Trails("photos"))), SizeIs(4));
}

// Case H-32.
TEST_F(GetAuditTrails, PagesNeitherSkipNorRepeatWhileTheTrailGrows) {
  std::vector<uint64_t> sequences;
  PillarRig::Ask ask = Trails("photos");
  ask.body.mutable_get_audit_trails_request()->set_action("PUT_FILE");
  ask.body.mutable_page()->set_limit_items(2);
  for (int pages = 0; pages < 20; ++pages) {
    const wire::GetAuditTrailsFinal told = Told(ask);
    EXPECT_LE(told.items_size(), 2);
    EXPECT_THAT(told.end_hash(), SizeIs(32));
    EXPECT_GT(told.end_sequence(), 0u);
    for (const wire::AuditItem& item : told.items()) sequences.push_back(item.sequence());
    if (told.page().next_cursor().empty()) break;
    ask.body.mutable_page()->set_cursor(told.page().next_cursor());
    if (pages >= 5) continue;
    for (const char* which : {"one", "two"}) {
      ASSERT_EQ(rig.PutFile(absl::StrCat(which, pages), "x"), wire::OPERATION_COMPLETED);
    }
  }
  std::vector<uint64_t> puts_in_trail;
  for (const store::AuditRecord& record : rig.store.memory.audit()) {
    if (record.event.action == "PUT_FILE") puts_in_trail.push_back(record.sequence);
  }
  EXPECT_THAT(sequences, SizeIs(3 + 5 * 2));
  EXPECT_EQ(sequences, puts_in_trail);
}

TEST_F(GetAuditTrails, ACursorOfAnotherQuestionIsNotUnderstood) {
  PillarRig::Ask ask = Trails();
  ask.body.mutable_page()->set_limit_items(1);
  const std::string cursor = Told(ask).page().next_cursor();
  ASSERT_THAT(cursor, Not(IsEmpty()));
  ask.body.mutable_get_audit_trails_request()->set_file_id("b");
  ask.body.mutable_page()->set_cursor(cursor);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  PillarRig::Ask of_collection = Trails("photos");
  of_collection.body.mutable_page()->set_cursor(cursor);
  EXPECT_EQ(rig.Code(Send(rig, of_collection)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(GetAuditTrails, APageWithTheLongestRowsFitsAMessage) {
  std::vector<store::AuditEvent> events(300);
  for (store::AuditEvent& event : events) {
    event.action = "PUT_FILE";
    event.collection = "photos";
    event.file_id = std::string(255, 'f');
    event.detail = std::string(1024, 'd');
  }
  ASSERT_OK(rig.store.AppendAudit(events));
  size_t told = 0;
  PillarRig::Ask ask = Trails();
  for (int pages = 0; pages < 10; ++pages) {
    const wire::GetAuditTrailsFinal page = Told(ask);
    told += page.items_size();
    if (page.page().next_cursor().empty()) break;
    ask.body.mutable_page()->set_cursor(page.page().next_cursor());
  }
  EXPECT_EQ(told, rig.store.memory.audit().size());
}

TEST_F(GetAuditTrails, ASearchForARareThingEndsAPageAfterSoManyLooks) {
  rig.store.empty_audit_looks = requests::kAuditLooksMax - 1;
  EXPECT_FALSE(Told(Trails()).items().empty()) << "the last look finds it";
  rig.store.audit_looks = 0;
  rig.store.empty_audit_looks = requests::kAuditLooksMax;
  PillarRig::Ask ask = Trails();
  const wire::GetAuditTrailsFinal nothing_yet = Told(ask);
  EXPECT_TRUE(nothing_yet.items().empty());
  ASSERT_THAT(nothing_yet.page().next_cursor(), Not(IsEmpty())) << "and it is not the last page";
  ask.body.mutable_page()->set_cursor(nothing_yet.page().next_cursor());
  EXPECT_FALSE(Told(ask).items().empty());
}

// No client makes such a request: it is changed behind its seal.
TEST_F(GetAuditTrails, FirstBeyondLastIsNotUnderstood) {
  Envelope asked = rig.Request(Trails());
  asked.body.mutable_get_audit_trails_request()->set_first_sequence(3);
  asked.body.mutable_get_audit_trails_request()->set_last_sequence(2);
  asked.body_bytes = asked.body.SerializeAsString();
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Code(asked), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(GetAuditTrails, WhenThePillarHasTooMuchToReadItIsBusy) {
  rig.workers.full = true;
  EXPECT_EQ(rig.Code(Send(rig, Trails())), wire::BUSY);
}

TEST_F(GetAuditTrails, CanBeWithdrawn) {
  const Envelope asked = rig.Request(Trails());
  rig.Send(asked);
  rig.Send(rig.CancelOf(asked));
  rig.Run();
  EXPECT_EQ(rig.Code(asked), wire::CANCELLED);
  EXPECT_EQ(rig.Finals(asked), 1);
}

}  // namespace
}  // namespace bitrepo::pillar
