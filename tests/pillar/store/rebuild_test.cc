// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/rebuild.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using testing_support::IsOk;
using testing_support::StatusIs;

// Whether files say who they are by an attribute, or by a file beside them.
class RebuildTest : public ::testing::TestWithParam<bool>, public testing_support::StoreOnDisk {
 protected:
  RebuildTest() {
    if (!GetParam()) disk().ForgetAttributes();
    Reopen();
  }
  absl::StatusOr<RebuildFindings> Rebuild() {
    return RebuildCatalogue(options(), disk(), clock(), random());
  }
  // What was, is not known any more but from the files.
  RebuildFindings LoseAndRebuild() {
    LoseCatalogue();
    const absl::StatusOr<RebuildFindings> found = Rebuild();
    EXPECT_THAT(found, IsOk());
    Reopen();
    return found.value_or(RebuildFindings());
  }
  void ForgetRecordOf(const std::string& path) {
    if (GetParam()) {
      ASSERT_EQ(removexattr(path.c_str(), "user.bitrepo"), 0) << path;
    } else {
      ASSERT_TRUE(fs::remove(path + ".id"));
    }
  }
  void Move(const std::string& from, const std::string& to) {
    fs::create_directories(fs::path(to).parent_path());
    fs::rename(from, to);
    if (!GetParam()) fs::rename(from + ".id", to + ".id");
  }
};

std::string NameOf(const ::testing::TestParamInfo<bool>& info) {
  return info.param ? "AsAttributes" : "AsFilesBeside";
}
INSTANTIATE_TEST_SUITE_P(Records, RebuildTest, ::testing::Bool(), NameOf);

TEST_P(RebuildTest, EveryFileIsThereAgainAsItWas) {
  const std::vector<std::string> ids = {"a", "a b/\xC3\xA9~%.id", std::string(255, '#'), "empty"};
  const std::string bytes = Bytes(3 * kBlockBytes + 11);
  std::vector<FileRecord> records;
  for (const std::string& id : ids) {
    clock().Advance(absl::Seconds(1));
    records.push_back(Put(id, id == "empty" ? "" : id + bytes).value());
  }
  ASSERT_OK(Put("a", "other", "maps"));
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files, ids.size() + 1);
  EXPECT_EQ(found.damaged + found.unproven + found.strangers, 0u);
  for (const FileRecord& record : records) {
    const std::string id = record.file_id.text();
    ASSERT_OK_AND_ASSIGN(const FileRecord again, Find(id));
    EXPECT_EQ(again.number, record.number);
    EXPECT_EQ(again.generation, record.generation);
    EXPECT_EQ(again.size_bytes, record.size_bytes);
    EXPECT_EQ(again.sha256, record.sha256);
    EXPECT_EQ(again.verified_at, wall_now());
    EXPECT_TRUE(Get(id) == (id == "empty" ? "" : id + bytes)) << id;
  }
  EXPECT_THAT(Ids("", 2), SizeIs(ids.size()));
  ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
  EXPECT_EQ(CountOf(report, "books").files, ids.size());
  EXPECT_EQ(CountOf(report, "books").quarantined_files, 0u);
  EXPECT_EQ(CountOf(report, "maps").bytes, 5u);
}

TEST_P(RebuildTest, DamageIsSeenAfterItAsBefore) {
  const std::string bytes = Bytes(2 * kBlockBytes);
  ASSERT_OK(Put("f", bytes));
  LoseAndRebuild();
  FlipBitIn(FilePath("f"), kBlockBytes + 1);
  ASSERT_OK_AND_ASSIGN(const auto file, Open("f"));
  EXPECT_OK(file->Read(base::ByteRange::Whole(kBlockBytes)));
  EXPECT_THAT(file->Read(base::ByteRange::Whole(bytes.size())),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_P(RebuildTest, AListThatGoesOnLosesNothing) {
  PutAll({"a", "b", "c"});
  ASSERT_OK_AND_ASSIGN(const RecordPage first, store().List(Query(""), 1, ""));
  LoseAndRebuild();
  ASSERT_OK_AND_ASSIGN(const RecordPage rest, store().List(Query(""), 9, first.next_cursor));
  EXPECT_THAT(rest.records, SizeIs(2));
}

TEST_P(RebuildTest, AFileWithoutItsRecordIsNeverServedAndNeverBlessed) {
  ASSERT_OK(Put("f", "some bytes"));
  ASSERT_OK(Put("g", "others"));
  ForgetRecordOf(FilePath("f"));
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files, 1u);
  EXPECT_EQ(found.unproven, 1u);
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("unproven")));
    EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("unproven")));
    EXPECT_THAT(Troubles(), ElementsAre(Pair("f", "unproven"), Pair("g", "")));
    EXPECT_EQ(CountOf(store().Check().value(), "books").damaged_files, 1u);
    Reopen();
  }
}

TEST_P(RebuildTest, TheSameBytesPutAgainProveAFileAndOthersDoNot) {
  ASSERT_OK(Put("f", "some bytes"));
  ForgetRecordOf(FilePath("f"));
  LoseAndRebuild();
  EXPECT_THAT(Put("f", "other byte"), StatusIs(absl::StatusCode::kAlreadyExists));
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Put("f", "some bytes"));
  EXPECT_EQ(record.number, 2u);
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_THAT(FilesBelow("books/quarantine"), SizeIs(1));
  EXPECT_EQ(CountOf(store().Check().value(), "books").damaged_files, 0u);
  Reopen();
  EXPECT_EQ(Get("f"), "some bytes");
}

TEST_P(RebuildTest, AnUnprovenFileThatIsTakenAwayDoesNotComeBackAsProven) {
  ASSERT_OK(Put("f", "some bytes"));
  ForgetRecordOf(FilePath("f"));
  LoseAndRebuild();
  fs::rename(FilePath("f"), PathOf("aside"));
  Reopen();
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
  fs::rename(PathOf("aside"), FilePath("f"));
  Reopen();
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(FilesBelow("books/quarantine"), SizeIs(1));
  ASSERT_OK(Put("f", "new bytes"));
  EXPECT_EQ(Get("f"), "new bytes");
}

TEST_P(RebuildTest, OtherBytesThanTheRecordSaysAreDamagedAndNoneOfThemIsServed) {
  const std::string bytes = Bytes(2 * kBlockBytes);
  ASSERT_OK(Put("flipped", bytes));
  ASSERT_OK(Put("cut", bytes));
  ASSERT_OK(Put("right", bytes));
  FlipBitIn(FilePath("flipped"), 3);
  fs::resize_file(FilePath("cut"), bytes.size() - 1);
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files, 1u);
  EXPECT_EQ(found.damaged, 2u);
  for (const char* const id : {"flipped", "cut"}) {
    EXPECT_THAT(Find(id), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")));
    ASSERT_OK_AND_ASSIGN(const auto file, Open(id));
    EXPECT_THAT(file->Read(base::ByteRange::Make(kBlockBytes, 1).value()),
                StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(Put(id, "other"), StatusIs(absl::StatusCode::kAlreadyExists));
    ASSERT_OK(Put(id, bytes));
    EXPECT_TRUE(Get(id) == bytes);
  }
}

TEST_P(RebuildTest, OfSeveralGenerationsTheNewestThatIsRightIsTaken) {
  for (const char* const id : {"f", "g"}) {
    ASSERT_OK(Put(id, "some bytes"));
    Move(FilePath(id), PathOf(absl::StrCat("aside-", id)));
  }
  Reopen();
  for (const char* const id : {"f", "g"}) {
    ASSERT_EQ(Put(id, "some bytes").value().number, 2u);
    Move(PathOf(absl::StrCat("aside-", id)), FilePath(id));
  }
  FlipBitIn(FilePath("g", 2), 0);
  Close();
  fs::remove_all(PathOf("ledger"));  // else it would tell which of them was removed
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files, 2u);
  EXPECT_EQ(found.damaged, 0u);
  EXPECT_EQ(found.strangers, 2u);
  EXPECT_EQ(Find("f").value().number, 2u);
  EXPECT_EQ(Find("g").value().number, 1u);
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_EQ(Get("g"), "some bytes");
  EXPECT_EQ(FilesBelow("books/quarantine").size(), GetParam() ? 2u : 4u);
}

// By its place; by the ledger, where a crash left the file in its old place.
TEST_P(RebuildTest, WhatWasRemovedIsNotBroughtBack) {
  ASSERT_OK(Put("removed", "some bytes"));
  ASSERT_OK(Put("replaced", "old"));
  ASSERT_OK(Put("back", "here again"));
  clock().Advance(absl::Hours(1));
  const absl::Time removed_at = wall_now();
  ASSERT_OK(Remove("removed", "some bytes"));
  ASSERT_OK(Replace("replaced", "old", "new"));
  ASSERT_OK(Remove("back", "here again"));
  ASSERT_OK(Restore("back"));
  clock().Advance(absl::Hours(1));
  const std::string path = "books/quarantine/" + GenerationPath(Id("removed"), 1);
  for (const char* const knows : {"the place", "the ledger", "only the place"}) {
    SCOPED_TRACE(knows);
    Close();
    if (knows == absl::string_view("the ledger")) {
      Move(PathOf(path), FilePath("removed"));
    } else if (knows == absl::string_view("only the place")) {
      fs::remove_all(PathOf("ledger"));
    }
    const RebuildFindings found = LoseAndRebuild();
    EXPECT_EQ(found.files, 2u);
    EXPECT_EQ(found.removed, 2u);
    EXPECT_EQ(found.strangers, 0u);
    EXPECT_THAT(Find("removed"), StatusIs(absl::StatusCode::kNotFound));
    EXPECT_EQ(Get("replaced"), "new");
    EXPECT_EQ(Get("back"), "here again");
    EXPECT_EQ(FindRemoved("replaced").value().sha256, Sha256("old"));
    EXPECT_EQ(FindRemoved("removed").value().removed_at,
              knows == absl::string_view("only the place") ? wall_now() : removed_at);
    EXPECT_TRUE(fs::exists(PathOf(path)));
    EXPECT_EQ(CountOf(store().Check().value(), "books").quarantined_files, 2u);
  }
  ASSERT_OK(Restore("removed"));
  EXPECT_EQ(Get("removed"), "some bytes");
}

TEST_P(RebuildTest, WhatWasPurgedIsNotBroughtBackEither) {
  ASSERT_OK(Put("f", "some bytes"));
  Move(FilePath("f"), PathOf("aside"));
  ASSERT_OK(Remove("f", "some bytes"));
  ASSERT_EQ(store().PurgeQuarantine(absl::InfiniteFuture(), 1).value(), 1u);
  Close();
  Move(PathOf("aside"), FilePath("f"));
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files + found.removed, 0u);
  EXPECT_EQ(found.strangers, 1u);
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(FindRemoved("f"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(FilesBelow("books/quarantine").size(), GetParam() ? 1u : 2u);
}

TEST_P(RebuildTest, WhatIsNoFileOfTheStoreIsLeftToTheQuarantine) {
  ASSERT_OK(Put("a", "of a"));
  ASSERT_OK(Put("f", "of f"));
  Move(FilePath("a"), FilePath("b"));  // its record says that it is a
  const std::string shard = fs::path(FilePath("f")).parent_path();
  std::ofstream(shard + "/notes.txt") << "no number";
  std::ofstream(shard + "/" + std::string(150, 'x') + "~h12~1") << "a name that was cut";
  fs::create_directory(shard + "/directory~1");
  const RebuildFindings found = LoseAndRebuild();
  EXPECT_EQ(found.files, 1u);
  EXPECT_EQ(found.unproven, 0u);
  EXPECT_EQ(found.strangers, 4u);
  EXPECT_THAT(Find("a"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Find("b"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Get("f"), "of f");
  EXPECT_EQ(FilesBelow("books/quarantine").size(), GetParam() ? 3u : 4u);
}

TEST_P(RebuildTest, AuditAndAnswersComeBackFromTheLedger) {
  Publication old = Sealed("old", "1");
  const AnswerKey forgotten = old.answer.key;
  ASSERT_OK(PublishOne(std::move(old)));
  clock().Advance(kAnswersKept + absl::Seconds(1));
  Publication recent = Sealed("recent", "2");
  const Answer answer = recent.answer;
  ASSERT_OK(PublishOne(std::move(recent)));
  LoseCatalogue();
  ASSERT_OK_AND_ASSIGN(const RebuildFindings found, Rebuild());
  EXPECT_EQ(found.audit_records, 3u);  // the opening and two files
  EXPECT_EQ(found.answers, 1u);
  Reopen();
  ASSERT_OK_AND_ASSIGN(const auto final, store().FindAnswer(answer.key));
  ASSERT_TRUE(final.has_value());
  EXPECT_EQ(final->final_body, answer.final_body);
  EXPECT_EQ(final->body_sha256, answer.body_sha256);
  EXPECT_EQ(final->recorded_at, answer.recorded_at);
  EXPECT_FALSE(store().FindAnswer(forgotten).value().has_value());
  Publication again = Sealed("again", "2");
  again.answer.key = answer.key;
  EXPECT_THAT(PublishOne(std::move(again)), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_OK(store().VerifyAudit());
  Reopen();
  EXPECT_OK(store().VerifyAudit());
}

TEST_P(RebuildTest, RequestsOfBeforeAreRefusedAndStartsAreCountedOnWithoutTheLedger) {
  ASSERT_OK(Put("f", "bytes"));
  Reopen();
  const uint64_t incarnation = store().incarnation();
  EXPECT_EQ(store().answers_since(), absl::InfinitePast());
  clock().Advance(absl::Hours(1));
  LoseCatalogue();
  fs::remove_all(PathOf("ledger"));
  ASSERT_OK_AND_ASSIGN(const RebuildFindings found, Rebuild());
  EXPECT_EQ(found.audit_records, 0u);
  const absl::Time rebuilt = wall_now();
  clock().Advance(absl::Hours(1));
  for (int start = 0; start < 2; ++start) {
    Reopen();
    EXPECT_EQ(store().answers_since(), rebuilt);
    EXPECT_GT(store().incarnation(), incarnation);
  }
  EXPECT_EQ(Get("f"), "bytes");
  EXPECT_OK(store().VerifyAudit());
}

TEST_P(RebuildTest, IncarnationsRiseAlsoWhenTheClockWasSetBack) {
  ASSERT_OK(Put("f", "bytes"));
  std::ofstream(fs::path(FilePath("f")).parent_path() / "stranger") << "to quarantine";
  for (int start = 0; start < 3; ++start) Reopen();
  const uint64_t incarnation = store().incarnation();
  ASSERT_THAT(FilesBelow("books/quarantine"), SizeIs(1));
  clock().SetWall(absl::UnixEpoch());
  LoseCatalogue();
  ASSERT_OK(Rebuild());
  Reopen();
  EXPECT_GT(store().incarnation(), incarnation);
}

TEST_P(RebuildTest, ALedgerThatIsDamagedOrWasChangedIsNotGuessedAt) {
  PutAll({"a", "b", "c"});
  LoseCatalogue();
  const std::string log = PathOf(absl::StrCat("ledger/", *FilesBelow("ledger").begin()));
  const auto size = fs::file_size(log);
  FlipBitIn(log, size / 2);
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged behind byte")));
  EXPECT_EQ(fs::file_size(log), size) << "nothing of it is cut off";
  EXPECT_FALSE(fs::exists(PathOf(kCatalogueFile)));
  FlipBitIn(log, size / 2);
  std::ofstream(log, std::ios::app) << "not fini";  // a crash while it was written
  ASSERT_OK_AND_ASSIGN(const RebuildFindings found, Rebuild());
  EXPECT_EQ(found.answers, 3u);
}

TEST_P(RebuildTest, TheErrorOfALostCatalogueNamesTheCommand) {
  ASSERT_OK(Put("f", "bytes"));
  LoseCatalogue();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("bitrepo-pillar --config FILE --rebuild")));
}

TEST_P(RebuildTest, IsRefusedBesideACatalogueOrAnotherProcess) {
  ASSERT_OK(Put("f", "bytes"));
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
  Close();
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("move")));
  LoseCatalogue();
  std::ofstream(PathOf("catalogue.sqlite-wal")) << "of the one that was moved away";
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("sqlite-wal")));
  fs::remove(PathOf("catalogue.sqlite-wal"));
  EXPECT_OK(Rebuild());
}

TEST_P(RebuildTest, IsRefusedWhenACollectionIsNotThereOrLeftOut) {
  ASSERT_OK(Put("f", "bytes"));
  LoseCatalogue();
  options().collections.erase(maps());
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("leave out")));
  options().collections[maps()] = nullptr;
  options().collections[Collection("other")] = nullptr;
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted")));
  options().collections.erase(Collection("other"));
  fs::rename(PathOf("FORMAT"), PathOf("aside"));
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("FORMAT")));
  fs::rename(PathOf("aside"), PathOf("FORMAT"));
  EXPECT_OK(Rebuild());
}

}  // namespace
}  // namespace bitrepo::store
