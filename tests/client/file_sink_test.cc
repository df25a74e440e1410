// SPDX-License-Identifier: Apache-2.0
#include "client/file_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "tests/client/sink_bench.h"
#include "tests/support/files.h"
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
using testing_support::NamesIn;
using testing_support::StatusIs;
using testing_support::TextOf;

wire::FileInfo File(uint64_t size_bytes) {
  wire::FileInfo file;
  file.set_file_id("file");
  file.set_size_bytes(size_bytes);
  file.set_generation_id("0123456789abcdef");
  return file;
}

class FileSinks : public SinkBench {
 protected:
  absl::StatusOr<std::shared_ptr<FileSink>> Create(
      const std::string& path, uint64_t size, std::optional<base::Digest> expected = std::nullopt) {
    return FileSink::Create(path, "default", File(size), Range(0, size), std::move(expected),
                            workers_);
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("file");
};

constexpr char kPart[] = ".file.bitrepo-part";
constexpr char kMap[] = ".file.bitrepo-map";

TEST_F(FileSinks, AFileAppearsWholeAtItsCommitAndNotBefore) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "half"));
  EXPECT_THAT(NamesIn(directory_.path()), UnorderedElementsAre(kPart, kMap));
  EXPECT_OK(Write(**sink, 4, "half"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("halfhalf")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"));
  EXPECT_EQ(TextOf(path_), "halfhalf");
}

TEST_F(FileSinks, AFileThatIsThereIsReplacedAtTheEndOrStays) {
  std::ofstream(path_) << "old";
  {
    const auto sink = Create(path_, 3);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "bad"));
    EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::DATA_LOSS);
  }
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"))
      << "wrong bytes are not gone on with";
  EXPECT_EQ(TextOf(path_), "old");
  const auto sink = Create(path_, 3);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "new"));
  EXPECT_EQ(TextOf(path_), "old");
  EXPECT_EQ(Commit(**sink, 3, Sha256("new")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(TextOf(path_), "new");
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
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"));
  EXPECT_EQ(TextOf(path_), "halfrest");
}

TEST_F(FileSinks, AGetThatBroughtNothingLeavesNothing) {
  { ASSERT_OK(Create(path_, 8)); }
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(FileSinks, APartThatIsWholeNeedsNoByteMore) {
  {
    const auto sink = Create(path_, 4);
    ASSERT_OK(sink);
    EXPECT_OK(Write(**sink, 0, "text"));
  }
  const auto sink = Create(path_, 4);
  ASSERT_OK(sink);
  EXPECT_EQ((*sink)->held().ToString(), "0+4");
  EXPECT_EQ(Commit(**sink, 4, Sha256("text")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"));
}

// Each lane works when the test says so.
class LanesByHand final : public runtime::WorkerPool {
 public:
  runtime::StrandId NewStrand() override { return runtime::StrandId{++strands_}; }
  absl::Status Submit(runtime::Lane lane, runtime::StrandId /*strand*/,
                      absl::AnyInvocable<void()> work) override {
    waiting_[lane].push_back(std::move(work));
    return absl::OkStatus();
  }
  void RunAll(runtime::Lane lane) {
    for (auto& work : std::exchange(waiting_[lane], {})) work();
  }

 private:
  std::map<runtime::Lane, std::vector<absl::AnyInvocable<void()>>> waiting_;
  uint64_t strands_ = 0;
};

// What comes in order is never read back: that would cost as much as the writing.
TEST_F(FileSinks, WhatComesInOrderIsDigestedAsItCame) {
  LanesByHand lanes;
  const auto sink = FileSink::Create(path_, "default", File(12), Range(0, 12), std::nullopt, lanes);
  ASSERT_OK(sink);
  int done = 0;
  for (const uint64_t at : {0, 4, 8}) {
    (*sink)->Write(Range(at, 4), base::Buffer::Of("text"), [&](const absl::Status& how) {
      EXPECT_OK(how);
      ++done;
    });
  }
  lanes.RunAll(runtime::Lane::kWrite);
  EXPECT_EQ(done, 0) << "not before it is digested too";
  std::fstream(directory_.Path(kPart), std::ios::in | std::ios::out).seekp(5).put('x');
  lanes.RunAll(runtime::Lane::kHash);
  EXPECT_EQ(done, 3);
  wire::ResponseInfo answer;
  (*sink)->Commit(12, Sha256("texttexttext"), [&](wire::ResponseInfo told) { answer = told; });
  lanes.RunAll(runtime::Lane::kWrite);
  lanes.RunAll(runtime::Lane::kHash);
  lanes.RunAll(runtime::Lane::kWrite);
  EXPECT_EQ(answer.code(), wire::OPERATION_COMPLETED) << answer.text();
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
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(FileSinks, BytesComeInAnyOrder) {
  const auto sink = Create(path_, 9);
  ASSERT_OK(sink);
  EXPECT_TRUE((*sink)->takes_any_order());
  EXPECT_OK(Write(**sink, 6, "678"));
  EXPECT_OK(Write(**sink, 3, "345"));
  EXPECT_OK(Write(**sink, 0, "012"));
  EXPECT_EQ(Commit(**sink, 9, Sha256("012345678")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(TextOf(path_), "012345678");
}

// Else a second source could change what was digested already.
TEST_F(FileSinks, WhatCameFirstStays) {
  const auto sink = Create(path_, 8);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "0123"));
  EXPECT_OK(Write(**sink, 2, "xx45"));
  EXPECT_OK(Write(**sink, 0, "yyyyyy67"));
  EXPECT_EQ(Commit(**sink, 8, Sha256("01234567")).code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(TextOf(path_), "01234567");
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
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(FileSinks, TheCallersOwnDigestIsAskedTooWhateverTheRecordSays) {
  const auto md5 = base::Hasher::Of(base::Algorithm::kMd5, "other");
  const auto sink = Create(path_, 4, md5);
  ASSERT_OK(sink);
  EXPECT_OK(Write(**sink, 0, "text"));
  const wire::ResponseInfo answer = Commit(**sink, 4, Sha256("text"));
  EXPECT_EQ(answer.code(), wire::DATA_LOSS);
  EXPECT_THAT(answer.text(), HasSubstr("as given"));
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(FileSinks, AnEmptyFileIsAFile) {
  const auto sink = Create(path_, 0);
  ASSERT_OK(sink);
  EXPECT_EQ(Commit(**sink, 0, Sha256("")).code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(NamesIn(directory_.path()), ElementsAre("file"));
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
  EXPECT_THAT(NamesIn(directory_.path()), UnorderedElementsAre("file", kPart, kMap))
      << "for when it is gone";
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
