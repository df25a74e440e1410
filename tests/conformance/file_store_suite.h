// SPDX-License-Identifier: Apache-2.0
// What every file store must do, whatever it stands on: the suite that all of them run.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pillar/store/file_store.h"
#include "pillar/store/list_cursor.h"
#include "tests/pillar/store/publications.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {

// A store with the collections "books" and "maps", and what can happen to it.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual FileStore& store() = 0;
  virtual testing_support::ManualClock& clock() = 0;
  // Closed and opened again; nothing of it is in use.
  virtual void Reopen() = 0;
  // Of the live generation in "books".
  virtual void FlipBit(const std::string& file_id, uint64_t offset) = 0;
  virtual void Lose(const std::string& file_id) = 0;
  // From now on the medium fails.
  virtual void BreakMedium() = 0;
  virtual bool breaks() const { return true; }  // BreakMedium can be had
  // The right blocks of a damaged file can be read; else it is refused whole.
  virtual bool serves_parts() const { return true; }
};

using MakeStore = std::function<std::unique_ptr<StoreUnderTest>()>;

class FileStoreSuite : public ::testing::TestWithParam<MakeStore>,
                       public testing_support::Publications {
 protected:
  FileStoreSuite() : subject_(GetParam()()) {}
  FileStore& store() override { return subject_->store(); }
  absl::Time wall_now() override { return subject_->clock().WallNow(); }

  std::unique_ptr<StoreUnderTest> subject_;
};

using ::bitrepo::testing_support::IsOk;
using ::bitrepo::testing_support::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

TEST_P(FileStoreSuite, GivesBackWhatWasPublished) {
  const std::string bytes = Bytes(3 * kBlockBytes + 17);
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Put("a/b c.txt", bytes));
  EXPECT_EQ(record.file_id.text(), "a/b c.txt");
  EXPECT_EQ(record.number, 1u);
  EXPECT_EQ(record.size_bytes, bytes.size());
  EXPECT_EQ(record.sha256, base::Hasher::Of(base::Algorithm::kSha256, bytes));
  EXPECT_EQ(record.stored_at, wall_now());
  EXPECT_THAT(Get("a/b c.txt"), ::testing::Eq(bytes));
  subject_->Reopen();
  ASSERT_OK_AND_ASSIGN(const FileRecord again, Find("a/b c.txt"));
  EXPECT_EQ(again.sha256, record.sha256);
  EXPECT_EQ(again.generation, record.generation);
  EXPECT_EQ(again.stored_at, record.stored_at);
  EXPECT_THAT(Get("a/b c.txt"), ::testing::Eq(bytes));
}

TEST_P(FileStoreSuite, KeepsAnEmptyFile) {
  ASSERT_OK(Put("empty", ""));
  ASSERT_OK_AND_ASSIGN(const auto file, Open("empty"));
  EXPECT_EQ(file->record().size_bytes, 0u);
  ASSERT_OK_AND_ASSIGN(const base::Buffer read, file->Read(base::ByteRange()));
  EXPECT_TRUE(read.empty());
}

TEST_P(FileStoreSuite, ReadsAnyRangeAndNoneBeyondTheEnd) {
  const std::string bytes = Bytes(2 * kBlockBytes + 5);
  ASSERT_OK(Put("f", bytes));
  ASSERT_OK_AND_ASSIGN(const auto file, Open("f"));
  for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, uint64_t{kBlockBytes - 1},
                                uint64_t{kBlockBytes}, uint64_t{2 * kBlockBytes + 4}}) {
    for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{kBlockBytes}}) {
      const auto range = base::ByteRange::Make(offset, length).value();
      const absl::StatusOr<base::Buffer> read = file->Read(range);
      if (range.end() > bytes.size()) {
        EXPECT_THAT(read, StatusIs(absl::StatusCode::kOutOfRange)) << range.ToString();
        continue;
      }
      ASSERT_OK(read);
      EXPECT_TRUE(read->text() == absl::string_view(bytes).substr(offset, length))
          << range.ToString();
    }
  }
  EXPECT_THAT(file->Read(base::ByteRange::Make(bytes.size() + 1, 0).value()),
              StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(file->Read(base::ByteRange::Make(0, kReadBytesMax + 1).value()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(FileStoreSuite, TakesRangesInAnyOrderAndTheSameAgain) {
  const std::string bytes = Bytes(kBlockBytes + 1000);
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(bytes.size()));
  const size_t half = bytes.size() / 2;
  ASSERT_OK(staged->Write(half, Span(absl::string_view(bytes).substr(half))));
  ASSERT_OK(staged->Write(0, Span(std::string(half, 'x'))));
  ASSERT_OK(staged->Write(0, Span(absl::string_view(bytes).substr(0, half))));
  ASSERT_OK_AND_ASSIGN(const StagedFile::Facts facts, staged->Seal(bytes.size()));
  EXPECT_EQ(facts.sha256, base::Hasher::Of(base::Algorithm::kSha256, bytes));
  ASSERT_OK(PublishOne(Publish("f", std::move(staged))));
  EXPECT_THAT(Get("f"), ::testing::Eq(bytes));
}

TEST_P(FileStoreSuite, ReadsBackWhatIsStaged) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(10));
  ASSERT_OK(staged->Write(0, Span("0123")));
  std::string out(4, ' ');
  ASSERT_OK(staged->ReadBack(0, std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, "0123");
  EXPECT_THAT(staged->ReadBack(1, std::as_writable_bytes(std::span(out))),
              StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_P(FileStoreSuite, SealRefusesHolesAndMore) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(10));
  ASSERT_OK(staged->Write(0, Span("01234")));
  ASSERT_OK(staged->Write(6, Span("6789")));
  EXPECT_THAT(staged->Seal(10), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("at 5")));
  EXPECT_THAT(staged->Seal(5), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(staged->Write(5, Span("5")));
  ASSERT_OK(staged->Seal(10));
  EXPECT_THAT(staged->Write(0, Span("0")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(FileStoreSuite, TakesNoMoreThanWasAnnounced) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(4));
  ASSERT_OK(staged->Write(0, Span("0123")));
  EXPECT_THAT(staged->Write(4, Span("4")), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(staged->Write(~uint64_t{0}, Span("4")), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_P(FileStoreSuite, RefusesMoreThanThereIsSpaceFor) {
  EXPECT_THAT(Stage(kFileBytesMax),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("free")));
  EXPECT_THAT(Stage(kFileBytesMax + 1), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_P(FileStoreSuite, AnUnpublishedFileLeavesNothing) {
  {
    ASSERT_OK_AND_ASSIGN(auto staged, Stage(4));
    ASSERT_OK(staged->Write(0, Span("0123")));
  }
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
  subject_->Reopen();
  EXPECT_THAT(Ids("", 10), IsEmpty());
}

TEST_P(FileStoreSuite, AnIdIsTakenOnce) {
  ASSERT_OK(Put("f", "one"));
  EXPECT_THAT(Put("f", "two"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Put("f", "one"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(Get("f"), "one");
  ASSERT_OK(Put("f", "two", "maps"));
}

TEST_P(FileStoreSuite, AGroupIsAnsweredOneByOne) {
  ASSERT_OK(Put("taken", "old"));
  std::vector<Publication> group;
  for (const char* const id : {"a", "taken", "b", "a"}) {
    group.push_back(Sealed(id, absl::StrCat("of ", id)));
  }
  const AnswerKey refused = group[1].answer.key;
  const AnswerKey accepted = group[2].answer.key;
  const auto results = store().Publish(std::move(group));
  ASSERT_THAT(results, SizeIs(4));
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_OK(results[2]);
  EXPECT_THAT(results[3], StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(Get("a"), "of a");
  EXPECT_EQ(Get("taken"), "old");
  ASSERT_OK_AND_ASSIGN(const auto none, store().FindAnswer(refused));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK_AND_ASSIGN(const auto final, store().FindAnswer(accepted));
  ASSERT_TRUE(final.has_value());
  EXPECT_EQ(final->final_body, "the final");
}

TEST_P(FileStoreSuite, ARequestHasItsEffectOnce) {
  Publication first = Sealed("a", "1");
  Publication second = Sealed("b", "2");
  second.answer.key = first.answer.key;
  ASSERT_OK(PublishOne(std::move(first)));
  EXPECT_THAT(PublishOne(std::move(second)), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Find("b"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileStoreSuite, AnUnsealedFileIsNotPublished) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(1));
  ASSERT_OK(staged->Write(0, Span("x")));
  EXPECT_THAT(PublishOne(Publish("f", std::move(staged))),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(FileStoreSuite, AnotherCollectionIsRefused) {
  const auto other = base::CollectionId::Parse("other").value();
  EXPECT_THAT(store().Stage(other, Id("f"), 1), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store().Find(other, Id("f")), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(store().List(ListQuery{.collection = other, .prefix = {}, .only = {}}, 1, ""),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(FileStoreSuite, OpensTheGenerationThatIsNamed) {
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Put("f", "bytes"));
  EXPECT_OK(store().Open(books(), Id("f"), record.generation));
  EXPECT_THAT(store().Open(books(), Id("f"), NewConversation()),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Open("g"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileStoreSuite, NeverGivesOutDamagedBytes) {
  if (!subject_->serves_parts()) {
    ASSERT_OK(Put("f", "some bytes"));
    subject_->FlipBit("f", 5);
    EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kDataLoss));
    return;
  }
  const std::string bytes = Bytes(3 * kBlockBytes);
  ASSERT_OK(Put("f", bytes));
  subject_->FlipBit("f", kBlockBytes + 5);
  ASSERT_OK_AND_ASSIGN(const auto file, Open("f"));
  EXPECT_THAT(file->Read(base::ByteRange::Whole(bytes.size())),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(file->Read(base::ByteRange::Make(kBlockBytes + 6, 1).value()),
              StatusIs(absl::StatusCode::kDataLoss));
  ASSERT_OK_AND_ASSIGN(const base::Buffer right, file->Read(base::ByteRange::Whole(kBlockBytes)));
  EXPECT_TRUE(right.text() == absl::string_view(bytes).substr(0, kBlockBytes));
}

TEST_P(FileStoreSuite, ADamagedFileIsRecordedNotForgotten) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Put("g", "others"));
  subject_->FlipBit("f", 0);
  EXPECT_THAT(TryGet("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Troubles(), ElementsAre(Pair("f", "damaged"), Pair("g", "")));
  ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
  EXPECT_EQ(CountOf(report, "books").damaged_files, 1u);
  EXPECT_EQ(CountOf(report, "books").files, 1u);
  subject_->Reopen();
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Put("f", "other bytes"), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_P(FileStoreSuite, AMissingFileIsLossNotAbsence) {
  ASSERT_OK(Put("f", "some bytes"));
  subject_->Lose("f");
  EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kDataLoss));
  subject_->Reopen();
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Troubles(), ElementsAre(Pair("f", "missing")));
  ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
  EXPECT_EQ(CountOf(report, "books").missing_files, 1u);
}

TEST_P(FileStoreSuite, WhatWasLostCanBePutAgain) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Put("g", "other bytes"));
  subject_->Lose("f");
  subject_->FlipBit("g", 3);
  subject_->Reopen();
  EXPECT_THAT(TryGet("g"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Put("f", "not the same"), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Put("f", "some bytes"));
  EXPECT_EQ(record.number, 2u);
  ASSERT_OK(Put("g", "other bytes"));
  EXPECT_EQ(Get("f"), "some bytes");
  subject_->Reopen();
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_EQ(Get("g"), "other bytes");
  EXPECT_THAT(Ids("", 10), ElementsAre("f", "g"));
}

TEST_P(FileStoreSuite, AnOpenFileOutlivesItsName) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK_AND_ASSIGN(const auto file, Open("f"));
  subject_->Lose("f");
  ASSERT_OK_AND_ASSIGN(const base::Buffer read, file->Read(base::ByteRange::Whole(10)));
  EXPECT_EQ(read.text(), "some bytes");
}

TEST_P(FileStoreSuite, ListsInOrderOfBytesAPageAtATime) {
  std::vector<std::string> ids = {"b", "a", "Z", "\xC3\xA9", "a/1", "a/10", "a/2", "a~", "%", "zz"};
  PutAll(ids);
  std::sort(ids.begin(), ids.end());
  for (const uint32_t limit : {1u, 3u, 10u, 100u}) {
    EXPECT_EQ(Ids("", limit), ids) << limit;
  }
  EXPECT_THAT(Ids("a/", 2), ElementsAre("a/1", "a/10", "a/2"));
  EXPECT_THAT(Ids("a", 2), ElementsAre("a", "a/1", "a/10", "a/2", "a~"));
  EXPECT_THAT(Ids("\xC3", 2), ElementsAre("\xC3\xA9"));
  EXPECT_THAT(Ids("y", 2), IsEmpty());
  EXPECT_THAT(store().List(Query(""), 0, ""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(FileStoreSuite, ListsOne) {
  PutAll({"a", "a/1", "b"});
  ListQuery query = Query("");
  query.only = Id("a");
  ASSERT_OK_AND_ASSIGN(const RecordPage page, store().List(query, 1, ""));
  ASSERT_THAT(page.records, SizeIs(1));
  EXPECT_EQ(page.records[0].file_id.text(), "a");
  EXPECT_EQ(page.next_cursor, "");
  query.only = Id("c");
  ASSERT_OK_AND_ASSIGN(const RecordPage none, store().List(query, 1, ""));
  EXPECT_THAT(none.records, IsEmpty());
}

TEST_P(FileStoreSuite, AListShowsTheCollectionAsItWasAtItsFirstPage) {
  PutAll({"b", "d", "f"});
  ASSERT_OK_AND_ASSIGN(const RecordPage first, store().List(Query(""), 1, ""));
  PutAll({"a", "c", "e", "g"});
  ASSERT_OK_AND_ASSIGN(const RecordPage rest, store().List(Query(""), 10, first.next_cursor));
  ASSERT_THAT(rest.records, SizeIs(2));
  EXPECT_EQ(rest.records[0].file_id.text(), "d");
  EXPECT_EQ(rest.records[1].file_id.text(), "f");
  EXPECT_THAT(Ids("", 2), ElementsAre("a", "b", "c", "d", "e", "f", "g"));
}

TEST_P(FileStoreSuite, ACursorOfAnotherListIsRefused) {
  PutAll({"a", "ab", "b"});
  ASSERT_OK_AND_ASSIGN(const RecordPage page, store().List(Query(""), 1, ""));
  ASSERT_NE(page.next_cursor, "");
  EXPECT_THAT(store().List(Query("a"), 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ListQuery other = Query("");
  other.collection = maps();
  EXPECT_THAT(store().List(other, 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
  other = Query("");
  other.question = "their md5";
  EXPECT_THAT(store().List(other, 1, page.next_cursor),
              StatusIs(absl::StatusCode::kInvalidArgument));
  for (size_t i = 0; i < page.next_cursor.size(); ++i) {
    std::string forged = page.next_cursor;
    forged[i] = static_cast<char>(forged[i] ^ 0x10);
    EXPECT_THAT(store().List(Query(""), 1, forged), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(store().List(Query(""), 1,
                             page.next_cursor.substr(0, i + 1) == page.next_cursor
                                 ? "x"
                                 : page.next_cursor.substr(0, i + 1)),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  subject_->Reopen();
  EXPECT_OK(store().List(Query(""), 1, page.next_cursor));
}

TEST_P(FileStoreSuite, AnAnswerIsKeptAcrossARestart) {
  Answer answer = NewAnswer();
  answer.final_body.clear();
  ASSERT_OK(store().OpenAnswer(answer));
  ASSERT_OK(store().OpenAnswer(answer));
  Answer other = answer;
  other.body_sha256 = std::string(32, 'o');
  EXPECT_THAT(store().OpenAnswer(other), StatusIs(absl::StatusCode::kAlreadyExists));
  answer.final_body = "refused";
  ASSERT_OK(store().CloseAnswers({{answer, AuditEvent{.action = "PUT_FILE"}}}));
  answer.final_body = "another";
  ASSERT_OK(store().CloseAnswers({{answer, AuditEvent{.action = "PUT_FILE"}}}));
  subject_->Reopen();
  ASSERT_OK_AND_ASSIGN(const auto found, store().FindAnswer(answer.key));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->final_body, "refused");
  EXPECT_EQ(found->body_sha256, answer.body_sha256);
  EXPECT_FALSE(found->interrupted);
  AnswerKey key = answer.key;
  key.principal = "someone-else";
  ASSERT_OK_AND_ASSIGN(const auto none, store().FindAnswer(key));
  EXPECT_FALSE(none.has_value());
}

TEST_P(FileStoreSuite, AnOpenAnswerIsInterruptedByARestart) {
  Answer answer = NewAnswer();
  answer.final_body.clear();
  ASSERT_OK(store().OpenAnswer(answer));
  EXPECT_THAT(store().InterruptedAnswers(absl::ZeroDuration()).value(), IsEmpty());
  subject_->Reopen();
  ASSERT_OK_AND_ASSIGN(const auto found, store().FindAnswer(answer.key));
  EXPECT_TRUE(found->interrupted);
  EXPECT_THAT(store().InterruptedAnswers(absl::Hours(1)).value(), IsEmpty());
  subject_->clock().Advance(absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(const auto interrupted, store().InterruptedAnswers(absl::Hours(1)));
  ASSERT_THAT(interrupted, SizeIs(1));
  EXPECT_EQ(interrupted[0].key, answer.key);
  ASSERT_OK(store().OpenAnswer(answer));  // it goes on
  EXPECT_THAT(store().InterruptedAnswers(absl::Hours(1)).value(), IsEmpty());
}

TEST_P(FileStoreSuite, AnswersAreForgottenAfterSevenDaysAndNotBefore) {
  Publication publication = Sealed("f", "bytes");
  const AnswerKey key = publication.answer.key;
  ASSERT_OK(PublishOne(std::move(publication)));
  subject_->clock().Advance(kAnswersKept);
  ASSERT_OK(store().InterruptedAnswers(absl::Hours(1)));
  EXPECT_TRUE(store().FindAnswer(key).value().has_value());
  subject_->clock().Advance(absl::Seconds(1));
  ASSERT_OK(store().InterruptedAnswers(absl::Hours(1)));
  EXPECT_FALSE(store().FindAnswer(key).value().has_value());
}

TEST_P(FileStoreSuite, EachOpeningHasAHigherIncarnation) {
  const uint64_t first = store().incarnation();
  const base::StoreId id = store().store_id();
  subject_->Reopen();
  EXPECT_GT(store().incarnation(), first);
  EXPECT_EQ(store().store_id(), id);
}

TEST_P(FileStoreSuite, ReportsWhatItHolds) {
  PutAll({"a", "b"});
  ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
  EXPECT_TRUE(report.writable);
  EXPECT_EQ(report.trouble, "");
  EXPECT_GT(report.free_bytes, 0u);
  EXPECT_GE(report.total_bytes, report.free_bytes);
  EXPECT_EQ(CountOf(report, "books").files, 2u);
  EXPECT_EQ(CountOf(report, "books").bytes, 2u);
  EXPECT_EQ(CountOf(report, "maps").files, 0u);
}

TEST_P(FileStoreSuite, ABrokenMediumEndsWritingNotReading) {
  if (!subject_->breaks()) GTEST_SKIP() << "its catalogue alone could break, and has its own test";
  ASSERT_OK(Put("f", "some bytes"));
  Publication pending = Sealed("g", "lost");
  subject_->BreakMedium();
  EXPECT_THAT(PublishOne(std::move(pending)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stopped writing")));
  EXPECT_THAT(Stage(1), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store().OpenAnswer(NewAnswer()), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store().AppendAudit({AuditEvent{.action = "GET_FILE"}}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_THAT(Ids("", 10), ElementsAre("f"));
  ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
  EXPECT_FALSE(report.writable);
  EXPECT_THAT(report.trouble, HasSubstr("stopped writing"));
}

}  // namespace bitrepo::store
