// SPDX-License-Identifier: Apache-2.0
#include "client/shared_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/random.h"
#include "tests/pillar/slow_workers.h"
#include "tests/support/manual_event_loop.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_support::StatusIs;

constexpr uint64_t kMiB = 1 << 20;

// Bytes in memory that count how they are read, and change when a test says so.
class WatchedBytes final : public ReadableBytes {
 public:
  explicit WatchedBytes(std::string text) : text_(std::move(text)) {}
  uint64_t size_bytes() const override { return text_.size(); }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    ++reads;
    const size_t there = std::min<uint64_t>(out.size(), end - std::min(end, offset));
    std::memcpy(out.data(), text_.data() + offset, there);
    return there;
  }
  absl::Status CheckUnchanged() override { return changed; }

  int reads = 0;
  uint64_t end = UINT64_MAX / 2;  // nothing can be read from here on
  absl::Status changed;

 private:
  const std::string text_;
};

class Source : public ::testing::Test {
 protected:
  std::shared_ptr<SharedSource> Make(uint64_t size,
                                     std::optional<base::Digest> expected = std::nullopt) {
    text_ = TextOf(size);
    auto bytes = std::make_unique<WatchedBytes>(text_);
    bytes_ = bytes.get();
    return SharedSource::Make(std::move(bytes), workers_, std::move(expected));
  }
  // No two blocks are the same.
  static std::string TextOf(uint64_t size) {
    std::string text;
    const std::string piece = base::SeededRandom(3).Bytes(kMiB);
    for (uint64_t at = 0; at < size; at += kMiB) {
      text += piece;
      std::memcpy(text.data() + at, &at, sizeof(at));
    }
    text.resize(size);
    return text;
  }
  using Answer = absl::StatusOr<base::Buffer>;
  // What a view answers; it may come later.
  std::shared_ptr<std::optional<Answer>> Ask(channel::Source& view, uint64_t offset,
                                             uint64_t length) {
    auto answer = std::make_shared<std::optional<Answer>>();
    view.Read(*base::ByteRange::Within(text_.size(), offset, length),
              [answer](Answer bytes) { *answer = std::move(bytes); });
    return answer;
  }
  std::string Read(channel::Source& view, uint64_t offset, uint64_t length) {
    const auto answer = Ask(view, offset, length);
    loop_.Advance(absl::Seconds(1));
    if (!answer->has_value() || !(*answer)->ok()) return "no answer";
    return std::string((*answer)->value().text());
  }
  absl::StatusOr<channel::CommitFacts> Facts(channel::Source& view) {
    absl::StatusOr<channel::CommitFacts> result = absl::UnknownError("no answer");
    view.Facts([&result](absl::StatusOr<channel::CommitFacts> facts) { result = facts; });
    loop_.Advance(absl::Seconds(10));
    return result;
  }

  testing_support::ManualEventLoop loop_;
  pillar::SlowWorkers workers_{loop_};
  std::string text_;
  WatchedBytes* bytes_ = nullptr;
};

TEST_F(Source, IsReadOnceForReadersThatKeepUp) {
  const auto source = Make(40 * kMiB);
  const auto one = source->View();
  const auto two = source->View();
  for (uint64_t at = 0; at < 40 * kMiB; at += kMiB) {
    EXPECT_TRUE(Read(*one, at, kMiB) == text_.substr(at, kMiB));
    EXPECT_TRUE(Read(*two, at, kMiB) == text_.substr(at, kMiB));
  }
  EXPECT_EQ(source->reads(), 40u);
  const auto facts = Facts(*one);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->sha256, base::Hasher::Of(base::Algorithm::kSha256, text_));
  EXPECT_EQ(source->reads(), 40u) << "the digest was made on the way";
}

TEST_F(Source, ALaggardReadsAgainByItselfAndHoldsNobody) {
  const auto source = Make(40 * kMiB);
  const auto fast = source->View();
  const auto slow = source->View();
  EXPECT_TRUE(Read(*slow, 0, kMiB) == text_.substr(0, kMiB));
  for (uint64_t at = 0; at < 40 * kMiB; at += kMiB) {
    EXPECT_TRUE(Read(*fast, at, kMiB) == text_.substr(at, kMiB));
  }
  EXPECT_EQ(source->reads(), 40u);
  EXPECT_TRUE(Read(*slow, kMiB, kMiB) == text_.substr(kMiB, kMiB));
  EXPECT_EQ(source->reads(), 41u);
  EXPECT_TRUE(Read(*slow, 39 * kMiB, kMiB) == text_.substr(39 * kMiB, kMiB));
  EXPECT_EQ(source->reads(), 41u) << "the newest are still in the ring";
}

TEST_F(Source, MemoryIsBoundedAndThoseWhoWaitAreServedWhenBlocksComeBack) {
  const auto source = Make(80 * kMiB);
  const auto view = source->View();
  std::vector<std::shared_ptr<std::optional<Answer>>> held;
  for (uint64_t at = 0; at < 80 * kMiB; at += kMiB) held.push_back(Ask(*view, at, kMiB));
  loop_.Advance(absl::Seconds(5));
  const auto answered = static_cast<size_t>(
      std::count_if(held.begin(), held.end(), [](const auto& each) { return each->has_value(); }));
  EXPECT_EQ(answered, kBlocksInUseMax);
  held.erase(held.begin(), held.begin() + kBlocksInUseMax);
  loop_.Advance(absl::Seconds(5));
  for (const auto& each : held) EXPECT_TRUE(each->has_value());
  held.clear();
  const auto facts = Facts(*view);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->sha256, base::Hasher::Of(base::Algorithm::kSha256, text_));
}

TEST_F(Source, RangesNeedNotBeginWhereBlocksDo) {
  const auto source = Make(3 * kMiB + 5);
  const auto view = source->View();
  EXPECT_TRUE(Read(*view, 10, 7) == text_.substr(10, 7));
  EXPECT_TRUE(Read(*view, kMiB - 3, 2 * kMiB + 6) == text_.substr(kMiB - 3, 2 * kMiB + 6));
  EXPECT_TRUE(Read(*view, 3 * kMiB, 5) == text_.substr(3 * kMiB, 5));
  EXPECT_EQ(Read(*view, 3 * kMiB + 5, 0), "");
}

TEST_F(Source, PastItsEndThereIsNothing) {
  const auto source = Make(10);
  const auto view = source->View();
  Answer answer = base::Buffer();
  source->Read(*base::ByteRange::Within(20, 8, 4), [&](Answer bytes) { answer = bytes; });
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(Source, AnEmptyOneHasTheDigestOfNothing) {
  const auto source = Make(0);
  EXPECT_TRUE(source->fits_ring());
  const auto facts = Facts(*source->View());
  ASSERT_OK(facts);
  EXPECT_EQ(facts->size_bytes, 0u);
  EXPECT_EQ(facts->sha256, base::Hasher::Of(base::Algorithm::kSha256, ""));
}

TEST_F(Source, FitsTheRingUpToItsBlocks) {
  EXPECT_TRUE(Make(kRingBlocks * kMiB)->fits_ring());
  EXPECT_FALSE(Make(kRingBlocks * kMiB + 1)->fits_ring());
}

TEST_F(Source, FactsReadWhatNobodyHasRead) {
  const auto source = Make(20 * kMiB);
  const auto view = source->View();
  EXPECT_TRUE(Read(*view, 5 * kMiB, 10) == text_.substr(5 * kMiB, 10));
  const auto facts = Facts(*view);
  ASSERT_OK(facts);
  EXPECT_EQ(facts->sha256, base::Hasher::Of(base::Algorithm::kSha256, text_));
}

TEST_F(Source, ThatChangedHasNoFactsEvenWhenAskedAgain) {
  const auto source = Make(2 * kMiB);
  const auto view = source->View();
  ASSERT_OK(Facts(*view));
  bytes_->changed = absl::AbortedError("the source changed");
  EXPECT_THAT(Facts(*view), StatusIs(absl::StatusCode::kAborted));
  bytes_->changed = absl::OkStatus();
  EXPECT_THAT(Facts(*view), StatusIs(absl::StatusCode::kAborted)) << "it stays failed";
  EXPECT_EQ(Read(*view, 0, 10), "no answer");
}

TEST_F(Source, ThatShrinksFailsEveryReader) {
  const auto source = Make(40 * kMiB);
  const auto one = source->View();
  const auto two = source->View();
  bytes_->end = 20 * kMiB + 7;
  EXPECT_TRUE(Read(*one, 0, kMiB) == text_.substr(0, kMiB));
  const auto failed = Ask(*one, 20 * kMiB, kMiB);
  const auto behind = Ask(*two, 30 * kMiB, kMiB);
  loop_.Advance(absl::Seconds(1));
  ASSERT_TRUE(failed->has_value() && behind->has_value());
  EXPECT_THAT(**failed, StatusIs(absl::StatusCode::kAborted, HasSubstr("shrank")));
  EXPECT_THAT(**behind, StatusIs(absl::StatusCode::kAborted, HasSubstr("shrank")));
}

TEST_F(Source, ThatIsNotWhatWasExpectedIsNotCommitted) {
  const auto right = Make(kMiB, base::Hasher::Of(base::Algorithm::kMd5, TextOf(kMiB)));
  EXPECT_OK(Facts(*right->View()));
  const auto wrong = Make(kMiB, base::Hasher::Of(base::Algorithm::kMd5, "other"));
  EXPECT_THAT(Facts(*wrong->View()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("as given")));
}

TEST_F(Source, AFullLaneFailsItRatherThanHangs) {
  const auto source = Make(2 * kMiB);
  const auto view = source->View();
  workers_.full = true;
  const auto answer = Ask(*view, 0, kMiB);
  loop_.Advance(absl::Seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_THAT(**answer, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bitrepo::client
