// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/part_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "tests/support/files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using testing_support::IsOk;
using testing_support::NamesIn;
using testing_support::StatusIs;
using testing_support::TextOf;

constexpr char kIdentity[] = "these very bytes";

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}

class PartFiles : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<PartFile>> Open(const std::string& identity = kIdentity,
                                                 base::ByteRange range = Range(0, 8)) {
    return PartFile::Open(path_, identity, range);
  }
  static absl::Status Write(PartFile& part, uint64_t offset, const std::string& text,
                            bool read_soon = false) {
    return part.Write(Range(offset, text.size()), std::as_bytes(std::span(text)), read_soon);
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("file");
  const std::string part_path_ = directory_.Path(".file.bitrepo-part");
  const std::string map_path_ = directory_.Path(".file.bitrepo-map");
};

TEST_F(PartFiles, APartThatIsPublishedIsTheFileAndLeavesNothing) {
  std::ofstream(path_) << "old";
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_OK(Write(**part, 4, "5678"));
  EXPECT_OK(Write(**part, 0, "1234"));
  EXPECT_EQ(TextOf(path_), "old");
  EXPECT_THAT(NamesIn(directory_.path()),
              UnorderedElementsAre("file", ".file.bitrepo-part", ".file.bitrepo-map"));
  EXPECT_OK((*part)->Sync());
  EXPECT_OK((*part)->Publish());
  EXPECT_EQ(TextOf(path_), "12345678");
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"));
}

TEST_F(PartFiles, WhatWasWrittenIsHeldByTheNextOfTheSameIdentity) {
  {
    const auto part = Open();
    ASSERT_OK(part);
    EXPECT_EQ((*part)->held().bytes(), 0u);
    EXPECT_OK(Write(**part, 5, "678"));
    EXPECT_OK(Write(**part, 0, "12"));
  }
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().ToString(), "0+2,5+3");
  std::string back(3, '\0');
  EXPECT_EQ((*part)->ReadAt(5, std::as_writable_bytes(std::span(back))).value(), 3u);
  EXPECT_EQ(back, "678");
}

TEST_F(PartFiles, ARangeLiesAtTheBeginningOfItsPart) {
  {
    const auto part = Open(kIdentity, Range(100, 8));
    ASSERT_OK(part);
    EXPECT_OK(Write(**part, 104, "5678"));
    EXPECT_OK(Write(**part, 100, "1234"));
  }
  const auto part = Open(kIdentity, Range(100, 8));
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().ToString(), "100+8");
  EXPECT_EQ(TextOf(part_path_), "12345678");
}

TEST_F(PartFiles, APartOfOtherBytesIsThrownAway) {
  {
    const auto part = Open("other bytes");
    ASSERT_OK(part);
    EXPECT_OK(Write(**part, 0, "12345678"));
  }
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().bytes(), 0u);
  EXPECT_EQ(TextOf(part_path_), "");
}

TEST_F(PartFiles, AnotherProcessIsToldToWait) {
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_OK(Write(**part, 0, "12"));
  EXPECT_THAT(Open(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another process")));
  EXPECT_THAT(Open("other bytes"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(TextOf(part_path_), "12") << "nobody else touches it";
}

TEST_F(PartFiles, NothingIsLeftWhereNothingCame) {
  { ASSERT_OK(Open()); }
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(PartFiles, AMapWithoutItsPartCountsForNothing) {
  {
    const auto part = Open();
    ASSERT_OK(part);
    EXPECT_OK(Write(**part, 0, "12345678"));
  }
  fs::remove(part_path_);
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().bytes(), 0u);
}

TEST_F(PartFiles, APartThatIsShorterThanItsMapHoldsOnlyWhatIsThere) {
  {
    const auto part = Open();
    ASSERT_OK(part);
    EXPECT_OK(Write(**part, 0, "12345678"));
  }
  fs::resize_file(part_path_, 3);
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().ToString(), "0+3");
}

TEST_F(PartFiles, ADamagedMapCountsForNothing) {
  {
    const auto part = Open();
    ASSERT_OK(part);
    EXPECT_OK(Write(**part, 0, "12345678"));
  }
  std::fstream(map_path_, std::ios::in | std::ios::out).seekp(2).put('x');
  const auto part = Open();
  ASSERT_OK(part);
  EXPECT_EQ((*part)->held().bytes(), 0u);
}

TEST_F(PartFiles, WhatIsNoFileIsLeftAlone) {
  ASSERT_EQ(mkfifo(part_path_.c_str(), 0600), 0);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no file")));
  EXPECT_TRUE(fs::is_fifo(part_path_));
  fs::remove(part_path_);
  fs::create_symlink(path_, part_path_);
  EXPECT_FALSE(Open().ok()) << "a link is not followed";
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(PartFiles, ALongNameIsCutAndStaysItsOwn) {
  const std::string one = directory_.Path(std::string(255, 'a'));
  const std::string other = directory_.Path(std::string(254, 'a') + "b");
  const auto part = PartFile::Open(one, kIdentity, Range(0, 8));
  ASSERT_OK(part);
  EXPECT_OK(Write(**part, 0, "12345678"));
  ASSERT_OK(PartFile::Open(other, kIdentity, Range(0, 8)));
  EXPECT_OK((*part)->Sync());
  EXPECT_OK((*part)->Publish());
  EXPECT_EQ(TextOf(one), "12345678");
}

// Large ones go past the page cache, page by page; none of that shows.
TEST_F(PartFiles, ALargePartIsTheSameBytesWhateverPiecesTheyComeIn) {
  for (const uint64_t size : {kDirectPartBytesMin - 1, kDirectPartBytesMin + 777}) {
    const std::string bytes = base::SeededRandom(size).Bytes(static_cast<size_t>(size));
    const uint64_t begin = 12345;
    constexpr uint64_t kPieces[] = {1'000'000, 65'536, 3, 4096 * 300, 100'001};
    {
      const auto part = Open(kIdentity, Range(begin, size));
      ASSERT_OK(part);
      uint64_t at = 0;
      for (size_t i = 0; at < size / 2; at += kPieces[i++ % std::size(kPieces)]) {
        EXPECT_OK(Write(**part, begin + at, bytes.substr(at, kPieces[i % std::size(kPieces)]),
                        i % 2 == 1));
      }
    }
    const auto part = Open(kIdentity, Range(begin, size));
    ASSERT_OK(part);
    for (const base::ByteRange& missing : (*part)->held().Missing(Range(begin, size)).ranges()) {
      EXPECT_GE(missing.offset(), begin + size / 2);
      EXPECT_OK(Write(**part, missing.offset(),
                      bytes.substr(missing.offset() - begin, missing.length())));
    }
    std::string back(100'000, '\0');
    EXPECT_EQ((*part)->ReadAt(begin + 8191, std::as_writable_bytes(std::span(back))).value(),
              back.size());
    EXPECT_TRUE(back == bytes.substr(8191, back.size()));
    EXPECT_EQ((*part)->ReadAt(begin + size - 10, std::as_writable_bytes(std::span(back))).value(),
              10u);
    EXPECT_OK((*part)->Sync());
    EXPECT_OK((*part)->Publish());
    EXPECT_TRUE(TextOf(path_) == bytes);
  }
}

// The process dies by SIGKILL after each of its writes.
TEST_F(PartFiles, AKillAtAnyWriteLosesNoneOfThoseBefore) {
  for (uint64_t writes = 0; writes <= 8; ++writes) {
    fs::remove(part_path_);
    fs::remove(map_path_);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto part = Open();
      if (!part.ok()) _exit(1);
      for (uint64_t at = 0; at < writes; ++at) {
        if (!Write(**part, at, std::string(1, static_cast<char>('1' + at))).ok()) _exit(1);
      }
      kill(getpid(), SIGKILL);
    }
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << how;
    const auto part = Open();
    ASSERT_OK(part);
    EXPECT_EQ((*part)->held().bytes(), writes);
    EXPECT_EQ(TextOf(part_path_), std::string("12345678").substr(0, writes));
  }
}

}  // namespace
}  // namespace bitrepo::runtime
