// SPDX-License-Identifier: Apache-2.0
#include "client/local_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

using ::testing::HasSubstr;
using testing_support::IsOk;
using testing_support::StatusIs;

class LocalFiles : public ::testing::Test {
 protected:
  std::unique_ptr<LocalFile> Open(const std::string& text) {
    std::ofstream(path_) << text;
    auto file = LocalFile::Open(path_);
    EXPECT_OK(file);
    return *std::move(file);
  }
  static std::string ReadAll(ReadableBytes& file) {
    std::vector<std::byte> bytes(file.size_bytes() + 10);
    const auto got = file.ReadAt(0, bytes);
    EXPECT_OK(got);
    return std::string(reinterpret_cast<const char*>(bytes.data()), *got);
  }
  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("file");
};

TEST_F(LocalFiles, AreReadAtAnyPlaceAndStayUnchanged) {
  const auto file = Open("0123456789");
  EXPECT_EQ(file->size_bytes(), 10u);
  EXPECT_EQ(ReadAll(*file), "0123456789");
  std::vector<std::byte> two(2);
  EXPECT_EQ(*file->ReadAt(9, two), 1u) << "fewer only at the end";
  EXPECT_EQ(*file->ReadAt(10, two), 0u);
  EXPECT_THAT(file->CheckUnchanged(), IsOk());
}

TEST_F(LocalFiles, SayHowTheyChanged) {
  auto file = Open("text");
  std::ofstream(path_, std::ios::app) << "more";
  EXPECT_THAT(file->CheckUnchanged(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("4 bytes then, 8 now")));
  file = Open("text");
  std::filesystem::resize_file(path_, 1);
  EXPECT_THAT(file->CheckUnchanged(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("4 bytes then, 1 now")));
  file = Open("text");
  std::filesystem::remove(path_);
  EXPECT_THAT(file->CheckUnchanged(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("has vanished")));
  file = Open("text");
  std::ofstream(directory_.Path("other")) << "text";
  std::filesystem::rename(directory_.Path("other"), path_);
  EXPECT_THAT(file->CheckUnchanged(),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("was replaced")));
}

TEST_F(LocalFiles, ThatKeepTheirSizeButNotTheirTimeHaveChanged) {
  const auto file = Open("text");
  std::filesystem::last_write_time(
      path_, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_THAT(file->CheckUnchanged(), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(LocalFiles, AreKnownByAStampThatChangesWithThem) {
  const std::string stamp = Open("text")->stamp();
  EXPECT_EQ(stamp.size(), 32u);
  EXPECT_EQ(LocalFile::Open(path_).value()->stamp(), stamp);
  std::filesystem::last_write_time(
      path_, std::filesystem::last_write_time(path_) + std::chrono::nanoseconds(1'000'000));
  EXPECT_NE(LocalFile::Open(path_).value()->stamp(), stamp);
  std::filesystem::copy_file(path_, directory_.Path("other"));
  EXPECT_NE(LocalFile::Open(directory_.Path("other")).value()->stamp(),
            LocalFile::Open(path_).value()->stamp());
}

TEST_F(LocalFiles, MustBeThereAndRegular) {
  EXPECT_THAT(LocalFile::Open(path_), StatusIs(absl::StatusCode::kNotFound, HasSubstr("file")));
  EXPECT_THAT(LocalFile::Open(directory_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("use -r")));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(LocalFile::Open(path_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no regular file")))
      << "and a FIFO without a writer does not hold us";
  EXPECT_THAT(LocalFile::Open("/dev/null"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(LocalFiles, SpoolAStreamWithoutLeavingAName) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string text(3'000'000, 'x');
  std::thread writer([&] {
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t wrote = write(ends[1], text.data() + done, text.size() - done);
      if (wrote <= 0) break;
      done += static_cast<size_t>(wrote);
    }
    close(ends[1]);
  });
  const auto file = LocalFile::Spool(ends[0], directory_.path());
  writer.join();
  close(ends[0]);
  ASSERT_OK(file);
  EXPECT_EQ((*file)->size_bytes(), text.size());
  EXPECT_TRUE(ReadAll(**file) == text);
  EXPECT_THAT((*file)->CheckUnchanged(), IsOk());
  EXPECT_EQ((*file)->stamp(), "") << "it cannot come again";
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(LocalFiles, SpoolNowhereIsTold) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[1]);
  EXPECT_THAT(LocalFile::Spool(ends[0], directory_.Path("no/such")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no/such")));
  close(ends[0]);
}

}  // namespace
}  // namespace bitrepo::client
