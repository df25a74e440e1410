// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/direct_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::runtime {
namespace {

class DirectFileTest : public ::testing::Test {
 protected:
  static std::span<const std::byte> Bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }
  std::string Content(size_t size) {
    std::string text(size, '\0');
    EXPECT_EQ(pread(file_.get(), text.data(), size, 0), static_cast<ssize_t>(size));
    return text;
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.path() + "/file";
  ScopedFd file_{open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
  DirectFile direct_{file_.get()};
};

TEST_F(DirectFileTest, WritesTheWholePagesOfTheFrontFromMemoryOfAnyAlignment) {
  const std::string text = base::SeededRandom(1).Bytes(3 * 1024 * 1024 + 777);
  for (const size_t shift : {size_t{0}, size_t{1}, size_t{513}}) {
    const std::string unaligned = std::string(shift, 'x') + text;
    const auto front = direct_.WriteFront(0, Bytes(unaligned).subspan(shift));
    ASSERT_OK(front);
    if (*front == 0) GTEST_SKIP() << "no direct writes on the file system of " << path_;
    EXPECT_EQ(*front, 3u * 1024 * 1024);
    EXPECT_EQ(Content(*front), text.substr(0, *front)) << shift;
  }
}

TEST_F(DirectFileTest, TakesNothingThatGainsNothing) {
  const std::string text(2 * kDirectBytesMin, 'a');
  EXPECT_THAT(direct_.WriteFront(1, Bytes(text)), testing_support::IsOkAndHolds(0u));
  EXPECT_THAT(direct_.WriteFront(0, Bytes(text).first(kDirectBytesMin - 1)),
              testing_support::IsOkAndHolds(0u));
  EXPECT_EQ(lseek(file_.get(), 0, SEEK_END), 0);
}

TEST_F(DirectFileTest, TakesNothingWhereTheFileCannotBeOpenedAgain) {
  DirectFile nothing(-1);
  EXPECT_THAT(nothing.WriteFront(0, Bytes(std::string(kDirectBytesMin, 'a'))),
              testing_support::IsOkAndHolds(0u));
}

TEST_F(DirectFileTest, ReadsWhatThereIsIntoMemoryOfAnyAlignment) {
  const std::string text = base::SeededRandom(2).Bytes(2 * 1024 * 1024 + 777);
  ASSERT_EQ(pwrite(file_.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  ASSERT_EQ(fsync(file_.get()), 0);
  for (const size_t shift : {size_t{0}, size_t{3}}) {
    std::string read(shift + text.size() + 5000, '\0');
    const auto got = direct_.ReadFront(0, std::as_writable_bytes(std::span(read)).subspan(shift));
    ASSERT_OK(got);
    if (*got == 0) GTEST_SKIP() << "no direct reads on the file system of " << path_;
    EXPECT_EQ(*got, text.size());
    EXPECT_TRUE(read.substr(shift, text.size()) == text) << shift;
  }
  std::string few(100, '\0');
  EXPECT_THAT(direct_.ReadFront(4096, std::as_writable_bytes(std::span(few))),
              testing_support::IsOkAndHolds(100u));
  EXPECT_EQ(few, text.substr(4096, 100));
  EXPECT_THAT(direct_.ReadFront(1, std::as_writable_bytes(std::span(few))),
              testing_support::IsOkAndHolds(0u));
}

}  // namespace
}  // namespace bitrepo::runtime
