// SPDX-License-Identifier: Apache-2.0
// What every implementation of runtime::Disk must do, whatever it stands on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/runtime/disk.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::conformance {

// A fresh, empty disk, and whatever must live as long.
struct DiskUnderTest {
  std::shared_ptr<void> keep;
  std::unique_ptr<runtime::Disk> disk;
};

// Use: INSTANTIATE_TEST_SUITE_P(SimDisk, DiskSuite, ::testing::Values(factory));
class DiskSuite : public ::testing::TestWithParam<std::function<DiskUnderTest()>> {
 protected:
  static std::span<const std::byte> Bytes(absl::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  }
  // All of the file, or the status's text.
  static std::string Contents(runtime::DiskFile& file) {
    const auto size = file.Size();
    if (!size.ok()) {
      return size.status().ToString();
    }
    std::string contents(*size + 1, '?');
    const auto got = file.ReadAt(0, std::as_writable_bytes(std::span(contents)));
    if (!got.ok()) {
      return got.status().ToString();
    }
    contents.resize(*got);
    return contents;
  }
  std::string ContentsOf(absl::string_view path) {
    const auto file = disk_.OpenRead(path);
    return file.ok() ? Contents(**file) : file.status().ToString();
  }
  void Make(absl::string_view path, absl::string_view contents) {
    ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create(path));
    ASSERT_OK(file->WriteAt(0, Bytes(contents)));
  }

  DiskUnderTest under_test_ = GetParam()();
  runtime::Disk& disk_ = *under_test_.disk;
};

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::IsOkAndHolds;
using testing_support::StatusIs;

TEST_P(DiskSuite, AFileIsReadAsItWasWritten) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("file"));
  EXPECT_THAT(file->Size(), IsOkAndHolds(0u));
  ASSERT_OK(file->WriteAt(0, Bytes("hello world")));
  ASSERT_OK(file->WriteAt(6, Bytes("there")));
  EXPECT_THAT(file->Size(), IsOkAndHolds(11u));
  EXPECT_EQ(Contents(*file), "hello there");
  EXPECT_EQ(ContentsOf("file"), "hello there");
}

TEST_P(DiskSuite, AReadIsShortOnlyAtTheEnd) {
  Make("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.OpenRead("file"));
  std::string out(4, '?');
  const auto bytes = std::as_writable_bytes(std::span(out));
  EXPECT_THAT(file->ReadAt(3, bytes), IsOkAndHolds(4u));
  EXPECT_EQ(out, "3456");
  EXPECT_THAT(file->ReadAt(8, bytes), IsOkAndHolds(2u));
  EXPECT_THAT(file->ReadAt(10, bytes), IsOkAndHolds(0u));
  EXPECT_THAT(file->ReadAt(1'000'000, bytes), IsOkAndHolds(0u));
  EXPECT_THAT(file->ReadAt(0, bytes.first(0)), IsOkAndHolds(0u));
}

TEST_P(DiskSuite, AHoleReadsAsZeros) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("sparse"));
  ASSERT_OK(file->WriteAt(100'000, Bytes("end")));
  EXPECT_EQ(Contents(*file), std::string(100'000, '\0') + "end");
}

TEST_P(DiskSuite, TruncateShortensAndLengthens) {
  Make("file", "0123456789");
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.OpenWrite("file"));
  ASSERT_OK(file->Truncate(4));
  EXPECT_EQ(Contents(*file), "0123");
  ASSERT_OK(file->Truncate(6));
  EXPECT_EQ(Contents(*file), std::string("0123\0\0", 6));
}

TEST_P(DiskSuite, OffsetsNoDiskCanHaveAreRefused) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("file"));
  std::string out(2, '?');
  const auto bytes = std::as_writable_bytes(std::span(out));
  constexpr uint64_t kSignedMax = std::numeric_limits<int64_t>::max();
  for (const uint64_t offset :
       {kSignedMax - 1, kSignedMax, kSignedMax + 1, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_THAT(file->ReadAt(offset, bytes), StatusIs(absl::StatusCode::kInvalidArgument))
        << offset;
    EXPECT_THAT(file->WriteAt(offset, bytes), StatusIs(absl::StatusCode::kInvalidArgument))
        << offset;
  }
  EXPECT_THAT(file->Truncate(kSignedMax + 1), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(file->Size(), IsOkAndHolds(0u));
}

TEST_P(DiskSuite, AFileOpenedForReadingIsNotWritten) {
  Make("file", "kept");
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.OpenRead("file"));
  EXPECT_FALSE(file->WriteAt(0, Bytes("lost")).ok());
  EXPECT_FALSE(file->Truncate(0).ok());
  EXPECT_EQ(ContentsOf("file"), "kept");
}

TEST_P(DiskSuite, CreateNeverTakesAnExistingFile) {
  Make("file", "first");
  EXPECT_THAT(disk_.Create("file"), StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("file")));
  ASSERT_OK(disk_.MakeDirectories("directory"));
  EXPECT_THAT(disk_.Create("directory"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ContentsOf("file"), "first");
}

TEST_P(DiskSuite, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(disk_.OpenRead("none"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(disk_.OpenWrite("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.Create("no/directory"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.Stat("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.List("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.Remove("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.Rename("none", "other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.SyncDirectory("none"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(disk_.Lock("no/lock"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(DiskSuite, AFileIsNoDirectory) {
  Make("file", "x");
  EXPECT_THAT(disk_.List("file"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(disk_.Create("file/below"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(disk_.Stat("file/below"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(disk_.MakeDirectories("file/below"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(DiskSuite, ADirectoryIsNoFile) {
  ASSERT_OK(disk_.MakeDirectories("directory"));
  EXPECT_THAT(disk_.OpenRead("directory"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(disk_.OpenWrite("directory"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(DiskSuite, PathsThatLeaveTheTreeAreRefusedByEveryCall) {
  Make("file", "x");
  for (const std::string& path :
       {std::string("/etc/passwd"), std::string("/"), std::string(".."), std::string("../x"),
        std::string("a/../b"), std::string("."), std::string("./a"), std::string("a//b"),
        std::string("a/"), std::string("a/.."), std::string("a\0b", 3)}) {
    SCOPED_TRACE(path);
    const auto refused = StatusIs(absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(disk_.Create(path), refused);
    EXPECT_THAT(disk_.OpenRead(path), refused);
    EXPECT_THAT(disk_.OpenWrite(path), refused);
    EXPECT_THAT(disk_.Rename("file", path), refused);
    EXPECT_THAT(disk_.Rename(path, "other"), refused);
    EXPECT_THAT(disk_.Remove(path), refused);
    EXPECT_THAT(disk_.MakeDirectories(path), refused);
    EXPECT_THAT(disk_.SyncDirectory(path), refused);
    EXPECT_THAT(disk_.List(path), refused);
    EXPECT_THAT(disk_.Stat(path), refused);
    EXPECT_THAT(disk_.Lock(path), refused);
  }
  EXPECT_THAT(disk_.Create(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(disk_.OpenRead(""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(disk_.List(""), IsOkAndHolds(ElementsAre("file")));
}

TEST_P(DiskSuite, RenameMovesAFileBetweenDirectories) {
  ASSERT_OK(disk_.MakeDirectories("from"));
  ASSERT_OK(disk_.MakeDirectories("to"));
  Make("from/a", "contents");
  ASSERT_OK(disk_.Rename("from/a", "to/b"));
  EXPECT_THAT(disk_.List("from"), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(ContentsOf("to/b"), "contents");
}

TEST_P(DiskSuite, RenameNeverReplaces) {
  Make("a", "one");
  Make("b", "two");
  ASSERT_OK(disk_.MakeDirectories("directory"));
  EXPECT_THAT(disk_.Rename("a", "b"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(disk_.Rename("a", "directory"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ContentsOf("a"), "one");
  EXPECT_EQ(ContentsOf("b"), "two");
}

TEST_P(DiskSuite, RenameMovesADirectoryWithAllInIt) {
  ASSERT_OK(disk_.MakeDirectories("a/b"));
  Make("a/b/file", "x");
  ASSERT_OK(disk_.Rename("a", "c"));
  EXPECT_EQ(ContentsOf("c/b/file"), "x");
  EXPECT_THAT(disk_.Stat("a"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(DiskSuite, AnOpenFileStaysTheSameUnderItsNewName) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("staged"));
  ASSERT_OK(file->WriteAt(0, Bytes("early")));
  ASSERT_OK(disk_.Rename("staged", "final"));
  ASSERT_OK(file->WriteAt(5, Bytes(" late")));
  EXPECT_EQ(ContentsOf("final"), "early late");
}

TEST_P(DiskSuite, ARemovedFileCanBeReadByWhoHasItOpen) {
  Make("file", "still here");
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.OpenRead("file"));
  ASSERT_OK(disk_.Remove("file"));
  EXPECT_THAT(disk_.OpenRead("file"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Contents(*file), "still here");
  Make("file", "new");
  EXPECT_EQ(Contents(*file), "still here");
}

TEST_P(DiskSuite, OnlyAnEmptyDirectoryIsRemoved) {
  ASSERT_OK(disk_.MakeDirectories("a/b"));
  EXPECT_THAT(disk_.Remove("a"), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(disk_.Remove("a/b"));
  ASSERT_OK(disk_.Remove("a"));
  EXPECT_THAT(disk_.List(""), IsOkAndHolds(IsEmpty()));
}

TEST_P(DiskSuite, MakeDirectoryMakesOneAndIsFineTwice) {
  ASSERT_OK(disk_.MakeDirectory("a"));
  ASSERT_OK(disk_.MakeDirectory("a"));
  ASSERT_OK(disk_.MakeDirectory("a/b"));
  EXPECT_TRUE(disk_.Stat("a/b").value().is_directory);
  ASSERT_OK(disk_.Create("file"));
  EXPECT_THAT(disk_.MakeDirectory("file"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(DiskSuite, MakeDirectoriesMakesAllOfThemAndIsFineTwice) {
  ASSERT_OK(disk_.MakeDirectories("a/b/c"));
  ASSERT_OK(disk_.MakeDirectories("a/b/c"));
  ASSERT_OK(disk_.MakeDirectories("a/b/d"));
  EXPECT_THAT(disk_.List("a/b"), IsOkAndHolds(ElementsAre("c", "d")));
  ASSERT_OK_AND_ASSIGN(const auto stat, disk_.Stat("a/b/c"));
  EXPECT_TRUE(stat.is_directory);
}

TEST_P(DiskSuite, NamesAreListedInTheOrderOfTheirBytes) {
  for (const char* name : {"b", "a", "\xc3\xa9", "B", "a b", "10", "9", "%2F~1"}) {
    Make(name, "");
  }
  EXPECT_THAT(disk_.List(""),
              IsOkAndHolds(ElementsAre("%2F~1", "10", "9", "B", "a", "a b", "b", "\xc3\xa9")));
}

TEST_P(DiskSuite, AThousandNamesAreListed) {
  ASSERT_OK(disk_.MakeDirectories("many"));
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i) {
    names.push_back(absl::StrCat("file-", i, "-", std::string(60, 'x')));
    Make(absl::StrCat("many/", names.back()), "");
  }
  std::sort(names.begin(), names.end());
  EXPECT_THAT(disk_.List("many"), IsOkAndHolds(names));
}

TEST_P(DiskSuite, StatTellsSizeAndKind) {
  Make("file", "12345");
  Make("other", "");
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Stat("file"));
  ASSERT_OK_AND_ASSIGN(const auto other, disk_.Stat("other"));
  EXPECT_EQ(file.size_bytes, 5u);
  EXPECT_FALSE(file.is_directory);
  EXPECT_NE(file.inode, other.inode);
  ASSERT_OK_AND_ASSIGN(const auto again, disk_.Stat("file"));
  EXPECT_EQ(file.inode, again.inode);
}

TEST_P(DiskSuite, ANameOf255BytesIsFineAndOneMoreIsNot) {
  Make(std::string(255, 'n'), "x");
  EXPECT_THAT(disk_.Create(std::string(256, 'n')), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(DiskSuite, SyncsSucceedOnWhatIsThere) {
  ASSERT_OK(disk_.MakeDirectories("a"));
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("a/file"));
  ASSERT_OK(file->WriteAt(0, Bytes("x")));
  file->StartWriteBack(0, 1);
  file->StartWriteBack(std::numeric_limits<uint64_t>::max(), 1);  // a hint that makes no sense
  EXPECT_OK(file->Sync());
  EXPECT_OK(file->Sync());
  EXPECT_OK(disk_.SyncDirectory("a"));
  EXPECT_OK(disk_.SyncDirectory(""));
  EXPECT_OK(disk_.SyncAll());
}

TEST_P(DiskSuite, AttributesAreKeptAndReplaced) {
  ASSERT_OK_AND_ASSIGN(const auto file, disk_.Create("file"));
  const absl::Status set = file->SetAttribute("bitrepo", "one");
  if (set.code() == absl::StatusCode::kUnimplemented) {
    GTEST_SKIP() << "no extended attributes here: " << set;
  }
  ASSERT_OK(set);
  EXPECT_THAT(file->GetAttribute("bitrepo"), IsOkAndHolds("one"));
  const std::string bytes("\0\xff\n", 3);
  ASSERT_OK(file->SetAttribute("bitrepo", bytes));
  EXPECT_THAT(file->GetAttribute("bitrepo"), IsOkAndHolds(bytes));
  EXPECT_THAT(file->GetAttribute("other"), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(disk_.Rename("file", "moved"));
  ASSERT_OK_AND_ASSIGN(const auto moved, disk_.OpenRead("moved"));
  EXPECT_THAT(moved->GetAttribute("bitrepo"), IsOkAndHolds(bytes));
}

TEST_P(DiskSuite, ALockIsHeldByOneUntilItIsReleased) {
  ASSERT_OK_AND_ASSIGN(auto lock, disk_.Lock("LOCK"));
  EXPECT_THAT(disk_.Lock("LOCK"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("LOCK")));
  EXPECT_OK(disk_.Lock("OTHER"));
  ASSERT_OK(lock->WriteAt(0, Bytes("12345")));
  lock.reset();
  ASSERT_OK_AND_ASSIGN(const auto again, disk_.Lock("LOCK"));
  EXPECT_EQ(Contents(*again), "12345");
}

TEST_P(DiskSuite, SpaceIsTold) {
  ASSERT_OK_AND_ASSIGN(const auto space, disk_.Space());
  EXPECT_GT(space.total_bytes, 0u);
  EXPECT_LE(space.free_bytes, space.total_bytes);
  EXPECT_GT(space.free_inodes, 0u);
}

}  // namespace bitrepo::conformance
