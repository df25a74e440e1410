// SPDX-License-Identifier: Apache-2.0
// What every file store must show in its lists and tell of its answers and its audit trail.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "pillar/store/audit_query.h"
#include "tests/conformance/file_store_suite.h"

namespace bitrepo::store {

class FileListSuite : public FileStoreSuite {
 protected:
  void Later() { subject_->clock().Advance(absl::Seconds(1)); }
  ListQuery RemovedQuery() {
    ListQuery query = Query("");
    query.removed = true;
    return query;
  }
  std::vector<uint64_t> Sequences(const AuditQuery& query, uint32_t limit) {
    std::vector<uint64_t> sequences;
    AuditQuery next = query;
    for (;;) {
      const AuditPage page = store().ReadAudit(next, limit).value();
      EXPECT_LE(page.records.size(), limit);
      for (const AuditRecord& record : page.records) sequences.push_back(record.sequence);
      if (page.next_sequence == 0) return sequences;
      EXPECT_GT(page.next_sequence, next.first_sequence);
      next.first_sequence = page.next_sequence;
    }
  }
};

TEST_P(FileListSuite, FindsManyInTheirOrder) {
  PutAll({"a", "b", "lost", "gone"});
  subject_->Lose("lost");
  EXPECT_THAT(Open("lost"), StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK(Remove("gone", "x"));
  const std::vector<base::FileId> ids = {Id("b"),    Id("none"), Id("a"),
                                         Id("lost"), Id("b"),    Id("gone")};
  ASSERT_OK_AND_ASSIGN(const auto found, store().FindMany(books(), ids));
  ASSERT_THAT(found, SizeIs(ids.size()));
  EXPECT_EQ(found[0]->file_id, Id("b"));
  EXPECT_EQ(found[0]->sha256, Sha256("x"));
  EXPECT_THAT(found[1], StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(found[2]->file_id, Id("a"));
  EXPECT_EQ(found[3]->trouble, "missing");
  EXPECT_EQ(found[4]->file_id, Id("b"));
  EXPECT_THAT(found[5], StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().FindMany(Collection("other"), ids),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store().FindMany(books(), {}).value(), IsEmpty());
}

TEST_P(FileListSuite, FindsNoMoreThanItsLimit) {
  const std::vector<base::FileId> ids(kFindManyMax + 1, Id("f"));
  EXPECT_OK(store().FindMany(books(), std::span(ids).first(kFindManyMax)));
  EXPECT_THAT(store().FindMany(books(), ids), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(FileListSuite, ListsWhatIsInTheWindowsBothEndsIncluded) {
  std::vector<absl::Time> times;
  for (const char* const id : {"a", "b", "c", "d"}) {
    ASSERT_OK(Put(id, "x"));
    times.push_back(wall_now());
    Later();
  }
  for (Window ListQuery::*window : {&ListQuery::stored, &ListQuery::verified}) {
    ListQuery query = Query("");
    query.*window = {.from = times[1], .until = times[2]};
    EXPECT_THAT(IdsOf(query, 1), ElementsAre("b", "c"));
    query.*window = {.from = times[3]};
    EXPECT_THAT(IdsOf(query, 5), ElementsAre("d"));
    query.*window = {.until = times[0] - absl::Microseconds(1)};
    EXPECT_THAT(IdsOf(query, 5), IsEmpty());
  }
}

TEST_P(FileListSuite, ListsTheQuarantineByIdAndNumber) {
  PutAll({"a", "b", "c"});
  ASSERT_OK(Remove("b", "x"));
  ASSERT_OK(Put("b", "y"));
  ASSERT_OK(Replace("b", "y", "z"));
  ASSERT_OK(Remove("a", "x"));
  ASSERT_OK(Put("back", "x"));
  ASSERT_OK(Remove("back", "x"));
  ASSERT_OK(Restore("back"));
  for (const uint32_t limit : {1u, 2u, 10u}) {
    const std::vector<FileRecord> records = ListAll(RemovedQuery(), limit);
    ASSERT_THAT(records, SizeIs(3)) << limit;
    EXPECT_EQ(records[0].file_id, Id("a"));
    EXPECT_EQ(records[1].file_id, Id("b"));
    EXPECT_EQ(records[1].number, 1u);
    EXPECT_EQ(records[2].file_id, Id("b"));
    EXPECT_EQ(records[2].sha256, Sha256("y"));
    EXPECT_EQ(records[2].removed_at, wall_now());
  }
  ListQuery one = RemovedQuery();
  one.only = Id("b");
  EXPECT_THAT(IdsOf(one, 1), ElementsAre("b", "b"));
  EXPECT_THAT(Ids("", 1), ElementsAre("b", "back", "c"));
}

TEST_P(FileListSuite, ACursorBelongsToItsWindowAndItsKind) {
  PutAll({"a", "b"});
  ASSERT_OK_AND_ASSIGN(const RecordPage page, store().List(Query(""), 1, ""));
  ListQuery other = Query("");
  other.stored.from = wall_now();
  EXPECT_THAT(store().List(other, 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
  other = Query("");
  other.verified.until = wall_now();
  EXPECT_THAT(store().List(other, 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store().List(RemovedQuery(), 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// Lists, page by page, of what is held and of what is removed, while files are put, replaced,
// removed and restored between the pages: each shows exactly what there was at its first page.
TEST_P(FileListSuite, AListThatGoesOnShowsItsFirstMomentWhateverHappens) {
  using Shown = std::vector<std::pair<std::string, uint64_t>>;
  base::SeededRandom random(20260101);
  std::map<std::string, std::string> bytes_of;  // of the live ones
  int changes = 0;
  const auto change = [&] {
    const std::string id = absl::StrCat("f", random.Below(12));
    const std::string bytes = absl::StrCat("bytes ", ++changes);
    const auto there = bytes_of.find(id);
    if (there == bytes_of.end()) {
      if (random.Below(2) == 0 && Restore(id).ok()) {
        bytes_of[id] = Get(id);
      } else {
        ASSERT_OK(Put(id, bytes));
        bytes_of[id] = bytes;
      }
    } else if (random.Below(2) == 0) {
      ASSERT_OK(Remove(id, there->second));
      bytes_of.erase(there);
    } else {
      ASSERT_OK(Replace(id, there->second, bytes));
      there->second = bytes;
    }
  };
  const auto shown = [](const std::vector<FileRecord>& records) {
    Shown all;
    for (const FileRecord& record : records) {
      all.emplace_back(record.file_id.text(), record.number);
    }
    return all;
  };
  for (int round = 0; round < 8; ++round) {
    ASSERT_OK(store().PurgeQuarantine(absl::InfiniteFuture(), 1000));
    for (int i = 0; i < 25; ++i) ASSERT_NO_FATAL_FAILURE(change());
    for (const ListQuery& query : {Query(""), RemovedQuery(), Query("f1")}) {
      const Shown whole = shown(ListAll(query, kPageRecordsMax));
      Shown paged;
      std::string cursor;
      do {
        const RecordPage page = store().List(query, 3, cursor).value();
        const Shown more = shown(page.records);
        paged.insert(paged.end(), more.begin(), more.end());
        cursor = page.next_cursor;
        for (int i = 0; i < 2; ++i) ASSERT_NO_FATAL_FAILURE(change());
      } while (!cursor.empty());
      ASSERT_EQ(paged, whole) << "round " << round;
    }
  }
}

TEST_P(FileListSuite, AnswersOfAConversationAreFoundInOrder) {
  const base::ConversationId conversation = NewConversation();
  std::vector<AnswerKey> keys;
  for (int i = 0; i < 3; ++i) {
    Answer answer = NewAnswer();
    answer.key.conversation = conversation;
    if (i == 1) answer.final_body.clear();
    keys.push_back(answer.key);
    if (i == 1) {
      ASSERT_OK(store().OpenAnswer(answer));
    } else {
      ASSERT_OK(store().CloseAnswers({{answer, AuditEvent{.action = "PUT_FILE"}}}));
    }
    ASSERT_OK(store().OpenAnswer(NewAnswer()));  // of another
  }
  std::sort(keys.begin(), keys.end(),
            [](const AnswerKey& a, const AnswerKey& b) { return a.message_id < b.message_id; });
  for (int start = 0; start < 2; ++start) {
    ASSERT_OK_AND_ASSIGN(const auto answers, store().AnswersOf(conversation, 10));
    ASSERT_THAT(answers, SizeIs(3));
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(answers[i].key, keys[i]);
    EXPECT_THAT(store().AnswersOf(conversation, 2).value(), SizeIs(2));
    EXPECT_THAT(store().AnswersOf(NewConversation(), 10).value(), IsEmpty());
    subject_->Reopen();
  }
}

TEST_P(FileListSuite, TheTrailIsReadByWhatItRecords) {
  PutAll({"a", "b"});
  Later();
  const absl::Time later = wall_now();
  store::Removal removing = Removing("a", "x");
  removing.audit.principal = "mallory";
  ASSERT_OK(RemoveOne(removing));
  const uint64_t removed = store().ReadAudit(AuditQuery(), 1).value().end_sequence;
  const uint64_t put_a = removed - 2;
  ASSERT_OK(store().AppendAudit({AuditEvent{
      .action = "GET_FILE", .collection = "maps", .file_id = "a", .result = "FAILURE"}}));
  for (const uint32_t limit : {1u, 100u}) {
    EXPECT_THAT(Sequences({.collection = "books", .file_id = "a"}, limit),
                ElementsAre(put_a, removed));
    EXPECT_THAT(Sequences({.file_id = "a"}, limit), ElementsAre(put_a, removed, removed + 1));
    EXPECT_THAT(Sequences({.action = "DELETE_FILE"}, limit), ElementsAre(removed));
    EXPECT_THAT(Sequences({.principal = "mallory"}, limit), ElementsAre(removed));
    EXPECT_THAT(Sequences({.conversation = removing.answer.key.conversation.ToString()}, limit),
                ElementsAre(removed));
    EXPECT_THAT(Sequences({.first_sequence = put_a, .last_sequence = put_a + 1}, limit),
                ElementsAre(put_a, put_a + 1));
    EXPECT_THAT(Sequences({.file_id = "a", .at = {.from = later}}, limit),
                ElementsAre(removed, removed + 1));
    EXPECT_THAT(
        Sequences({.file_id = "a", .last_sequence = removed, .at = {.until = later}}, limit),
        ElementsAre(put_a, removed));
    EXPECT_THAT(Sequences({.file_id = "a", .action = "PUT_FILE", .at = {.from = later}}, limit),
                IsEmpty());
  }
  ASSERT_OK_AND_ASSIGN(const AuditPage page, store().ReadAudit({.first_sequence = removed + 1}, 1));
  ASSERT_THAT(page.records, SizeIs(1));
  EXPECT_EQ(page.records[0].event.result, "FAILURE");
  EXPECT_EQ(page.records[0].at, wall_now());
  EXPECT_EQ(page.end_sequence, removed + 1);
  EXPECT_EQ(page.end_hash, page.records[0].hash);
  EXPECT_EQ(page.next_sequence, 0u);
  EXPECT_THAT(store().ReadAudit(AuditQuery(), 0), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_OK(store().VerifyAudit());
}

TEST_P(FileListSuite, APageOfTheTrailLooksOnlySoFar) {
  const uint64_t before = store().ReadAudit(AuditQuery(), 1).value().end_sequence;
  std::vector<AuditEvent> events(kAuditLookMax + 1, AuditEvent{.action = "GET_FILE"});
  events.back().action = "LAST";
  ASSERT_OK(store().AppendAudit(events));
  const AuditQuery query{.action = "LAST", .first_sequence = before + 1};
  ASSERT_OK_AND_ASSIGN(const AuditPage first, store().ReadAudit(query, 1));
  EXPECT_THAT(first.records, IsEmpty());
  EXPECT_EQ(first.next_sequence, before + 1 + kAuditLookMax);
  EXPECT_THAT(Sequences(query, 1), ElementsAre(before + 1 + kAuditLookMax));
  EXPECT_THAT(store().ReadAudit(AuditQuery(), ~uint32_t{0}).value().records, SizeIs(kAuditPageMax));
}

}  // namespace bitrepo::store
