// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/system_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "base/random.h"
#include "base/runtime/direct_file.h"
#include "base/runtime/exclusive_rename.h"
#include "base/runtime/system_disk_file.h"
#include "tests/conformance/disk_suite.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::conformance {

INSTANTIATE_TEST_SUITE_P(SystemDisk, DiskSuite,
                         ::testing::Values(std::function<DiskUnderTest()>([] {
                           auto directory = std::make_shared<testing_support::TempDir>();
                           auto disk = runtime::SystemDisk::Open(directory->path());
                           return DiskUnderTest{directory, *std::move(disk)};
                         })));

}  // namespace bitrepo::conformance

namespace bitrepo::runtime {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;
using testing_support::TempDir;

std::span<const std::byte> Bytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class SystemDiskTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(disk_, SystemDisk::Open(directory_.path())); }

  TempDir directory_;
  std::unique_ptr<SystemDisk> disk_;
};

TEST_F(SystemDiskTest, TheRootMustBeADirectory) {
  EXPECT_THAT(SystemDisk::Open(directory_.Path("none")), StatusIs(absl::StatusCode::kNotFound));
  std::ofstream(directory_.Path("file")) << "x";
  EXPECT_THAT(SystemDisk::Open(directory_.Path("file")),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SystemDiskTest, NoSymbolicLinkIsFollowedAnywhere) {
  std::ofstream(directory_.Path("target")) << "secret";
  ASSERT_OK(disk_->MakeDirectories("directory"));
  ASSERT_EQ(symlink("target", directory_.Path("link").c_str()), 0);
  ASSERT_EQ(symlink("/etc", directory_.Path("etc").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", directory_.Path("dangling").c_str()), 0);
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(disk_->OpenRead("link"), refused);
  EXPECT_THAT(disk_->OpenWrite("link"), refused);
  EXPECT_THAT(disk_->Lock("link"), refused);
  EXPECT_THAT(disk_->Stat("link"), refused);
  EXPECT_THAT(disk_->OpenRead("etc/passwd"), refused);
  EXPECT_THAT(disk_->Stat("etc/passwd"), refused);
  EXPECT_THAT(disk_->List("etc"), refused);
  EXPECT_THAT(disk_->Create("etc/new"), refused);
  EXPECT_THAT(disk_->Rename("target", "etc/target"), refused);
  EXPECT_THAT(disk_->Remove("etc/passwd"), refused);
  EXPECT_THAT(disk_->MakeDirectories("etc/new"), refused);
  EXPECT_THAT(disk_->SyncDirectory("etc"), refused);
  EXPECT_THAT(disk_->Create("dangling"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(disk_->Lock("dangling"), refused);
  EXPECT_OK(disk_->Remove("link")) << "the link itself is ours to remove";
  EXPECT_OK(disk_->OpenRead("target"));
}

TEST_F(SystemDiskTest, APipeIsRefusedWithoutWaitingForItsOtherEnd) {
  ASSERT_EQ(mkfifo(directory_.Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(disk_->OpenRead("pipe"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(disk_->Stat("pipe"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(SystemDiskTest, FilesAreForTheOwnerOnlyAndClosedOnExec) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_->Create("file"));
  struct stat info {};
  ASSERT_EQ(stat(directory_.Path("file").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  for (int fd = 3; fd < 64; ++fd) {
    const int flags = fcntl(fd, F_GETFD);
    char path[64];
    const ssize_t got =
        readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
    if (got > 0 &&
        std::string(path, static_cast<size_t>(got)).find("bitrepo-test") != std::string::npos) {
      EXPECT_TRUE((flags & FD_CLOEXEC) != 0) << fd;
    }
  }
}

TEST_F(SystemDiskTest, TheRootMayBeMovedWhileItIsOpen) {
  const std::string moved = directory_.path() + "-moved";
  ASSERT_EQ(rename(directory_.path().c_str(), moved.c_str()), 0);
  const absl::Cleanup back = [&] { rename(moved.c_str(), directory_.path().c_str()); };
  ASSERT_OK(disk_->Create("file"));
  EXPECT_EQ(access((moved + "/file").c_str(), F_OK), 0);
}

TEST_F(SystemDiskTest, ALockHoldsAgainstAnotherDiskOnTheSameTree) {
  ASSERT_OK_AND_ASSIGN(const auto other, SystemDisk::Open(directory_.path()));
  ASSERT_OK_AND_ASSIGN(auto lock, disk_->Lock("LOCK"));
  EXPECT_THAT(other->Lock("LOCK"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                            HasSubstr(directory_.path() + "/LOCK")));
  lock.reset();
  EXPECT_OK(other->Lock("LOCK"));
}

TEST_F(SystemDiskTest, WritesThatPreferToPassTheCacheAreReadAsTheyWereWritten) {
  const std::string text = base::SeededRandom(7).Bytes(2 * 1024 * 1024 + 1234);
  auto file = disk_->Create("large");
  ASSERT_OK(file);
  (*file)->PreferDirect();
  // In pieces that begin and end at pages, and in some that do not.
  for (const auto& [from, to] : {std::pair<size_t, size_t>{1024 * 1024, text.size()},
                                 {0, 300 * 1024 + 5},
                                 {300 * 1024 + 5, 1024 * 1024}}) {
    ASSERT_OK((*file)->WriteAt(from, Bytes(text).subspan(from, to - from)));
  }
  ASSERT_OK((*file)->Sync());
  std::string read(text.size(), '\0');
  EXPECT_THAT((*file)->ReadAt(0, std::as_writable_bytes(std::span(read))),
              testing_support::IsOkAndHolds(text.size()));
  EXPECT_TRUE(read == text);
  EXPECT_THAT((*file)->Size(), testing_support::IsOkAndHolds(text.size()));
}

// Pages of a file that the kernel has in memory.
ptrdiff_t PagesInMemory(int descriptor, size_t bytes) {
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) return -1;
  std::vector<unsigned char> pages(bytes / static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  const bool told = mincore(mapped, bytes, pages.data()) == 0;
  munmap(mapped, bytes);
  return told ? std::count_if(pages.begin(), pages.end(), [](auto page) { return page & 1; }) : -1;
}

TEST_F(SystemDiskTest, AFreshReadIsNotByWayOfThePageCache) {
  const std::string text = base::SeededRandom(7).Bytes(1024 * 1024);
  auto file = disk_->Create("file");
  ASSERT_OK(file);
  ASSERT_OK((*file)->WriteAt(0, Bytes(text)));
  ASSERT_OK((*file)->Sync());
  const ScopedFd same(open(directory_.Path("file").c_str(), O_RDONLY | O_CLOEXEC));
  std::string read(text.size(), '\0');
  const std::span<std::byte> out = std::as_writable_bytes(std::span(read));
  if (DirectFile(same.get()).ReadFront(0, out.first(kDirectAlignment)).value_or(0) == 0) {
    GTEST_SKIP() << "no direct reads on the file system of " << directory_.path();
  }
  ASSERT_EQ(posix_fadvise(same.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  ASSERT_EQ(PagesInMemory(same.get(), text.size()), 0);
  EXPECT_THAT((*file)->ReadFreshAt(0, out), testing_support::IsOkAndHolds(text.size()));
  EXPECT_TRUE(read == text);
  EXPECT_EQ(PagesInMemory(same.get(), text.size()), 0);
  ASSERT_OK((*file)->ReadAt(0, out));
  EXPECT_GT(PagesInMemory(same.get(), text.size()), 0) << "the measure sees no pages at all";
}

TEST_F(SystemDiskTest, LinkThenUnlinkDoesNotReplaceEither) {
  std::ofstream(directory_.Path("a")) << "one";
  std::ofstream(directory_.Path("b")) << "two";
  const int root = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(LinkThenUnlink(root, "a", root, "b"), EEXIST);
  EXPECT_EQ(access(directory_.Path("a").c_str(), F_OK), 0);
  EXPECT_EQ(LinkThenUnlink(root, "a", root, "c"), 0);
  EXPECT_NE(access(directory_.Path("a").c_str(), F_OK), 0);
  EXPECT_EQ(access(directory_.Path("c").c_str(), F_OK), 0);
  EXPECT_EQ(LinkThenUnlink(root, "none", root, "d"), ENOENT);
  close(root);
}

TEST(SystemDiskFile, AfterAFailedSyncNoLaterOneSucceeds) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[1]);
  SystemDiskFile file("a/b", ScopedFd(ends[0]));  // a pipe cannot be synced
  const absl::Status first = file.Sync();
  EXPECT_THAT(first, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a/b")));
  const TempDir directory;
  const int good = open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(dup2(good, ends[0]), ends[0]);  // now the kernel would say yes
  close(good);
  EXPECT_THAT(file.Sync(), StatusIs(first.code(), HasSubstr("an earlier sync failed")));
}

TEST_F(SystemDiskTest, AFullFileSystemIsToldAndLeavesTheRestReadable) {
  if (geteuid() != 0 ||
      mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=1m,nr_inodes=16") != 0) {
    GTEST_SKIP() << "NOT TESTED: a full file system; it takes root to mount a small one";
  }
  const absl::Cleanup unmount = [&] {
    disk_.reset();
    umount2(directory_.path().c_str(), MNT_DETACH);
  };
  ASSERT_OK_AND_ASSIGN(disk_, SystemDisk::Open(directory_.path()));
  ASSERT_OK_AND_ASSIGN(const auto file, disk_->Create("file"));
  ASSERT_OK(file->WriteAt(0, Bytes("kept")));
  const std::string large(2 << 20, 'x');
  EXPECT_THAT(file->WriteAt(4096, Bytes(large)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("file")));
  ASSERT_OK_AND_ASSIGN(const SpaceInfo space, disk_->Space());
  EXPECT_EQ(space.total_bytes, 1u << 20);
  EXPECT_EQ(space.free_bytes, 0u);
  std::string out(4, '?');
  ASSERT_OK(file->ReadAt(0, std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, "kept");
  ASSERT_OK(file->Truncate(4));
  EXPECT_OK(file->WriteAt(4, Bytes("more")));

  absl::Status status;
  for (int i = 0; status.ok() && i < 100; ++i) {
    status = disk_->Create(std::to_string(i)).status();
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bitrepo::runtime
