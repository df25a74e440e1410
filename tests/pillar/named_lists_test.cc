// SPDX-License-Identifier: Apache-2.0
// Lists of ids that are named, blocks, windows of time, and all that is on record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "bus/protocol/limits.h"
#include "pillar/requests/list_work.h"
#include "tests/pillar/list_bench.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NamedLists : public ListBench {
 protected:
  // "a b! a": ids in their order, those not held with a mark.
  std::string Shown(const Envelope& asked) {
    std::string text;
    for (const wire::ChecksumItem& item : Sums(asked).items()) {
      const bool held = item.trouble().code() != wire::FILE_NOT_FOUND_FAILURE;
      absl::StrAppend(&text, text.empty() ? "" : " ", item.file_id(), held ? "" : "!");
    }
    return text;
  }
  wire::GetChecksumsRequest Blocks(const std::string& id, uint64_t block_bytes) {
    wire::GetChecksumsRequest request;
    *request.mutable_files() = One(id);
    request.set_block_bytes(block_bytes);
    return request;
  }
  wire::TimeWindow Window(std::optional<int64_t> from_s, std::optional<int64_t> until_s) {
    wire::TimeWindow window;
    if (from_s) window.set_from_us(*from_s * 1'000'000);
    if (until_s) window.set_until_us(*until_s * 1'000'000);
    return window;
  }
};

// ---- ids that are named

TEST_F(NamedLists, EachNamedIdIsAnsweredInItsPlaceAsOftenAsItIsNamed) {
  Keep("a", "1");
  Keep("b", "2");
  for (const bool fresh : {false, true}) {
    const Envelope sums = Checksums(Named({"b", "zz", "a", "b", "b"}), {}, fresh);
    ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
    EXPECT_EQ(Shown(sums), "b zz! a b b");
    EXPECT_THAT(Sums(sums).items(1).digests(), IsEmpty());
    EXPECT_EQ(Sums(sums).items(3).digests(0).value(), Sha256Of("2").bytes());
  }
  EXPECT_THAT(Ids(FileIds(Named({"b", "zz", "a"}))), ElementsAre("b", "zz", "a"));
  const Envelope infos = Infos(Named({"zz", "a"}));
  EXPECT_EQ(InfosOf(infos).items(0).file().trouble().code(), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(InfosOf(infos).items(1).file().size_bytes(), 1u);
}

// [B22] [B30]
TEST_F(NamedLists, AListPagesByPositionWithNoneSkippedOrRepeated) {
  std::vector<std::string> named;
  for (int i = 0; i < 57; ++i) named.push_back(absl::StrCat("f", i % 10));
  for (int i = 0; i < 10; ++i) Keep(absl::StrCat("f", i), "x");
  wire::PageSpec page;
  page.set_limit_items(10);
  std::vector<std::string> told;
  for (int pages = 1;; ++pages) {
    const Envelope sums = Checksums(Named(named), {}, false, page);
    ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
    for (const auto& item : Sums(sums).items()) told.push_back(item.file_id());
    page.set_cursor(Sums(sums).page().next_cursor());
    if (page.cursor().empty()) {
      EXPECT_EQ(pages, 6);
      break;
    }
  }
  EXPECT_EQ(told, named);
}

TEST_F(NamedLists, ACursorIsGoodForItsOwnListAlone) {
  for (const char* id : {"a", "b", "c"}) Keep(id, "x");
  wire::PageSpec page;
  page.set_limit_items(1);
  const Envelope first = Checksums(Named({"a", "b", "c"}), {}, false, page);
  page.set_cursor(Sums(first).page().next_cursor());
  EXPECT_EQ(Shown(Checksums(Named({"a", "b", "c"}), {}, false, page)), "b");
  EXPECT_EQ(rig.Code(Checksums(Named({"a", "c", "b"}), {}, false, page)),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.Code(Checksums(Named({"a", "b", "c"}), {wire::MD5}, false, page)),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.Code(FileIds(Named({"a", "b", "c"}), page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.Code(Checksums(One("a"), {}, false, page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  std::string altered = page.cursor();
  altered[7] = static_cast<char>(altered[7] ^ 1);
  page.set_cursor(altered);
  EXPECT_EQ(rig.Code(Checksums(Named({"a", "b", "c"}), {}, false, page)),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(NamedLists, AListHasRoomForAThousand) {
  Keep("a", "x");
  const std::vector<std::string> named(protocol::kFileListMax, "a");
  EXPECT_EQ(Ids(FileIds(Named(named))), named);
}

TEST_F(NamedLists, APageThatIsReadStaysBoundedAndTellsThatItReads) {
  const std::vector<std::string> named(requests::kReadItemsMax + 1, "a");
  Keep("a", std::string(100'000, 'x'));
  rig.workers.piece = absl::Seconds(3);
  const Envelope sums = Checksums(Named(named), {wire::MD5});
  rig.Run(absl::Seconds(30));
  EXPECT_EQ(Sums(sums).items_size(), static_cast<int>(requests::kReadItemsMax));
  EXPECT_FALSE(Sums(sums).page().next_cursor().empty());
  std::set<wire::Phase> phases;
  for (const Envelope& progress : rig.Progress(sums)) {
    phases.insert(progress.body.progress().phase());
  }
  EXPECT_TRUE(phases.contains(wire::READING));
}

// ---- cursors while files come and go

// [B22] [S-6]
TEST_F(NamedLists, WhatStoodUnchangedIsNeitherSkippedNorRepeatedWhileOthersComeAndGo) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    base::SeededRandom random(seed);
    std::map<std::string, int> stood;
    std::set<std::string> others;
    for (int i = 0; i < 60; ++i) {
      const std::string id = absl::StrCat(seed, "/", absl::Dec(i, absl::kZeroPad3));
      Keep(id, "x");
      if (random.NextU64() % 2 == 0) {
        stood[id] = 0;
      } else {
        others.insert(id);
      }
    }
    wire::PageSpec page;
    std::string last;
    for (int turn = 0;; ++turn) {
      page.set_limit_items(1 + static_cast<uint32_t>(random.NextU64() % 9));
      const Envelope list = FileIds(Prefix(absl::StrCat(seed, "/")), page);
      ASSERT_EQ(rig.Code(list), wire::OPERATION_COMPLETED);
      for (const std::string& id : Ids(list)) {
        EXPECT_LT(last, id);
        last = id;
        if (const auto it = stood.find(id); it != stood.end()) ++it->second;
      }
      page.set_cursor(rig.Final(list)->body.get_file_ids_final().page().next_cursor());
      if (page.cursor().empty()) break;
      Keep(absl::StrCat(seed, "/", absl::Dec(random.NextU64() % 60, absl::kZeroPad3), "+", turn),
           "y");
      if (!others.empty()) {
        Remove(*others.begin());
        others.erase(others.begin());
      }
    }
    for (const auto& [id, times] : stood) EXPECT_EQ(times, 1) << "seed " << seed << ", " << id;
  }
}

// ---- blocks

TEST_F(NamedLists, BlocksOfAFileAreItsPiecesInOrder) {
  const std::string bytes = base::SeededRandom(4).Bytes(10'000);
  Keep("a", bytes);
  wire::GetChecksumsRequest request = Blocks("a", 4096);
  request.mutable_checksums()->add_algorithms(wire::SHA256);
  request.mutable_checksums()->add_algorithms(wire::MD5);
  const Envelope sums = SendChecksums(request);
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  ASSERT_EQ(Sums(sums).items_size(), 3);
  for (int i = 0; i < 3; ++i) {
    const wire::ChecksumItem& item = Sums(sums).items(i);
    const std::string piece = bytes.substr(static_cast<size_t>(i) * 4096, 4096);
    EXPECT_EQ(item.block(), static_cast<uint64_t>(i));
    EXPECT_EQ(item.size_bytes(), 10'000u);
    EXPECT_EQ(item.digests(0).value(), Sha256Of(piece).bytes());
    EXPECT_EQ(item.digests(1).value(), base::Hasher::Of(base::Algorithm::kMd5, piece).bytes());
  }
  request.set_offset(1);
  request.set_length(4096);
  const Envelope part = SendChecksums(request);
  ASSERT_EQ(Sums(part).items_size(), 1);
  EXPECT_EQ(Sums(part).items(0).digests(0).value(), Sha256Of(bytes.substr(1, 4096)).bytes());
}

TEST_F(NamedLists, BlocksPageAndTheirCursorHoldsForTheContentItWasMadeOf) {
  Keep("a", std::string(20'000, 'x'));
  wire::PageSpec page;
  page.set_limit_items(2);
  uint64_t next = 0;
  do {
    const Envelope sums = SendChecksums(Blocks("a", 4096), page);
    ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
    for (const auto& item : Sums(sums).items()) EXPECT_EQ(item.block(), next++);
    page.set_cursor(Sums(sums).page().next_cursor());
  } while (!page.cursor().empty());
  EXPECT_EQ(next, 5u);
  page.set_cursor(Sums(SendChecksums(Blocks("a", 4096), page)).page().next_cursor());
  Remove("a");
  Keep("a", std::string(20'000, 'y'));
  EXPECT_EQ(rig.Code(SendChecksums(Blocks("a", 4096), page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(NamedLists, AnEmptyFileHasNoBlocksAndADamagedOneIsDataLoss) {
  Keep("empty", "");
  const Envelope none = SendChecksums(Blocks("empty", 4096));
  EXPECT_EQ(rig.Code(none), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Sums(none).items_size(), 0);
  Keep("a", std::string(20'000, 'x'));
  rig.store.memory.FlipBit(Photos(), File("a"), 5000);
  EXPECT_EQ(rig.Code(SendChecksums(Blocks("a", 4096))), wire::DATA_LOSS);
}

// ---- windows of time

// FI-11, FI-12
TEST_F(NamedLists, FilesAreListedThatWereStoredInTheWindowBothEndsInIt) {
  Keep("old", "1", absl::FromUnixSeconds(1000));
  Keep("mid", "2", absl::FromUnixSeconds(2000));
  Keep("new", "3", absl::FromUnixSeconds(3000));
  struct Row {
    std::optional<int64_t> from;
    std::optional<int64_t> until;
    std::vector<std::string> ids;
  };
  for (const Row& row : {Row{1000, {}, {"mid", "new", "old"}}, Row{3000, {}, {"new"}},
                         Row{3001, {}, {}}, Row{{}, 3000, {"mid", "new", "old"}},
                         Row{{}, 1000, {"old"}}, Row{{}, 999, {}}, Row{2000, 2000, {"mid"}}}) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_FILE_IDS;
    *ask.body.mutable_get_file_ids_request()->mutable_files() = All();
    *ask.body.mutable_get_file_ids_request()->mutable_stored() = Window(row.from, row.until);
    EXPECT_EQ(Ids(Send(ask)), row.ids);
    wire::GetFileInfosRequest infos;
    *infos.mutable_files() = All();
    *infos.mutable_stored() = Window(row.from, row.until);
    EXPECT_EQ(InfosOf(SendInfos(infos)).items_size(), static_cast<int>(row.ids.size()));
  }
}

// CH-10, CH-11
TEST_F(NamedLists, ChecksumsAreOfThoseWhoseDigestWasMadeInTheWindow) {
  Keep("old", "1", absl::FromUnixSeconds(1000));
  Keep("new", "3", absl::FromUnixSeconds(3000));
  wire::GetChecksumsRequest request;
  *request.mutable_files() = All();
  *request.mutable_calculated() = Window(2000, {});
  EXPECT_EQ(Shown(SendChecksums(request)), "new");
  *request.mutable_files() = Named({"old", "new"});
  EXPECT_EQ(Shown(SendChecksums(request)), "old! new") << "named and not in the window";
  *request.mutable_files() = One("old");
  EXPECT_EQ(rig.Code(SendChecksums(request)), wire::FILE_NOT_FOUND_FAILURE);
}

// ---- GetFileInfos

// GI-04, GI-05, GI-15
TEST_F(NamedLists, InfosSayAllThatIsOnRecordAndTheDigestsThatWereAskedFor) {
  Keep("a", "hello");
  const Envelope plain = Infos(All());
  ASSERT_EQ(rig.Code(plain), wire::OPERATION_COMPLETED);
  const wire::FileInfoItem& item = InfosOf(plain).items(0);
  EXPECT_EQ(item.file().size_bytes(), 5u);
  EXPECT_EQ(item.file().digest().value(), Sha256Of("hello").bytes());
  EXPECT_EQ(item.file().stored_at_us(), 1'700'000'000'000'000);
  EXPECT_EQ(item.calculated_at_us(), 1'700'000'000'000'000);
  EXPECT_EQ(item.removed_at_us(), 0);
  EXPECT_THAT(item.digests(), IsEmpty());
  wire::GetFileInfosRequest request;
  *request.mutable_files() = All();
  request.mutable_checksums()->add_algorithms(wire::SHA1);
  const Envelope summed = SendInfos(request);
  EXPECT_EQ(InfosOf(summed).items(0).digests(0).value(),
            base::Hasher::Of(base::Algorithm::kSha1, "hello").bytes());
  EXPECT_GT(InfosOf(summed).items(0).calculated_at_us(), 1'700'000'000'000'000);
}

// GI-14
TEST_F(NamedLists, OfAnUnknownFileTheInfoIsNotFound) {
  EXPECT_EQ(rig.Code(Infos(One("zz"))), wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(NamedLists, WhatWasRemovedIsListedWithItsTimeAndNoLongerAmongTheFiles) {
  Keep("a", "1");
  Keep("b", "2");
  Remove("b");
  Keep("b", "3");
  Remove("b");
  wire::GetFileInfosRequest request;
  *request.mutable_files() = All();
  request.set_removed(true);
  const Envelope removed = SendInfos(request);
  ASSERT_EQ(InfosOf(removed).items_size(), 2);
  EXPECT_EQ(InfosOf(removed).items(0).file().digest().value(), Sha256Of("2").bytes());
  EXPECT_EQ(InfosOf(removed).items(1).file().digest().value(), Sha256Of("3").bytes());
  EXPECT_EQ(InfosOf(removed).items(0).removed_at_us(), 1'800'000'000'000'000);
  EXPECT_THAT(Ids(FileIds(All())), ElementsAre("a"));
  *request.mutable_files() = One("b");
  EXPECT_EQ(InfosOf(SendInfos(request)).items_size(), 2);
  *request.mutable_files() = One("a");
  EXPECT_EQ(rig.Code(SendInfos(request)), wire::FILE_NOT_FOUND_FAILURE);
  *request.mutable_files() = Named({"a", "b"});
  EXPECT_EQ(rig.Code(SendInfos(request)), wire::REQUEST_NOT_SUPPORTED);
}

// ---- what is not asked so

// GI-12
TEST_F(NamedLists, AStoreOfDigestsAnswersFromItsRecordsAndNothingElse) {
  Keep("a", "hello");
  rig.store.keeps = false;
  EXPECT_EQ(rig.Code(Checksums(All())), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(Checksums(All(), {wire::SHA256}, true)), wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(rig.Code(Checksums(All(), {wire::MD5})), wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(rig.Code(Checksums(All(), {wire::HMAC_SHA256})), wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(rig.Code(RangeChecksum("a", 0, 3)), wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(rig.Code(SendChecksums(Blocks("a", 4096))), wire::REQUEST_NOT_SUPPORTED);
}

}  // namespace
}  // namespace bitrepo::pillar
