// SPDX-License-Identifier: Apache-2.0
#include "client/file_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

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
using ::testing::UnorderedElementsAre;
using testing_support::IsOk;
using testing_support::StatusIs;

base::ByteRange Range(uint64_t offset, uint64_t length) {
  return *base::ByteRange::Within(offset + length, offset, length);
}
base::Digest Sha256(absl::string_view text) {
  return base::Hasher::Of(base::Algorithm::kSha256, text);
}

wire::FileInfo File(uint64_t size_bytes) {
  wire::FileInfo file;
  file.set_file_id("file");
  file.set_size_bytes(size_bytes);
  file.set_generation_id("0123456789abcdef");
  return file;
}

class FileSinks : public ::testing::Test {
 protected:
  absl::StatusOr<std::shared_ptr<FileSink>> Create(
      const std::string& path, uint64_t size, std::optional<base::Digest> expected = std::nullopt) {
    return FileSink::Create(path, "default", File(size), Range(0, size), std::move(expected),
                            workers_);
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

constexpr char kPart[] = ".file.bitrepo-part";
constexpr char kMap[] = ".file.bitrepo-map";

TEST_F(FileSinks, AFileAppearsWholeAtItsCommitAndNotBefore) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  EXPECT_THAT(Names(), UnorderedElementsAre(kPart, kMap));
  EXPECT_OK(Write(**sink, 4, "half"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("halfhalf")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_EQ(Text(path_), "halfhalf");
}

TEST_F(FileSinks, AFileThatIsThereIsReplacedAtTheEndOrStays) {
  std::ofstream(path_) << "old";
  {
    const auto sink = Create(path_, 3);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "bad"));
    EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::DATA_LOSS);
  }
  EXPECT_THAT(Names(), ElementsAre("file")) << "wrong bytes are not gone on with";
  EXPECT_EQ(Text(path_), "old");
  const auto sink = Create(path_, 3);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "new"));
  EXPECT_EQ(Text(path_), "old");
  EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Text(path_), "new");
}

TEST_F(FileSinks, WhatCameBeforeAnAbortIsHeldByTheNextGetOfTheSameBytes) {
  for (const bool told : {true, false}) {
    const auto sink = Create(path_, 8);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "half"));
    if (told) (*sink)->Aborted(absl::CancelledError("enough"));
    loop_.Advance(absl::Seconds(1));
  }
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().ToString(), "0+4");
  EXPECT_OK(Write(**sink, 4, "rest"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("halfrest")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Names(), ElementsAre("file"));
  EXPECT_EQ(Text(path_), "halfrest");
}

TEST_F(FileSinks, AGetThatBroughtNothingLeavesNothing) {
  { ASSERT_OK(Create(path_, 8)); }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(FileSinks, TheLastByteAlwaysComesAgain) {
  {
    const auto sink = Create(path_, 4);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "text"));
  }
  const auto sink = Create(path_, 4);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().ToString(), "0+3");
  EXPECT_OK(Write(**sink, 3, "t"));
  EXPECT_EQ(Commit(**sink, 4, Sha256("text")).code(), wire::OPERATION_COMPLETED);
}

TEST_F(FileSinks, AnotherContentRangeOrFileIsNotGoneOnWith) {
  const auto left_by = [this](const std::string& collection, const wire::FileInfo& file,
                              base::ByteRange range) {
    const auto sink = FileSink::Create(path_, collection, file, range, std::nullopt, workers_);
    EXPECT_OK(sink);
    const uint64_t held = (*sink)->held().bytes();
    EXPECT_OK(Write(**sink, 0, "half"));
    return held;
  };
  wire::FileInfo other_id = File(8);
  other_id.set_file_id("other");
  wire::FileInfo other_generation = File(8);
  other_generation.set_generation_id("fedcba9876543210");
  wire::FileInfo with_digest = File(8);
  with_digest.mutable_digest()->set_algorithm(wire::SHA256);
  with_digest.mutable_digest()->set_value(Sha256("x").bytes());
  wire::FileInfo other_digest = with_digest;
  other_digest.mutable_digest()->set_value(Sha256("y").bytes());
  EXPECT_EQ(left_by("default", File(8), Range(0, 8)), 0u);
  EXPECT_EQ(left_by("default", File(8), Range(0, 8)), 4u) << "these are the same";
  EXPECT_EQ(left_by("other", File(8), Range(0, 8)), 0u);
  EXPECT_EQ(left_by("other", other_id, Range(0, 8)), 0u);
  EXPECT_EQ(left_by("other", other_generation, Range(0, 8)), 0u);
  EXPECT_EQ(left_by("other", other_generation, Range(0, 7)), 0u);
  EXPECT_EQ(left_by("other", with_digest, Range(0, 7)), 0u);
  EXPECT_EQ(left_by("other", other_digest, Range(0, 7)), 0u);
  EXPECT_EQ(left_by("other", other_digest, Range(0, 7)), 4u);
}

TEST_F(FileSinks, TwoGetsOfOneFileDoNotMix) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  EXPECT_THAT(Create(path_, 8),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("another process writes")));
}

TEST_F(FileSinks, AnEarlierPartThatIsDamagedIsThrownAwayAndNobodyIsBlamed) {
  {
    const auto sink = Create(path_, 8);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "half"));
  }
  std::fstream(directory_.Path(kPart), std::ios::in | std::ios::out).seekp(1).put('x');
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().bytes(), 4u);
  EXPECT_OK(Write(**sink, 4, "rest"));
  const wire::ResponseInfo answer = Commit(**sink, 8, Sha256("halfrest"));
  EXPECT_EQ(answer.code(), wire::FAILURE) << "DATA_LOSS would accuse the pillar";
  EXPECT_THAT(answer.text(), HasSubstr("the same command again gets all of it"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(FileSinks, BytesComeInAnyOrder) {
  const auto sink = Create(path_, 9);
  ASSERT_OK(sink);
  EXPECT_TRUE((*sink)->takes_any_order());
  EXPECT_OK(Write(**sink, 6, "678"));
  EXPECT_OK(Write(**sink, 3, "345"));
  EXPECT_OK(Write(**sink, 0, "012"));
  EXPECT_EQ(Commit(**sink, 9, Sha256("012345678")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Text(path_), "012345678");
}

// Else a second source could change what was digested already.
TEST_F(FileSinks, WhatCameFirstStays) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "0123"));
  EXPECT_OK(Write(**sink, 2, "xx45"));
  EXPECT_OK(Write(**sink, 0, "yyyyyy67"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("01234567")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Text(path_), "01234567");
}

TEST_F(FileSinks, WhatLiesInTooManyPiecesComesAgainInPart) {
  const uint64_t pieces = kHeldRangesMax + 2;
  {
    const auto sink = Create(path_, 4 * pieces);
    ASSERT_OK(sink);
    for (uint64_t i = 0; i < pieces; ++i) EXPECT_OK(Write(**sink, 4 * i, i == 1 ? "a" : "bb"));
  }
  const auto sink = Create(path_, 4 * pieces);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().range_count(), kHeldRangesMax);
  EXPECT_FALSE((*sink)->held().Contains(Range(4, 1))) << "the smallest is given up";
}

TEST_F(FileSinks, TooFewBytesAreNotKept) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  const wire::ResponseInfo answer = Commit(**sink, 8, std::nullopt);
  EXPECT_EQ(answer.code(), wire::DATA_LOSS);
  EXPECT_THAT(answer.text(), HasSubstr("4 bytes came instead of 8"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(FileSinks, TheCallersOwnDigestIsAskedTooWhateverTheRecordSays) {
  const auto md5 = base::Hasher::Of(base::Algorithm::kMd5, "other");
  const auto sink = Create(path_, 4, md5);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  const wire::ResponseInfo answer = Commit(**sink, 4, Sha256("text"));
  EXPECT_EQ(answer.code(), wire::DATA_LOSS);
  EXPECT_THAT(answer.text(), HasSubstr("as given"));
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(FileSinks, AnEmptyFileIsAFile) {
  const auto sink = Create(path_, 0);
  ASSERT_OK(sink);
  EXPECT_EQ(Commit(**sink, 0, Sha256("")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(FileSinks, ADirectoryThatIsNotThereOrGoesIsTold) {
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

TEST_F(FileSinks, APlaceThatIsADirectoryMeanwhileKeepsWhatIsThere) {
  const auto sink = Create(path_, 4);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  fs::create_directory(path_);
  EXPECT_EQ(Commit(**sink, 4, Sha256("text")).code(), wire::FAILURE);
  EXPECT_THAT(Names(), UnorderedElementsAre("file", kPart, kMap)) << "for when it is gone";
  EXPECT_TRUE(fs::is_directory(path_));
}

// A limit on the size of files stands for a disk that is full.
TEST_F(FileSinks, AFullDiskIsToldAndWhatCameBeforeIsKept) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{4096, before.rlim_max};
  {
    const auto sink = Create(path_, 8192);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, std::string(4096, 'a')));
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_FALSE(Write(**sink, 4096, std::string(4096, 'b')).ok());
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_FALSE(Write(**sink, 4096, std::string(4096, 'b')).ok()) << "it stays told";
    EXPECT_EQ(Commit(**sink, 8192, std::nullopt).code(), wire::FAILURE);
  }
  const auto sink = Create(path_, 8192);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().ToString(), "0+4096");
}

}  // namespace
}  // namespace bitrepo::client
