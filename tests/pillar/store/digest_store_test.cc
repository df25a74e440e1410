// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/digest_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/runtime/system_disk.h"
#include "pillar/store/disk_file_store.h"
#include "tests/pillar/store/publications.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::store {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

class DigestStoreTest : public ::testing::Test, public testing_support::Publications {
 protected:
  DigestStoreTest() { Reopen(); }
  FileStore& store() override { return *store_; }
  absl::Time wall_now() override { return clock_.WallNow(); }

  absl::Status TryOpen() {
    store_.reset();
    RecordStoreOptions options;
    options.collections = {books(), maps()};
    options.keep_free_bytes = 0;
    auto opened = DigestStore::Open(options, *disk_, clock_, random_);
    if (opened.ok()) store_ = *std::move(opened);
    return opened.status();
  }
  void Reopen() { ASSERT_OK(TryOpen()); }
  static StagedFile::Facts FactsOf(absl::string_view bytes) {
    return {bytes.size(), base::Hasher::Of(base::Algorithm::kSha256, bytes)};
  }
  absl::StatusOr<FileRecord> Vouched(absl::string_view id, absl::string_view bytes) {
    auto staged = Stage(bytes.size()).value();
    EXPECT_OK(staged->Vouch(FactsOf(bytes)));
    EXPECT_OK(staged->Seal(bytes.size()));
    return PublishOne(Publish(id, std::move(staged)));
  }

  testing_support::TempDir directory_;
  std::unique_ptr<runtime::SystemDisk> disk_ = runtime::SystemDisk::Open(directory_.path()).value();
  testing_support::ManualClock clock_;
  base::SeededRandom random_{4};
  std::unique_ptr<DigestStore> store_;
};

TEST_F(DigestStoreTest, RecordsTheDigestOfWhatCameAndKeepsNoByte) {
  const std::string bytes = Bytes(100'000);
  ASSERT_OK(Put("f", bytes));
  Reopen();
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Find("f"));
  EXPECT_EQ(record.sha256, FactsOf(bytes).sha256);
  EXPECT_EQ(record.size_bytes, bytes.size());
  EXPECT_FALSE(store().keeps_bytes());
  EXPECT_THAT(Open("f"), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("ask another")));
  EXPECT_THAT(Open("g"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(DigestStoreTest, BelievesWhatTheSenderVouchesFor) {
  ASSERT_OK_AND_ASSIGN(const FileRecord record, Vouched("f", "some bytes"));
  EXPECT_EQ(record.sha256, FactsOf("some bytes").sha256);
  Reopen();
  EXPECT_OK(Find("f"));
  EXPECT_THAT(Vouched("f", "other bytes"), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(DigestStoreTest, TakesBytesInOrderOnly) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(6));
  EXPECT_THAT(staged->Write(1, Span("b")), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(staged->Write(0, Span("abc")));
  ASSERT_OK(staged->Write(1, Span("bcd")));  // comes again, in part
  ASSERT_OK(staged->Write(0, Span("ab")));
  EXPECT_THAT(staged->Seal(6), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(staged->Write(4, Span("ef")));
  EXPECT_THAT(staged->Write(6, Span("g")), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(staged->Vouch(FactsOf("abcdef")), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const StagedFile::Facts facts, staged->Seal(6));
  EXPECT_EQ(facts.sha256, FactsOf("abcdef").sha256);
  EXPECT_THAT(staged->Write(0, Span("a")), StatusIs(absl::StatusCode::kFailedPrecondition));
  std::string out(1, ' ');
  EXPECT_THAT(staged->ReadBack(0, std::as_writable_bytes(std::span(out))),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST_F(DigestStoreTest, WhatIsVouchedForIsNotMoreThanWasAnnounced) {
  ASSERT_OK_AND_ASSIGN(auto staged, Stage(3));
  EXPECT_THAT(staged->Vouch(FactsOf("four")), StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_OK(staged->Vouch(FactsOf("two")));
  EXPECT_THAT(staged->Seal(4), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(staged->Seal(3));
}

TEST_F(DigestStoreTest, AScratchFileIsRealEvenHere) {
  ASSERT_OK_AND_ASSIGN(auto scratch, store().StageScratch(books(), std::nullopt));
  ASSERT_OK(scratch->Write(0, Span("items")));
  ASSERT_OK(scratch->Seal(5));
  std::string out(5, ' ');
  ASSERT_OK(scratch->ReadBack(0, std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, "items");
}

TEST_F(DigestStoreTest, AStoreOfAnotherKindIsRefused) {
  store_.reset();
  DiskStoreOptions full;
  full.collections = {{books(), nullptr}};
  full.keep_free_bytes = 0;
  testing_support::TempDir other;
  {
    auto disk = runtime::SystemDisk::Open(other.path()).value();
    ASSERT_OK(DiskFileStore::Open(full, *disk, clock_, random_));
  }
  disk_ = runtime::SystemDisk::Open(other.path()).value();
  EXPECT_THAT(TryOpen(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("full")));
}

}  // namespace
}  // namespace bitrepo::store
