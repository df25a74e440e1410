// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pillar/store/rebuild.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_support::DiskOperation;
using testing_support::StatusIs;

class RecoveryTest : public ::testing::Test, public testing_support::StoreOnDisk {
 protected:
  RecoveryTest() { Reopen(); }
  CollectionCount Books() { return CountOf(store().Check().value(), "books"); }
};

TEST_F(RecoveryTest, AFileThatComesBackIsHeldAgain) {
  ASSERT_OK(Put("f", "some bytes"));
  fs::rename(FilePath("f"), PathOf("aside"));
  Reopen();
  EXPECT_THAT(Find("f"), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("missing")));
  fs::rename(PathOf("aside"), FilePath("f"));
  Reopen();
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_EQ(Books().missing_files, 0u);
}

// As a crash between a record and its move leaves them.
TEST_F(RecoveryTest, AFileIsMovedToWhereItsRecordSays) {
  ASSERT_OK(Put("removed", "some bytes"));
  ASSERT_OK(Put("held", "others"));
  ASSERT_OK(Remove("removed", "some bytes"));
  const std::string removed = GenerationPath(Id("removed"), 1);
  const std::string held = GenerationPath(Id("held"), 1);
  fs::rename(PathOf("books/quarantine/" + removed), PathOf("books/" + removed));
  fs::create_directories(fs::path(PathOf("books/quarantine/" + held)).parent_path());
  fs::rename(PathOf("books/" + held), PathOf("books/quarantine/" + held));
  Reopen();
  EXPECT_EQ(Get("held"), "others");
  EXPECT_THAT(Find("removed"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(FilesBelow("books/files"), ElementsAre(held.substr(6)));
  EXPECT_THAT(FilesBelow("books/quarantine"), ElementsAre(removed));
  EXPECT_EQ(Books().quarantined_files, 1u);
  EXPECT_EQ(Books().missing_files, 0u);
  ASSERT_OK(Restore("removed"));
  EXPECT_EQ(Get("removed"), "some bytes");
}

TEST_F(RecoveryTest, AFileAtBothPlacesIsKeptAtBoth) {
  ASSERT_OK(Put("f", "some bytes"));
  const std::string path = GenerationPath(Id("f"), 1);
  fs::create_directories(fs::path(PathOf("books/quarantine/" + path)).parent_path());
  fs::copy(PathOf("books/" + path), PathOf("books/quarantine/" + path));
  Reopen();
  EXPECT_EQ(Get("f"), "some bytes");
  EXPECT_THAT(FilesBelow("books/quarantine"), SizeIs(1));
  EXPECT_EQ(Books().quarantined_files, 1u);
}

TEST_F(RecoveryTest, AWholeShardThatIsGoneIsSeen) {
  PutAll({"a", "b"});
  fs::remove_all(fs::path(FilePath("a")).parent_path());
  Reopen();
  EXPECT_THAT(Find("a"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Get("b"), "x");
}

TEST_F(RecoveryTest, ADirectoryThatCannotBeListedIsNeverTakenForEmpty) {
  PutAll({"a", "b"});
  for (const char* const end : {"books/files", "books/quarantine"}) {
    disk().SetTrouble([&](const DiskOperation& operation) {
      return operation.name == "List" && operation.path == end
                 ? absl::DataLossError("input/output error")
                 : absl::OkStatus();
    });
    EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss));
  }
  const std::string shard = absl::StrCat("books/files/", ShardName(Id("a")));
  disk().SetTrouble([&](const DiskOperation& operation) {
    return operation.name == "List" && operation.path == shard
               ? absl::DataLossError("input/output error")
               : absl::OkStatus();
  });
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kDataLoss));
  disk().SetTrouble(nullptr);
  Reopen();
  EXPECT_EQ(Books().files, 2u);
  EXPECT_EQ(Books().missing_files, 0u);
}

TEST_F(RecoveryTest, ADiskThatIsNotTheOneOfTheCollectionStopsIt) {
  ASSERT_OK(Put("f", "some bytes"));
  Close();
  fs::rename(PathOf("books"), PathOf("aside"));
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted")));
  fs::copy(PathOf("maps"), PathOf("books"), fs::copy_options::recursive);
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mounted")));
  fs::remove_all(PathOf("books"));
  fs::rename(PathOf("aside"), PathOf("books"));
  Reopen();
  EXPECT_EQ(Get("f"), "some bytes");
}

TEST_F(RecoveryTest, ACollectionThatTheCatalogueDoesNotKnowIsNotTakenForStrangers) {
  ASSERT_OK(Put("m", "x", "maps"));
  Close();
  const testing_support::TempDir elsewhere;
  fs::rename(PathOf("maps"), elsewhere.Path("maps"));
  for (const char* const file : {"catalogue.sqlite", "ledger"}) fs::remove_all(PathOf(file));
  options().collections.erase(maps());
  ASSERT_OK(RebuildCatalogue(options(), disk(), clock(), random()));
  fs::rename(elsewhere.Path("maps"), PathOf("maps"));
  options().collections[maps()] = nullptr;
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("--rebuild")));
  }
  EXPECT_THAT(FilesBelow("maps/quarantine"), IsEmpty());
  LoseCatalogue();
  ASSERT_OK(RebuildCatalogue(options(), disk(), clock(), random()));
  Reopen();
  EXPECT_EQ(CountOf(store().Check().value(), "maps").files, 1u);
}

// A probe that found no space says nothing of attributes.
TEST_F(RecoveryTest, AFullDiskDoesNotLookLikeOneWithoutAttributes) {
  disk().SetTrouble([](const DiskOperation& operation) {
    return operation.name == "SetAttribute"
               ? absl::ResourceExhaustedError("no space left on device")
               : absl::OkStatus();
  });
  EXPECT_FALSE(store().Check().value().writable);
  disk().SetTrouble(nullptr);
  ASSERT_OK(Put("f", "some bytes"));
  EXPECT_FALSE(fs::exists(FilePath("f") + ".id"));
}

TEST_F(RecoveryTest, WhatIsInStagingIsRemovedAndNothingElseIs) {
  ASSERT_OK(Put("f", "some bytes"));
  std::ofstream(PathOf("books/staging/1.7")) << "half of a file";
  const auto before = FilesBelow("books/files");
  Reopen();
  EXPECT_THAT(FilesBelow("books/staging"), IsEmpty());
  EXPECT_EQ(FilesBelow("books/files"), before);
}

// Names of some shards at a time are in memory: the outcome is that of all at once.
TEST_F(RecoveryTest, FewNamesInMemoryMakeNoDifference) {
  std::vector<std::string> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(absl::StrCat("file ", i));
  PutAll(ids);
  for (const char* const id : {"file 1", "file 2", "file 3"}) fs::remove(FilePath(id));
  for (const char* const id : {"file 4", "file 5"}) {
    std::ofstream(FilePath(id) + "0") << "not recorded";
  }
  Close();
  // What the store does at its start, with room for one name.
  WriteGate gate;
  const base::StoreId store_id = ReadLabel(disk(), "").value()->store_id;
  ASSERT_OK_AND_ASSIGN(const auto catalogue,
                       Catalogue::Open(disk(), "", store_id, {{books()}, {maps()}}, clock(), gate));
  SpaceAccount space(disk(), 0);
  CollectionHome home(books(), disk(), "books", space);
  Quarantine quarantine(*catalogue, home);
  Recovery recovery(*catalogue, home, quarantine, wall_now(), /*names_at_once=*/1);
  ASSERT_OK_AND_ASSIGN(const RecoveryFindings first, recovery.Run());
  EXPECT_EQ(first.files, 57u);
  EXPECT_EQ(first.missing, 3u);
  EXPECT_EQ(first.found, 0u);
  EXPECT_EQ(first.quarantined, 2u);
  ASSERT_OK_AND_ASSIGN(const RecoveryFindings second, recovery.Run());
  EXPECT_EQ(second.files, 57u);
  EXPECT_EQ(second.missing + second.found + second.quarantined, 0u) << "nothing is found twice";
}

TEST_F(RecoveryTest, AnOlderCatalogueInItsPlaceIsReadAndNotWritten) {
  ASSERT_OK(Put("old", "1"));
  Close();
  fs::copy_file(PathOf(kCatalogueFile), PathOf("copy"));
  Reopen();
  ASSERT_OK(Put("new", "2"));
  Close();
  fs::copy_file(PathOf("copy"), PathOf(kCatalogueFile), fs::copy_options::overwrite_existing);
  Reopen();
  EXPECT_EQ(Get("old"), "1");
  EXPECT_THAT(Put("other", "3"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("older catalogue")));
  EXPECT_TRUE(fs::exists(FilePath("new"))) << "what it does not know stays where it is";
}

}  // namespace
}  // namespace bitrepo::store
