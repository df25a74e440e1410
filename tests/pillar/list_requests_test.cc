// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bus/protocol/limits.h"
#include "pillar/requests/list_work.h"
#include "tests/pillar/list_bench.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ListRequests : public ListBench {};

// ---- GetFileIDs: H-24 to H-29, FI-04 to FI-06

TEST_F(ListRequests, FileIdsAreListedInOrderWithWhatIsKept) {
  Keep("b", "22");
  Keep("a", "1");
  Keep("c/d", "333");
  const Envelope list = FileIds(All());
  EXPECT_EQ(rig.Code(list), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Ids(list), ElementsAre("a", "b", "c/d"));
  const wire::FileInfo& b = rig.Final(list)->body.get_file_ids_final().items(1);
  EXPECT_EQ(b.size_bytes(), 2u);
  EXPECT_EQ(b.digest().value(), Sha256Of("22").bytes());
  EXPECT_EQ(b.stored_at_us(), 1'700'000'000'000'000);
  EXPECT_THAT(rig.Final(list)->body.get_file_ids_final().page().next_cursor(), IsEmpty());
}

TEST_F(ListRequests, OneFileIdOrAPrefixCanBeAskedFor) {
  Keep("a", "1");
  Keep("ab", "1");
  Keep("b", "1");
  EXPECT_THAT(Ids(FileIds(One("a"))), ElementsAre("a"));
  EXPECT_THAT(Ids(FileIds(Prefix("a"))), ElementsAre("a", "ab"));
  EXPECT_THAT(Ids(FileIds(Prefix("zz"))), IsEmpty());
  EXPECT_EQ(rig.Code(FileIds(One("zz"))), wire::FILE_NOT_FOUND_FAILURE);
}

// [S-6]
TEST_F(ListRequests, PagesNeitherSkipNorRepeatAndFitTheirLimits) {
  for (int i = 0; i < 57; ++i) Keep(absl::StrCat("file-", 100 + i), "x");
  wire::PageSpec page;
  page.set_limit_items(10);
  std::vector<std::string> all;
  for (int pages = 0; pages < 10; ++pages) {
    const Envelope list = FileIds(All(), page);
    const std::vector<std::string> ids = Ids(list);
    EXPECT_LE(ids.size(), 10u);
    all.insert(all.end(), ids.begin(), ids.end());
    page.set_cursor(rig.Final(list)->body.get_file_ids_final().page().next_cursor());
    if (page.cursor().empty()) break;
    if (pages == 1) Keep("file-999", "came later");
  }
  EXPECT_THAT(all, SizeIs(57));
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_F(ListRequests, APageWithTheLongestIdsFitsAMessage) {
  for (int i = 0; i < 900; ++i) Keep(absl::StrCat(1000 + i, std::string(251, 'x')), "");
  wire::PageSpec page;
  page.set_limit_items(protocol::kPageItemsMax);
  const Envelope ids = FileIds(All(), page);
  ASSERT_EQ(rig.Code(ids), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Ids(ids), SizeIs(::testing::AllOf(::testing::Gt(300u), ::testing::Lt(900u))));
  const Envelope sums = Checksums(All(), {}, false, page);
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_LT(Sums(sums).items_size(), 900);
  page.set_cursor(Sums(sums).page().next_cursor());
  EXPECT_EQ(Sums(Checksums(All(), {}, false, page)).items(0).file_id().substr(0, 4),
            absl::StrCat(1000 + Sums(sums).items_size()));
}

TEST_F(ListRequests, APageSmallerThanAnItemHoldsOne) {
  Keep("a", "1");
  Keep("b", "1");
  wire::PageSpec page;
  page.set_limit_bytes(1);
  EXPECT_THAT(Ids(FileIds(All(), page)), ElementsAre("a"));
}

// [S-6]
TEST_F(ListRequests, ACursorOfAnotherQueryIsNotUnderstood) {
  for (int i = 0; i < 5; ++i) Keep(absl::StrCat("f", i), "x");
  wire::PageSpec page_of_two;
  page_of_two.set_limit_items(2);
  wire::PageSpec page = page_of_two;
  page.set_cursor(rig.Final(FileIds(All(), page))->body.get_file_ids_final().page().next_cursor());
  EXPECT_EQ(rig.Code(FileIds(Prefix("f"), page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.Code(Checksums(All(), {}, false, page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  page.set_cursor(Sums(Checksums(All(), {}, false, page_of_two)).page().next_cursor());
  EXPECT_EQ(rig.Code(Checksums(All(), {}, false, page)), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(Checksums(All(), {wire::MD5}, false, page)),
            wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  page.set_cursor("nonsense");
  EXPECT_EQ(rig.Code(FileIds(All(), page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig.Code(Checksums(All(), {}, false, page)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

// ---- GetChecksums: CH-04 to CH-07

TEST_F(ListRequests, ARecordedChecksumComesWithItsAge) {
  Keep("a", "hello");
  rig.store.memory.FlipBit(Photos(), File("a"), 0);  // nobody reads it for this
  const Envelope sums = Checksums(All());
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  ASSERT_EQ(Sums(sums).items_size(), 1);
  EXPECT_EQ(Sums(sums).items(0).digests(0).algorithm(), wire::SHA256);
  EXPECT_EQ(Sums(sums).items(0).digests(0).value(), Sha256Of("hello").bytes());
  EXPECT_EQ(Sums(sums).items(0).calculated_at_us(), 1'700'000'000'000'000);
}

TEST_F(ListRequests, AFreshChecksumIsReadNow) {
  Keep("a", "hello");
  const Envelope sums = Checksums(One("a"), {wire::SHA256}, true);
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Sums(sums).items(0).digests(0).value(), Sha256Of("hello").bytes());
  EXPECT_GT(Sums(sums).items(0).calculated_at_us(), 1'700'000'000'000'000);
}

TEST_F(ListRequests, AFreshChecksumIsOfWhatTheMediumHasAndNotOfWhatIsRemembered) {
  Keep("a", "hello");
  rig.store.memory_lies = true;
  const std::string md5 = base::Hasher::Of(base::Algorithm::kMd5, "hello").bytes();
  EXPECT_NE(Sums(Checksums(All(), {wire::MD5})).items(0).digests(0).value(), md5);
  EXPECT_EQ(Sums(Checksums(All(), {wire::MD5}, true)).items(0).digests(0).value(), md5);
  EXPECT_EQ(rig.Code(Checksums(One("a"), {wire::SHA256}, true)), wire::OPERATION_COMPLETED);
}

TEST_F(ListRequests, SeveralFilesAreReadAtOnceAndAnsweredInTheirOrder) {
  // Longer than a slice, and shorter: later ones end before earlier ones, and at last one reader,
  // not the first, reads on alone.
  std::vector<std::string> files;
  for (const size_t bytes : {1, 20'000'000, 70'000'000, 0, 3'000'000, 2, 17'000'000, 3}) {
    files.push_back(base::SeededRandom(files.size()).Bytes(bytes));
    Keep(absl::StrCat("f", files.size() - 1), files.back());
  }
  rig.store.memory.FlipBit(Photos(), File("f4"), 2'500'000);
  rig.workers.most_waiting = 0;
  const Envelope sums = Checksums(All(), {wire::SHA1}, true);
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.workers.most_waiting, requests::kReadsAtOnce);
  ASSERT_EQ(Sums(sums).items_size(), static_cast<int>(files.size()));
  for (size_t i = 0; i < files.size(); ++i) {
    const wire::ChecksumItem& item = Sums(sums).items(static_cast<int>(i));
    EXPECT_EQ(item.file_id(), absl::StrCat("f", i));
    if (i == 4) {
      EXPECT_EQ(item.trouble().code(), wire::DATA_LOSS);
    } else {
      ASSERT_EQ(item.digests_size(), 1) << i;
      EXPECT_EQ(item.digests(0).value(),
                base::Hasher::Of(base::Algorithm::kSha1, files[i]).bytes());
    }
  }
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

// For the thread sanitizer.
TEST_F(ListRequests, ReadersWorkOnThreadsOfTheirOwn) {
  for (int i = 0; i < 50; ++i) Keep(absl::StrCat("f", 10 + i), std::string(10'000, 'x'));
  PillarRig::Ask ask;
  ask.operation = wire::GET_CHECKSUMS;
  *ask.body.mutable_get_checksums_request()->mutable_files() = All();
  ask.body.mutable_get_checksums_request()->mutable_checksums()->set_fresh(true);
  const auto order = requests::OrderOf(rig.Request(std::move(ask)), wire::SHA256);
  ASSERT_OK(order);
  const base::SystemClock clock;
  requests::ListWork work(rig.store, clock, std::make_shared<requests::Gauge>(),
                          std::make_shared<const requests::ListOrder>(*order),
                          requests::MakeListSource(rig.store, *order));
  requests::ListWork::Slice slice = work.Run();
  EXPECT_EQ(slice.readers, requests::kReadsAtOnce);
  for (; slice.status.ok() && !slice.done; slice = work.Run()) {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < slice.readers; ++i) threads.emplace_back([&work, i] { work.Read(i); });
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_OK(slice.status);
  const wire::Body final = work.TakeFinal();
  ASSERT_EQ(final.get_checksums_final().items_size(), 50);
  for (int i = 0; i < 50; ++i) {
    const wire::ChecksumItem& item = final.get_checksums_final().items(i);
    EXPECT_EQ(item.file_id(), absl::StrCat("f", 10 + i));
    EXPECT_EQ(item.digests_size(), 1);
  }
}

TEST_F(ListRequests, OneFileIsReadByOneReader) {
  Keep("a", base::SeededRandom(4).Bytes(40'000'000));
  rig.workers.most_waiting = 0;
  EXPECT_EQ(rig.Code(Checksums(One("a"), {wire::SHA256}, true)), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.workers.most_waiting, 1u);
}

TEST_F(ListRequests, SeveralAlgorithmsComeInTheOrderAskedFor) {
  const std::string bytes = base::SeededRandom(4).Bytes(20'000'001);  // more than one slice
  Keep("a", bytes);
  const Envelope sums =
      Checksums(One("a"), {wire::SHA512, wire::MD5, wire::SHA256, wire::SHA1, wire::SHA384});
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  const wire::ChecksumItem& item = Sums(sums).items(0);
  ASSERT_EQ(item.digests_size(), 5);
  EXPECT_EQ(item.digests(0).value(), base::Hasher::Of(base::Algorithm::kSha512, bytes).bytes());
  EXPECT_EQ(item.digests(1).value(), base::Hasher::Of(base::Algorithm::kMd5, bytes).bytes());
  EXPECT_EQ(item.digests(2).value(), Sha256Of(bytes).bytes());
  EXPECT_EQ(item.digests(3).value(), base::Hasher::Of(base::Algorithm::kSha1, bytes).bytes());
  EXPECT_EQ(item.digests(4).value(), base::Hasher::Of(base::Algorithm::kSha384, bytes).bytes());
}

TEST_F(ListRequests, ASaltMakesHmacs) {
  Keep("a", "hello");
  const Envelope sums = Checksums(One("a"), {wire::HMAC_MD5, wire::HMAC_SHA256});
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Sums(sums).items(0).digests(1).value(), base::HmacSha256("salt", "hello"));
}

TEST_F(ListRequests, AChecksumOfARangeIsOfThatRange) {
  const std::string bytes = base::SeededRandom(4).Bytes(2'000'000);
  Keep("a", bytes);
  struct Row {
    std::optional<uint64_t> offset;
    std::optional<uint64_t> length;
    std::optional<absl::string_view> of;  // nothing: RANGE_ERROR
  };
  const absl::string_view all = bytes;
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  for (const Row& row :
       {Row{0, 10, all.substr(0, 10)}, Row{1'000'000, std::nullopt, all.substr(1'000'000)},
        Row{std::nullopt, 7, all.substr(0, 7)}, Row{2'000'000, std::nullopt, ""},
        Row{1'999'999, 1, all.substr(1'999'999)}, Row{0, 2'000'001, std::nullopt},
        Row{2'000'001, std::nullopt, std::nullopt}, Row{most, 0, std::nullopt},
        Row{1'999'999, 2, std::nullopt}}) {
    const Envelope sums = RangeChecksum("a", row.offset, row.length);
    if (!row.of) {
      EXPECT_EQ(rig.Code(sums), wire::RANGE_ERROR);
      continue;
    }
    ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
    EXPECT_EQ(Sums(sums).items(0).digests(0).value(), Sha256Of(*row.of).bytes());
  }
}

TEST_F(ListRequests, InAListADamagedFileIsAnItemWithItsTrouble) {
  Keep("a", "aaa");
  Keep("b", "bbb");
  Keep("c", "ccc");
  rig.store.memory.FlipBit(Photos(), File("b"), 1);
  const Envelope sums = Checksums(All(), {wire::MD5});
  ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
  ASSERT_EQ(Sums(sums).items_size(), 3);
  EXPECT_FALSE(Sums(sums).items(0).has_trouble());
  EXPECT_EQ(Sums(sums).items(1).trouble().code(), wire::DATA_LOSS);
  EXPECT_EQ(Sums(sums).items(1).digests_size(), 0);
  EXPECT_EQ(Sums(sums).items(2).digests(0).value(),
            base::Hasher::Of(base::Algorithm::kMd5, "ccc").bytes());
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

// [S-8]
TEST_F(ListRequests, WhatIsOnRecordAndNotThereStaysInEveryList) {
  Keep("a", "aaa");
  Keep("b", "bbb");
  rig.store.memory.Lose(Photos(), File("b"));
  EXPECT_EQ(rig.Code(Checksums(One("b"))), wire::DATA_LOSS);  // and so it is known
  for (const std::vector<wire::DigestAlgorithm>& algorithms :
       {std::vector<wire::DigestAlgorithm>{}, {wire::MD5}}) {
    const Envelope sums = Checksums(All(), algorithms);
    ASSERT_EQ(rig.Code(sums), wire::OPERATION_COMPLETED);
    ASSERT_EQ(Sums(sums).items_size(), 2);
    EXPECT_FALSE(Sums(sums).items(0).has_trouble());
    EXPECT_EQ(Sums(sums).items(1).trouble().code(), wire::DATA_LOSS);
  }
  const Envelope list = FileIds(All());
  EXPECT_THAT(Ids(list), ElementsAre("a", "b"));
  const auto& items = rig.Final(list)->body.get_file_ids_final().items();
  EXPECT_FALSE(items[0].has_trouble());
  EXPECT_EQ(items[1].trouble().code(), wire::DATA_LOSS);
  EXPECT_EQ(items[1].digest().value(), Sha256Of("bbb").bytes());
}

TEST_F(ListRequests, OfOneDamagedFileTheFinalSaysDataLoss) {
  Keep("a", "aaa");
  rig.store.memory.FlipBit(Photos(), File("a"), 1);
  const Envelope sums = Checksums(One("a"), {wire::SHA256}, true);
  EXPECT_EQ(rig.Code(sums), wire::DATA_LOSS);
  EXPECT_EQ(Sums(sums).items(0).trouble().code(), wire::DATA_LOSS);
}

TEST_F(ListRequests, OfAnUnknownFileTheChecksumIsNotFound) {
  EXPECT_EQ(rig.Code(Checksums(One("zz"))), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Code(Checksums(One("zz"), {wire::MD5})), wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(ListRequests, AReadingThatTakesLongTellsHowFarItIsAndCanBeWithdrawn) {
  const std::string bytes = base::SeededRandom(4).Bytes(3'000'000);
  for (int i = 0; i < 100; ++i) Keep(absl::StrCat("f", i), bytes);
  PillarRig::Ask ask;
  ask.operation = wire::GET_CHECKSUMS;
  *ask.body.mutable_get_checksums_request()->mutable_files() = All();
  ask.body.mutable_get_checksums_request()->mutable_checksums()->set_fresh(true);
  const Envelope sums = rig.Request(std::move(ask));
  rig.workers.piece = absl::Milliseconds(500);
  rig.Send(sums);
  rig.Run(absl::Seconds(5));
  ASSERT_THAT(rig.Progress(sums), ::testing::Not(IsEmpty()));
  const wire::Progress progress = rig.Progress(sums).back().body.progress();
  EXPECT_EQ(progress.bytes_total(), 300'000'000u);
  EXPECT_GT(progress.bytes_done(), 0u);
  rig.Send(rig.CancelOf(sums));
  rig.Run(absl::Milliseconds(1));
  EXPECT_EQ(rig.Code(sums), wire::CANCELLED);
  EXPECT_EQ(rig.Finals(sums), 1);
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

// ---- GetStatus

TEST_F(ListRequests, StatusIsARealSelfCheck) {
  Keep("a", "hello");
  PillarRig::Ask ask;
  ask.operation = wire::GET_STATUS;
  ask.body.mutable_get_status_request();
  ask.collection = "";
  const int checks = rig.store.checks;
  const Envelope asked = Send(ask);
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.store.checks, checks + 1);
  const wire::GetStatusFinal& status = rig.Final(asked)->body.get_status_final();
  EXPECT_EQ(status.health(), wire::HEALTH_OK);
  ASSERT_EQ(status.collections_size(), 2);
  EXPECT_EQ(status.collections(0).collection_id(), "photos");
  EXPECT_EQ(status.collections(0).files(), 1u);
  EXPECT_EQ(status.collections(0).bytes(), 5u);
  EXPECT_GT(status.free_bytes(), 0u);
  EXPECT_GT(status.uptime_us(), 0u);
  EXPECT_EQ(status.version(), "1.0");
}

TEST_F(ListRequests, StatusTellsWhatIsWrong) {
  Keep("a", "hello");
  Keep("b", "hello");
  rig.store.memory.Lose(Photos(), File("a"));
  rig.store.memory.StopWriting("fsync failed");
  PillarRig::Ask ask;
  ask.operation = wire::GET_STATUS;
  ask.body.mutable_get_status_request();
  const Envelope asked = Send(ask);
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  const wire::GetStatusFinal& status = rig.Final(asked)->body.get_status_final();
  EXPECT_EQ(status.health(), wire::HEALTH_ERROR);
  std::vector<std::string> bad;
  for (const wire::HealthCheck& check : status.checks()) {
    if (check.health() == wire::HEALTH_ERROR) bad.push_back(check.name());
  }
  EXPECT_THAT(bad, ElementsAre("store writable", "files complete"));
  EXPECT_EQ(status.collections(0).missing_files(), 1u);
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-failing"));
  rig.Run(absl::Seconds(3));
  EXPECT_NE(rig.load().state(), wire::LOAD_READY);
}

}  // namespace
}  // namespace bitrepo::pillar
