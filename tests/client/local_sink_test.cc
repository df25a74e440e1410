// SPDX-License-Identifier: Apache-2.0
#include "client/local_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/pillar/slow_workers.h"
#include "tests/support/manual_event_loop.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::IsOk;
using testing_support::StatusIs;

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return *base::ByteRange::Within(offset + length, offset, length);
}
base::Digest Sha256(absl::string_view text) {
  return base::Hasher::Of(base::Algorithm::kSha256, text);
}

class LocalSinks : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<FileSink>> Create(
      const std::string& path, uint64_t size, std::optional<base::Digest> expected = std::nullopt) {
    return FileSink::Create(path, "tag", workers_, Range(0, size), std::move(expected));
  }
  absl::Status Write(channel::Sink& sink, uint64_t offset, const std::string& text) {
    absl::Status result = absl::UnknownError("no answer");
    sink.Write(Range(offset, text.size()), base::Buffer::Of(text),
               [&result](absl::Status written) { result = std::move(written); });
    loop_.Advance(absl::Seconds(1));
    return result;
  }
  wire::ResponseInfo Commit(channel::Sink& sink, uint64_t size,
                            std::optional<base::Digest> digest) {
    wire::ResponseInfo result;
    sink.Commit(size, std::move(digest),
                [&result](wire::ResponseInfo answer) { result = std::move(answer); });
    loop_.Advance(absl::Seconds(1));
    return result;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  static std::string Text(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("file");
  testing_support::ManualEventLoop loop_;
  pillar::SlowWorkers workers_{loop_};
};

TEST_F(LocalSinks, AFileAppearsWholeAtItsCommitAndNotBefore) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  EXPECT_THAT(Names(), ElementsAre("file.part-tag"));
  EXPECT_OK(Write(**sink, 4, "half"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("halfhalf")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_EQ(Text(path_), "halfhalf");
}

TEST_F(LocalSinks, AFileThatIsThereIsReplacedAtTheEndOrStays) {
  std::ofstream(path_) << "old";
  {
    const auto sink = Create(path_, 3);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "bad"));
    EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::DATA_LOSS);
  }
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_EQ(Text(path_), "old");
  const auto sink = Create(path_, 3);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "new"));
  EXPECT_EQ(Text(path_), "old");
  EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Text(path_), "new");
}

TEST_F(LocalSinks, AnAbortOrADroppedSinkLeavesNothing) {
  {
    const auto sink = Create(path_, 8);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "half"));
    (*sink)->Aborted(absl::CancelledError("enough"));
    loop_.Advance(absl::Seconds(1));
    EXPECT_THAT(Names(), IsEmpty());
  }
  { ASSERT_OK(Create(path_, 8)); }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(LocalSinks, TooFewBytesAreNotKept) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  const wire::ResponseInfo answer = Commit(**sink, 8, std::nullopt);
  EXPECT_EQ(answer.code(), wire::DATA_LOSS);
  EXPECT_THAT(answer.text(), HasSubstr("4 bytes came instead of 8"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(LocalSinks, TheCallersOwnDigestIsAskedTooWhateverTheRecordSays) {
  const auto md5 = base::Hasher::Of(base::Algorithm::kMd5, "other");
  const auto sink = Create(path_, 4, md5);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  const wire::ResponseInfo answer = Commit(**sink, 4, Sha256("text"));
  EXPECT_EQ(answer.code(), wire::DATA_LOSS);
  EXPECT_THAT(answer.text(), HasSubstr("as given"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(LocalSinks, BytesThatCameBeforeAreSkippedAndAGapIsRefused) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "0123"));
  EXPECT_OK(Write(**sink, 2, "2345")) << "another pillar goes on a little earlier";
  EXPECT_OK(Write(**sink, 0, "01"));
  EXPECT_THAT(Write(**sink, 7, "7"), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(LocalSinks, ADirectoryThatIsNotThereOrGoesIsTold) {
  EXPECT_THAT(Create(directory_.Path("no/file"), 4), StatusIs(absl::StatusCode::kNotFound));
  fs::create_directory(directory_.Path("sub"));
  const auto sink = Create(directory_.Path("sub/file"), 4);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  fs::remove_all(directory_.Path("sub"));
  const wire::ResponseInfo answer = Commit(**sink, 4, Sha256("text"));
  EXPECT_EQ(answer.code(), wire::FAILURE);
  EXPECT_THAT(answer.text(), HasSubstr("sub/file"));
}

TEST_F(LocalSinks, APlaceThatIsADirectoryMeanwhileKeepsWhatIsThere) {
  const auto sink = Create(path_, 4);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  fs::create_directory(path_);
  EXPECT_EQ(Commit(**sink, 4, Sha256("text")).code(), wire::FAILURE);
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_TRUE(fs::is_directory(path_));
}

TEST_F(LocalSinks, AFullDiskIsToldAndStaysTold) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const auto sink = std::make_shared<StreamSink>(full, workers_, Range(0, 8), std::nullopt);
  EXPECT_THAT(Write(*sink, 0, "text"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Write(*sink, 4, "text"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(Commit(*sink, 8, std::nullopt).code(), wire::FAILURE);
  close(full);
}

TEST_F(LocalSinks, AStreamWithoutAReaderIsABrokenPipe) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(0, 4), std::nullopt);
  EXPECT_THAT(Write(*sink, 0, "text"), StatusIs(absl::StatusCode::kAborted, "broken pipe"));
  close(ends[1]);
}

TEST_F(LocalSinks, AStreamOfARangeBeginsAtItsOffset) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto sink = std::make_shared<StreamSink>(ends[1], workers_, Range(100, 4), std::nullopt);
  EXPECT_OK(Write(*sink, 100, "text"));
  EXPECT_EQ(Commit(*sink, 4, std::nullopt).code(), wire::OPERATION_COMPLETED);
  char got[8];
  EXPECT_EQ(read(ends[0], got, sizeof(got)), 4);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace bitrepo::client
