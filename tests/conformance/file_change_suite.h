// SPDX-License-Identifier: Apache-2.0
// What every file store must do with files that are replaced, removed, restored and purged.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/file_store_suite.h"

namespace bitrepo::store {

class FileChangeSuite : public FileStoreSuite {
 protected:
  CollectionCount Count() { return CountOf(store().Check().value(), "books"); }
  uint64_t AuditLength() { return store().ReadAudit(AuditQuery(), 1).value().end_sequence; }
  // A change that was refused leaves no answer and no record behind.
  void ExpectNothingWasRecorded(const AnswerKey& key, uint64_t audit_length) {
    EXPECT_FALSE(store().FindAnswer(key).value().has_value());
    EXPECT_EQ(AuditLength(), audit_length);
  }
  absl::StatusOr<std::string> ReadPinned(absl::string_view id,
                                         const base::GenerationId& generation) {
    const auto file = store().Open(books(), Id(id), generation);
    if (!file.ok()) return file.status();
    const auto read = (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
    return read.ok() ? absl::StatusOr<std::string>(read->text()) : read.status();
  }
  void Later() { subject_->clock().Advance(absl::Seconds(1)); }
};

TEST_P(FileChangeSuite, AReplacedFileHasTheNewBytesAndTheOldOnesAreInQuarantine) {
  ASSERT_OK_AND_ASSIGN(const FileRecord before, Put("f", "old"));
  Later();
  const absl::Time replaced_at = wall_now();
  {
    ASSERT_OK_AND_ASSIGN(const auto reader, Open("f"));
    ASSERT_OK_AND_ASSIGN(const FileRecord record, Replace("f", "old", "new bytes"));
    EXPECT_EQ(record.number, 2u);
    EXPECT_EQ(record.removed_at, std::nullopt);
    EXPECT_EQ(reader->Read(base::ByteRange::Whole(3)).value().text(), "old");
  }
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(Get("f"), "new bytes");
    EXPECT_EQ(ReadPinned("f", before.generation).value(), "old");
    EXPECT_THAT(Ids("", 10), ElementsAre("f"));
    ASSERT_OK_AND_ASSIGN(const FileRecord removed, FindRemoved("f"));
    EXPECT_EQ(removed.generation, before.generation);
    EXPECT_EQ(removed.sha256, Sha256("old"));
    EXPECT_EQ(removed.removed_at, replaced_at);
    EXPECT_EQ(removed.trouble, "");
    EXPECT_EQ(Count().files, 1u);
    EXPECT_EQ(Count().bytes, 9u);
    EXPECT_EQ(Count().quarantined_files, 1u);
    subject_->Reopen();
  }
}

TEST_P(FileChangeSuite, ReplacingNeedsTheDigestOfWhatIsThere) {
  ASSERT_OK(Put("f", "old"));
  Publication wrong = Sealed("f", "new");
  wrong.replaces = Sha256("other");
  Publication absent = Sealed("g", "new");
  absent.replaces = Sha256("old");
  const std::vector<AnswerKey> keys = {wrong.answer.key, absent.answer.key};
  const uint64_t audit_length = AuditLength();
  EXPECT_THAT(PublishOne(std::move(wrong)),
              StatusIs(absl::StatusCode::kAborted, HasSubstr(Sha256("old").Hex())));
  EXPECT_THAT(PublishOne(std::move(absent)), StatusIs(absl::StatusCode::kNotFound));
  for (const AnswerKey& key : keys) ExpectNothingWasRecorded(key, audit_length);
  EXPECT_EQ(Get("f"), "old");
  EXPECT_THAT(Find("g"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Count().quarantined_files, 0u);
}

TEST_P(FileChangeSuite, OfTwoReplacementsInOneGroupOneIsMade) {
  ASSERT_OK(Put("f", "old"));
  std::vector<Publication> group;
  group.push_back(Sealed("f", "first"));
  group.push_back(Sealed("f", "second"));
  group[0].replaces = Sha256("old");
  group[1].replaces = Sha256("first");
  const auto results = store().Publish(std::move(group));
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(Get("f"), "first");
}

TEST_P(FileChangeSuite, ARemovedFileIsGoneFromEverythingButTheQuarantine) {
  ASSERT_OK_AND_ASSIGN(const FileRecord put, Put("f", "some bytes"));
  PutAll({"g"});
  Later();
  const absl::Time removed_at = wall_now();
  const store::Removal removing = Removing("f", "some bytes");
  {
    ASSERT_OK_AND_ASSIGN(const auto reader, Open("f"));
    ASSERT_OK_AND_ASSIGN(const FileRecord record, RemoveOne(removing));
    EXPECT_EQ(record.generation, put.generation);
    EXPECT_EQ(record.removed_at, removed_at);
    EXPECT_EQ(reader->Read(base::ByteRange::Whole(10)).value().text(), "some bytes");
  }
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(Ids("", 10), ElementsAre("g"));
    EXPECT_EQ(FindRemoved("f").value().removed_at, removed_at);
    EXPECT_EQ(ReadPinned("f", put.generation).value(), "some bytes");
    EXPECT_EQ(store().FindAnswer(removing.answer.key).value()->final_body, "the final");
    EXPECT_EQ(Count().files, 1u);
    EXPECT_EQ(Count().quarantined_files, 1u);
    subject_->Reopen();
  }
  ASSERT_OK(Put("f", "others"));
  EXPECT_EQ(Get("f"), "others");
  EXPECT_EQ(Count().quarantined_files, 1u);
}

TEST_P(FileChangeSuite, ARefusedRemovalChangesNothing) {
  ASSERT_OK(Put("f", "some bytes"));
  const store::Removal wrong = Removing("f", "other bytes");
  const store::Removal absent = Removing("g", "some bytes");
  store::Removal elsewhere = Removing("f", "some bytes");
  elsewhere.collection = Collection("other");
  const uint64_t audit_length = AuditLength();
  EXPECT_THAT(RemoveOne(wrong), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(RemoveOne(absent), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(RemoveOne(elsewhere), StatusIs(absl::StatusCode::kFailedPrecondition));
  for (const store::Removal& each : {wrong, absent, elsewhere}) {
    ExpectNothingWasRecorded(each.answer.key, audit_length);
  }
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_EQ(Count().quarantined_files, 0u);
}

TEST_P(FileChangeSuite, RemovalsOfAGroupAreAnsweredOneByOne) {
  PutAll({"a", "b"});
  std::vector<store::Removal> group;
  for (const char* const id : {"a", "none", "b", "a"}) group.push_back(Removing(id, "x"));
  store::Removal again = Removing("b", "x");
  again.answer.key = group[0].answer.key;
  group.push_back(again);
  const auto results = store().Remove(std::move(group));
  ASSERT_THAT(results, SizeIs(5));
  EXPECT_OK(results[0]);
  EXPECT_THAT(results[1], StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(results[2]);
  EXPECT_THAT(results[3], StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(results[4], StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Ids("", 10), IsEmpty());
  EXPECT_EQ(Count().quarantined_files, 2u);
}

TEST_P(FileChangeSuite, ALostFileCanBeRemovedAndIsNotRestored) {
  for (const char* const id : {"missing", "damaged"}) ASSERT_OK(Put(id, "some bytes"));
  subject_->Lose("missing");
  subject_->FlipBit("damaged", 0);
  EXPECT_THAT(Open("missing"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(TryGet("damaged"), StatusIs(absl::StatusCode::kDataLoss));
  for (const char* const id : {"missing", "damaged"}) {
    ASSERT_OK(Remove(id, "some bytes"));
    EXPECT_EQ(FindRemoved(id).value().trouble, id);
    const store::Restoration restoring = Restoring(id);
    const uint64_t audit_length = AuditLength();
    EXPECT_THAT(store().Restore(restoring), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(id)));
    ExpectNothingWasRecorded(restoring.answer.key, audit_length);
  }
  EXPECT_EQ(Count().missing_files, 0u);
  EXPECT_EQ(Count().damaged_files, 0u);
  subject_->Reopen();
  EXPECT_THAT(Restore("missing"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Find("missing"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileChangeSuite, ARestoredFileIsTheOneThatWasRemoved) {
  ASSERT_OK_AND_ASSIGN(const FileRecord put, Put("f", "some bytes"));
  ASSERT_OK(Remove("f", "some bytes"));
  Later();
  const store::Restoration restoring = Restoring("f");
  ASSERT_OK_AND_ASSIGN(const FileRecord record, store().Restore(restoring));
  EXPECT_EQ(record.number, 2u);
  EXPECT_EQ(record.generation, put.generation);
  EXPECT_EQ(record.stored_at, wall_now());
  EXPECT_EQ(record.removed_at, std::nullopt);
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(Get("f"), "some bytes");
    EXPECT_EQ(ReadPinned("f", put.generation).value(), "some bytes");
    EXPECT_THAT(FindRemoved("f"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(Count().files, 1u);
    EXPECT_EQ(Count().quarantined_files, 0u);
    EXPECT_TRUE(store().FindAnswer(restoring.answer.key).value().has_value());
    subject_->Reopen();
  }
  subject_->FlipBit("f", 0);
  EXPECT_THAT(TryGet("f"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(FileChangeSuite, WhatWasRemovedAgainAndAgainIsRestoredByItsGeneration) {
  std::vector<FileRecord> records;
  for (const char* const bytes : {"one", "two", "three"}) {
    ASSERT_OK_AND_ASSIGN(const FileRecord record, Put("f", bytes));
    records.push_back(record);
    ASSERT_OK(Remove("f", bytes));
  }
  EXPECT_EQ(FindRemoved("f").value().sha256, Sha256("three"));
  store::Restoration named = Restoring("f");
  named.generation = records[0].generation;
  ASSERT_OK(store().Restore(named));
  EXPECT_EQ(Get("f"), "one");
  EXPECT_EQ(Count().quarantined_files, 2u);
  ASSERT_OK(Remove("f", "one"));
  EXPECT_EQ(FindRemoved("f").value().sha256, Sha256("one"));
  ASSERT_OK(Restore("f"));
  EXPECT_EQ(Get("f"), "one");
  subject_->Reopen();
  EXPECT_EQ(Get("f"), "one");
  EXPECT_EQ(ReadPinned("f", records[1].generation).value(), "two");
  EXPECT_EQ(Count().quarantined_files, 2u);
}

TEST_P(FileChangeSuite, ARestoredFileTakesThePlaceOfTheOneThatIsNamed) {
  ASSERT_OK(Put("f", "old"));
  ASSERT_OK(Replace("f", "old", "new"));
  store::Restoration restoring = Restoring("f");
  const uint64_t audit_length = AuditLength();
  EXPECT_THAT(store().Restore(restoring), StatusIs(absl::StatusCode::kAlreadyExists));
  restoring.replaces = Sha256("other");
  EXPECT_THAT(store().Restore(restoring), StatusIs(absl::StatusCode::kAborted));
  ExpectNothingWasRecorded(restoring.answer.key, audit_length);
  EXPECT_EQ(Get("f"), "new");
  restoring.replaces = Sha256("new");
  ASSERT_OK(store().Restore(restoring));
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(Get("f"), "old");
    EXPECT_EQ(FindRemoved("f").value().sha256, Sha256("new"));
    EXPECT_EQ(Count().files, 1u);
    EXPECT_EQ(Count().quarantined_files, 1u);
    subject_->Reopen();
  }
}

TEST_P(FileChangeSuite, ARefusedRestorationChangesNothing) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Remove("f", "some bytes"));
  store::Restoration unknown = Restoring("f");
  unknown.generation = NewConversation();
  const store::Restoration absent = Restoring("g");
  store::Restoration nothing_there = Restoring("f");
  nothing_there.replaces = Sha256("some bytes");
  const uint64_t audit_length = AuditLength();
  for (const store::Restoration& each : {unknown, absent, nothing_there}) {
    EXPECT_THAT(store().Restore(each), StatusIs(absl::StatusCode::kNotFound));
    ExpectNothingWasRecorded(each.answer.key, audit_length);
  }
  EXPECT_EQ(Count().quarantined_files, 1u);
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(FileChangeSuite, EachChangeHasItsEffectOnce) {
  PutAll({"a", "b"});
  store::Removal removing = Removing("a", "x");
  ASSERT_OK(RemoveOne(removing));
  EXPECT_THAT(RemoveOne(removing), StatusIs(absl::StatusCode::kFailedPrecondition));
  removing.file_id = Id("b");
  EXPECT_THAT(RemoveOne(removing), StatusIs(absl::StatusCode::kFailedPrecondition));
  const store::Restoration restoring = Restoring("a");
  ASSERT_OK(store().Restore(restoring));
  EXPECT_THAT(store().Restore(restoring), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Ids("", 10), ElementsAre("a", "b"));
}

TEST_P(FileChangeSuite, AChangeIsRecordedUnderItsFileWhateverTheCallerWrote) {
  Publication publication = Sealed("f", "x");
  publication.audit = AuditEvent{.action = "PUT_FILE"};
  ASSERT_OK(PublishOne(std::move(publication)));
  store::Removal removing = Removing("f", "x");
  removing.audit = AuditEvent{.action = "DELETE_FILE", .collection = "maps", .file_id = "g"};
  ASSERT_OK(RemoveOne(removing));
  const AuditPage page =
      store().ReadAudit(AuditQuery{.collection = "books", .file_id = "f"}, 10).value();
  ASSERT_THAT(page.records, SizeIs(2));
  EXPECT_EQ(page.records[0].event.action, "PUT_FILE");
  EXPECT_EQ(page.records[1].event.action, "DELETE_FILE");
}

TEST_P(FileChangeSuite, TwoCollectionsMayHoldTheSameId) {
  ASSERT_OK(Put("f", "of books"));
  ASSERT_OK(Put("f", "of maps", "maps"));
  EXPECT_THAT(Remove("f", "of books", "maps"), StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK(Remove("f", "of maps", "maps"));
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(Get("f"), "of books");
    EXPECT_THAT(store().Find(maps(), Id("f")), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_THAT(FindRemoved("f"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(store().FindRemoved(maps(), Id("f")).value().sha256, Sha256("of maps"));
    EXPECT_EQ(Count().quarantined_files, 0u);
    EXPECT_EQ(CountOf(store().Check().value(), "maps").quarantined_files, 1u);
    subject_->Reopen();
  }
}

TEST_P(FileChangeSuite, WhatIsPastItsTermIsPurgedAndNothingElse) {
  PutAll({"early", "late", "live", "back"});
  ASSERT_OK(Remove("early", "x"));
  ASSERT_OK(Remove("back", "x"));
  ASSERT_OK(Restore("back"));
  Later();
  const absl::Time between = wall_now();
  ASSERT_OK(Remove("late", "x"));
  const uint64_t audit_length = AuditLength();
  EXPECT_THAT(store().PurgeQuarantine(between, 0), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(store().PurgeQuarantine(between, 10).value(), 1u);
  EXPECT_EQ(AuditLength(), audit_length + 1);
  EXPECT_EQ(store().PurgeQuarantine(between, 10).value(), 0u);
  EXPECT_THAT(FindRemoved("early"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Restore("early"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(FindRemoved("late"));
  EXPECT_EQ(Get("back"), "x");
  EXPECT_EQ(Count().quarantined_files, 1u);
  const AuditPage page =
      store().ReadAudit(AuditQuery{.file_id = "early", .action = "QUARANTINE_PURGED"}, 10).value();
  ASSERT_THAT(page.records, SizeIs(1));
  EXPECT_THAT(page.records[0].event.detail, HasSubstr(Sha256("x").Hex()));
  subject_->Reopen();
  EXPECT_EQ(Count().quarantined_files, 1u);
  EXPECT_EQ(Get("back"), "x");
  ASSERT_OK(Put("early", "again"));
  EXPECT_EQ(Get("early"), "again");
}

TEST_P(FileChangeSuite, APurgeTakesNoMoreThanItsLimit) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(absl::StrCat("f", i));
  PutAll(ids);
  for (const std::string& id : ids) ASSERT_OK(Remove(id, "x"));
  Later();
  EXPECT_EQ(store().PurgeQuarantine(wall_now(), 2).value(), 2u);
  EXPECT_EQ(Count().quarantined_files, 3u);
  EXPECT_EQ(store().PurgeQuarantine(wall_now(), 3).value(), 3u);
  EXPECT_EQ(store().PurgeQuarantine(wall_now(), 3).value(), 0u);
}

TEST_P(FileChangeSuite, AnOpenFileOutlivesItsPurge) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK_AND_ASSIGN(const auto file, Open("f"));
  ASSERT_OK(Remove("f", "some bytes"));
  Later();
  ASSERT_EQ(store().PurgeQuarantine(wall_now(), 1).value(), 1u);
  EXPECT_EQ(file->Read(base::ByteRange::Whole(10)).value().text(), "some bytes");
}

TEST_P(FileChangeSuite, AStoreThatStoppedWritingChangesNothing) {
  if (!subject_->breaks()) GTEST_SKIP() << "its catalogue alone could break, and has its own test";
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Put("g", "others"));
  ASSERT_OK(Remove("g", "others"));
  Publication pending = Sealed("h", "lost");
  subject_->BreakMedium();
  EXPECT_THAT(PublishOne(std::move(pending)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Remove("f", "some bytes"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Restore("g"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(store().PurgeQuarantine(absl::InfiniteFuture(), 1),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_OK(FindRemoved("g"));
}

}  // namespace bitrepo::store
