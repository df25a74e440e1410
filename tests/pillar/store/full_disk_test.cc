// SPDX-License-Identifier: Apache-2.0
// A file system that is really full: of bytes, and of inodes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/runtime/system_disk.h"
#include "pillar/store/disk_file_store.h"
#include "tests/pillar/store/publications.h"
#include "tests/support/manual_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::store {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using testing_support::StatusIs;

constexpr char kDiskOptions[] = "size=24m,nr_inodes=2000";

// Mounts a small memory file system for the test's own; where that is not allowed, the test says
// so and is skipped.
class FullDiskTest : public ::testing::Test, public testing_support::Publications {
 protected:
  void SetUp() override {
    if (mount("none", directory_.path().c_str(), "tmpfs", 0, kDiskOptions) != 0) {
      GTEST_SKIP() << "NOT TESTED: a full disk: this process may not mount one ("
                   << std::strerror(errno) << "); run it as root";
    }
    mounted_ = true;
    disk_ = runtime::SystemDisk::Open(directory_.path()).value();
    options_.collections = {{books(), nullptr}};
    options_.keep_free_bytes = 0;
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    disk_.reset();
    if (!mounted_) return;
    EXPECT_EQ(umount2(directory_.path().c_str(), MNT_DETACH), 0);
  }
  void Reopen() {
    store_.reset();
    auto opened = DiskFileStore::Open(options_, *disk_, clock_, random_);
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  FileStore& store() override { return *store_; }
  absl::Time wall_now() override { return clock_.WallNow(); }

  // Someone else takes all but `bytes` of what is free.
  void LeaveFree(uint64_t bytes) {
    const uint64_t free_bytes = disk_->Space()->free_bytes;
    ASSERT_GT(free_bytes, bytes);
    std::ofstream other(directory_.Path("other"), std::ios::binary);
    const std::string megabyte(1 << 20, 'o');
    for (uint64_t left = free_bytes - bytes; left > 0;) {
      const uint64_t take = std::min<uint64_t>(left, megabyte.size());
      other.write(megabyte.data(), static_cast<std::streamsize>(take));
      left -= take;
    }
    other.flush();
    ASSERT_TRUE(other.good());
  }
  void GiveBack() { fs::remove_all(directory_.Path("other")); }
  void TakeAllInodes() {
    fs::create_directory(directory_.Path("other"));
    for (int i = 0; disk_->Space()->free_inodes > 0; ++i) {
      std::ofstream(absl::StrCat(directory_.Path("other"), "/", i));
    }
  }
  size_t FilesIn(absl::string_view below) {
    size_t files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.Path(below))) {
      files += entry.is_regular_file() ? 1 : 0;
    }
    return files;
  }
  void ExpectWellAgain(size_t files) {
    ASSERT_OK_AND_ASSIGN(const StoreReport report, store().Check());
    EXPECT_TRUE(report.writable) << report.trouble;
    EXPECT_EQ(FilesIn("books/staging"), 0u);
    EXPECT_EQ(FilesIn("books/files"), files);
    EXPECT_EQ(Get("kept"), "some bytes");
    ASSERT_OK(Put("after", std::string(1 << 20, 'a')));
    Reopen();
    EXPECT_EQ(Get("kept"), "some bytes");
    EXPECT_EQ(Get("after").size(), size_t{1} << 20);
    EXPECT_EQ(CountOf(store().Check().value(), "books").quarantined_files, 0u);
  }

  testing_support::TempDir directory_;
  bool mounted_ = false;
  std::unique_ptr<runtime::SystemDisk> disk_;
  testing_support::ManualClock clock_;
  base::SeededRandom random_{7};
  DiskStoreOptions options_;
  std::unique_ptr<DiskFileStore> store_;
};

TEST_F(FullDiskTest, WhatWasAnnouncedIsRefusedBeforeItComes) {
  ASSERT_OK(Put("kept", "some bytes"));
  LeaveFree(4 << 20);
  EXPECT_THAT(Stage(5 << 20), StatusIs(absl::StatusCode::kResourceExhausted));
  GiveBack();
  ExpectWellAgain(1);
}

TEST_F(FullDiskTest, AWriteThatFindsNoSpaceIsRefusedAndLeavesNothing) {
  ASSERT_OK(Put("kept", "some bytes"));
  {
    ASSERT_OK_AND_ASSIGN(const auto staged, Stage(8 << 20));
    LeaveFree(3 << 20);  // after the promise was made
    const std::string bytes(1 << 20, 'b');
    absl::Status written;
    for (uint64_t offset = 0; offset < (8 << 20) && written.ok(); offset += bytes.size()) {
      written = staged->Write(offset, Span(bytes));
    }
    EXPECT_THAT(written, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(staged->Write(0, Span("x")), StatusIs(absl::StatusCode::kFailedPrecondition))
        << "what is there after a write that failed is not known";
  }
  GiveBack();
  ExpectWellAgain(1);
}

TEST_F(FullDiskTest, ACommitThatFindsNoSpaceIsRefusedAndLeavesNothing) {
  ASSERT_OK(Put("kept", "some bytes"));
  std::vector<Publication> group;
  for (int i = 0; i < 40; ++i) group.push_back(Sealed(absl::StrCat("f", i), "small"));
  LeaveFree(0);
  size_t refused = 0;
  for (const auto& result : store().Publish(std::move(group))) {
    refused += absl::IsResourceExhausted(result.status()) ? 1 : 0;
  }
  EXPECT_EQ(refused, 40u);
  EXPECT_THAT(Ids("", 100), ::testing::ElementsAre("kept"));
  EXPECT_EQ(Get("kept"), "some bytes");
  GiveBack();
  ExpectWellAgain(1);
}

TEST_F(FullDiskTest, WithoutInodesAPutIsRefusedAndLeavesNothing) {
  ASSERT_OK(Put("kept", "some bytes"));
  Publication sealed = Sealed("in a new shard", "bytes");
  TakeAllInodes();
  EXPECT_THAT(Stage(1), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_FALSE(store().Check()->writable) << "the self-check makes a file";
  EXPECT_THAT(PublishOne(std::move(sealed)), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Find("in a new shard"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Get("kept"), "some bytes");
  GiveBack();
  ExpectWellAgain(1);
}

}  // namespace
}  // namespace bitrepo::store
