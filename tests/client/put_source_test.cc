// SPDX-License-Identifier: Apache-2.0
// One local file for all pillars of a put: read once, and refused when it does not stay what it
// was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/status.h"
#include "bus/protocol/response_code.h"
#include "client/local_file.h"
#include "client/put_operation.h"
#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::client {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

constexpr size_t kMiB = 1 << 20;
// More than the ring holds, so that reading and sending go on side by side.
constexpr size_t kLongBytes = 24 * kMiB;

// A file in a directory of its own, put to three pillars.
class PutSource : public ::testing::Test {
 protected:
  PutSource() { std::ofstream(path_, std::ios::binary) << bytes_; }

  std::shared_ptr<SharedSource> Open(std::optional<base::Digest> expected = std::nullopt) {
    auto file = LocalFile::Open(path_);
    EXPECT_OK(file);
    return SharedSource::Make(*std::move(file), repository_.workers, std::move(expected));
  }
  // Bytes are under way, and not all have been read.
  ToldPut PutHalf(const std::shared_ptr<SharedSource>& source) {
    const ToldPut put = repository_.Put("file", source);
    EXPECT_TRUE(repository_.RunUntil([&] { return put->moved_bytes() > 4 * kMiB; }));
    EXPECT_LT(source->reads(), kLongBytes / kMiB);
    EXPECT_EQ(put->ends, 0);
    return put;
  }
  void ExpectRefused(const ToldPut& put, absl::StatusCode code, const std::string& text) {
    ASSERT_TRUE(repository_.RunToEnd(put));
    EXPECT_THAT(put->result->source, StatusIs(code, HasSubstr(text)));
    EXPECT_NE(put->result->outcome.verdict, protocol::Verdict::kSuccess);
    EXPECT_TRUE(put->result->finals.empty());
    repository_.Run(absl::Seconds(30));
    EXPECT_EQ(put->ends, 1);
    for (const char* pillar : {"p1", "p2", "p3"}) {
      EXPECT_FALSE(repository_.Has(pillar, "file")) << pillar;
    }
  }

  testing_support::TempDir directory_;
  const std::string path_ = directory_.Path("source");
  const std::string bytes_ = Noise(kLongBytes);
  MemoryRepository repository_{3};
};

TEST_F(PutSource, IsReadOnceForAllPillars) {
  const auto source = Open();
  const ToldPut put = repository_.Put("file", source);
  ASSERT_TRUE(repository_.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_EQ(source->reads(), kLongBytes / kMiB);
  for (const char* pillar : {"p1", "p2", "p3"}) {
    EXPECT_TRUE(repository_.HasBytes(pillar, "file", bytes_)) << pillar;
  }
}

// From when bytes move: before that all are asked whether they can, and the slow one's word counts.
TEST_F(PutSource, APillarOfATwentiethOfTheSpeedHoldsNobody) {
  const auto both_have_it = [this](const ToldPut& put, const char* file_id, int times) {
    EXPECT_TRUE(repository_.RunUntil([&] { return put->moved.size() >= 2; }));
    const absl::Time begun = repository_.loop.Now();
    repository_.SlowDown("p3", times);
    EXPECT_TRUE(repository_.RunUntil(
        [&] { return repository_.Has("p1", file_id) && repository_.Has("p2", file_id); }));
    return repository_.loop.Now() - begun;
  };
  PutFileSpec spec{.collection = Photos(), .file_id = File("two"), .source = {}};
  const auto source = Open();
  spec.size_bytes = kLongBytes;
  spec.source = [source](const base::ComponentId&) { return source->View(); };
  spec.pillars = {PillarId("p1"), PillarId("p2")};
  const ToldPut two = repository_.Put(std::move(spec));
  const absl::Duration without = both_have_it(two, "two", 1);
  ASSERT_TRUE(repository_.RunToEnd(two));
  const ToldPut three = repository_.Put("three", Open());
  EXPECT_LT(both_have_it(three, "three", 20), without * 1.2);
  EXPECT_EQ(three->ends, 0);
  ASSERT_TRUE(repository_.RunToEnd(three));
  EXPECT_EQ(three->result->outcome.verdict, protocol::Verdict::kSuccess);
  EXPECT_TRUE(repository_.HasBytes("p3", "three", bytes_));
}

TEST_F(PutSource, ThatVanishesStoresNothing) {
  const ToldPut put = PutHalf(Open());
  std::filesystem::remove(path_);
  ExpectRefused(put, absl::StatusCode::kAborted, "has vanished while it was read");
}

TEST_F(PutSource, ThatShrinksStoresNothing) {
  const ToldPut put = PutHalf(Open());
  std::filesystem::resize_file(path_, kLongBytes - 3);
  ExpectRefused(put, absl::StatusCode::kAborted, "changed while it was read");
}

TEST_F(PutSource, ThatGrowsStoresNothing) {
  const ToldPut put = PutHalf(Open());
  std::ofstream(path_, std::ios::app) << "more";
  ExpectRefused(put, absl::StatusCode::kAborted, "changed while it was read");
}

TEST_F(PutSource, ThatIsReplacedStoresNothing) {
  const ToldPut put = PutHalf(Open());
  std::ofstream(directory_.Path("other"), std::ios::binary) << bytes_;
  std::filesystem::rename(directory_.Path("other"), path_);
  ExpectRefused(put, absl::StatusCode::kAborted, "was replaced while it was read");
}

TEST_F(PutSource, ThatIsNotWhatWasExpectedStoresNothing) {
  const ToldPut put = repository_.Put("file", Open(Sha256Of("something else")));
  ExpectRefused(put, absl::StatusCode::kDataLoss, "as given");
}

// A file on a disk with a bad place.
class DamagedFile final : public ReadableBytes {
 public:
  DamagedFile(std::string text, uint64_t bad_at) : text_(std::move(text)), bad_at_(bad_at) {}
  uint64_t size_bytes() const override { return text_.size(); }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    if (offset + out.size() > bad_at_) return base::ErrnoStatus(EIO, "the source");
    std::memcpy(out.data(), text_.data() + offset, out.size());
    return out.size();
  }
  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  const std::string text_;
  const uint64_t bad_at_;
};

TEST_F(PutSource, ThatCannotBeReadStoresNothing) {
  const ToldPut put = repository_.Put(
      "file",
      SharedSource::Make(std::make_unique<DamagedFile>(bytes_, 20 * kMiB), repository_.workers));
  ASSERT_TRUE(repository_.RunToEnd(put));
  const absl::StatusCode code = put->result->source.code();
  ExpectRefused(put, code, "the source");
  EXPECT_NE(code, absl::StatusCode::kOk);
}

TEST_F(PutSource, ThatChangesIsTheTroubleThatTheOutcomeTells) {
  const ToldPut put = PutHalf(Open());
  std::filesystem::resize_file(path_, 1);
  ASSERT_TRUE(repository_.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.code, wire::SOURCE_CHANGED);
  EXPECT_EQ(protocol::ExitCodeOf(put->result->outcome.code), 10);
  EXPECT_THAT(put->result->outcome.text, HasSubstr("changed while it was read"));
}

}  // namespace
}  // namespace bitrepo::client
