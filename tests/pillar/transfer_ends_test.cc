// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/staged_sink.h"
#include "pillar/requests/stored_source.h"
#include "pillar/requests/work_line.h"
#include "tests/pillar/slow_workers.h"
#include "tests/pillar/store_spy.h"
#include "tests/support/manual_event_loop.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::requests {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class TransferEnds : public ::testing::Test {
 protected:
  static base::CollectionId photos() { return *base::CollectionId::Parse("photos"); }
  static base::FileId file() { return *base::FileId::Parse("a"); }
  static base::ByteRange Range(uint64_t offset, uint64_t length) {
    return *base::ByteRange::Make(offset, length);
  }
  std::shared_ptr<StagedSink> Sink(const DigestWish& wish = {}) {
    return SinkInto(*store.memory.Stage(photos(), file(), std::nullopt), wish, false);
  }
  std::shared_ptr<StagedSink> SinkInto(std::unique_ptr<store::StagedFile> staged,
                                       const DigestWish& wish, bool digest_only) {
    return std::make_shared<StagedSink>(
        std::move(staged), std::nullopt, wish, digest_only, workers, loop.clock(), gauge,
        [this](SealedFile file) { sealed.push_back(std::move(file)); });
  }
  void Write(StagedSink& sink, uint64_t offset, const std::string& bytes) {
    sink.Write(Range(offset, bytes.size()), base::Buffer::Of(bytes),
               [this](absl::Status how) { written.push_back(std::move(how)); });
  }

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{1};
  pillar::StoreSpy store{{{photos()}, base::StoreId::Make(absl::FromUnixSeconds(1), random)},
                         loop.clock()};
  pillar::SlowWorkers workers{loop};
  std::shared_ptr<Gauge> gauge = std::make_shared<Gauge>();
  std::vector<SealedFile> sealed;
  std::vector<absl::Status> written;
};

// ---- StagedSink

TEST_F(TransferEnds, ASinkGivesItsFactsWhenItIsCommitted) {
  const auto sink = Sink();
  Write(*sink, 0, "hel");
  Write(*sink, 3, "lo");
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(written, ElementsAre(testing_support::IsOk(), testing_support::IsOk()));
  const base::Digest digest = base::Hasher::Of(base::Algorithm::kSha256, "hello");
  sink->Commit(5, digest, [](wire::ResponseInfo) {});
  loop.Advance(absl::Milliseconds(10));
  ASSERT_THAT(sealed, SizeIs(1));
  ASSERT_OK(sealed[0].status);
  EXPECT_EQ(sealed[0].facts->sha256, digest);
  EXPECT_EQ(sealed[0].committed_sha256, digest);
  EXPECT_THAT(sealed[0].computed, IsEmpty());
  EXPECT_NE(sealed[0].staged, nullptr);
}

TEST_F(TransferEnds, TheOtherDigestsAreRightInWhateverOrderTheBytesCame) {
  wire::ChecksumSpec wanted;
  wanted.add_algorithms(wire::SHA512);
  wanted.add_algorithms(wire::HMAC_SHA1);
  wanted.set_salt("salt");
  const std::string text = base::SeededRandom(2).Bytes(5000);
  const std::vector<std::vector<uint64_t>> orders = {{0, 1000, 2000, 3000, 4000},
                                                     {4000, 3000, 2000, 1000, 0},
                                                     {0, 2000, 1000, 3000, 4000},
                                                     {0, 1000, 2000, 1000, 3000, 4000},
                                                     {0, 1000, 2000, 3000, 4000, 0}};
  for (const std::vector<uint64_t>& order : orders) {
    sealed.clear();
    const DigestWish wish(&wanted, base::Hasher::Of(base::Algorithm::kMd5, text));
    const auto sink = Sink(wish);
    for (const uint64_t offset : order) Write(*sink, offset, text.substr(offset, 1000));
    sink->Commit(text.size(), std::nullopt, [](wire::ResponseInfo) {});
    loop.Advance(absl::Milliseconds(50));
    ASSERT_THAT(sealed, SizeIs(1));
    ASSERT_OK(sealed[0].status);
    EXPECT_TRUE(wish.Agrees(sealed[0].facts->sha256, sealed[0].computed));
    const std::vector<wire::Digest> told = wish.Answer(sealed[0].facts->sha256, sealed[0].computed);
    ASSERT_THAT(told, SizeIs(2));
    EXPECT_EQ(told[0].value(), base::Hasher::Of(base::Algorithm::kSha512, text).bytes());
    FileDigester hmac = *FileDigester::Make({wire::HMAC_SHA1}, "salt");
    hmac.Update(std::as_bytes(std::span(text)));
    EXPECT_EQ(told[1].value(), hmac.Finish().front().value());
  }
}

TEST_F(TransferEnds, AnEmptyFileHasItsOtherDigestsToo) {
  const DigestWish wish(nullptr, base::Hasher::Of(base::Algorithm::kMd5, ""));
  Sink(wish)->Commit(0, std::nullopt, [](wire::ResponseInfo) {});
  loop.Advance(absl::Milliseconds(10));
  ASSERT_THAT(sealed, SizeIs(1));
  EXPECT_TRUE(wish.Agrees(sealed[0].facts->sha256, sealed[0].computed));
}

// Keeps what is vouched for.
class VouchedFile final : public store::StagedFile {
 public:
  absl::Status Write(uint64_t, std::span<const std::byte>) override {
    return absl::InternalError("bytes came to a store that keeps none");
  }
  absl::Status Vouch(const Facts& facts) override {
    facts_ = facts;
    return absl::OkStatus();
  }
  absl::StatusOr<Facts> Seal(uint64_t) override {
    if (!facts_) return absl::FailedPreconditionError("nothing is known of the file");
    return *facts_;
  }
  absl::Status ReadBack(uint64_t, std::span<std::byte>) override {
    return absl::UnimplementedError("no bytes");
  }

 private:
  std::optional<Facts> facts_;
};

TEST_F(TransferEnds, WhereDigestsOnlyAreKeptTheCommitTellsWhatTheFileIs) {
  const auto sink = SinkInto(std::make_unique<VouchedFile>(), {}, true);
  Write(*sink, 0, "hello");
  const base::Digest digest = base::Hasher::Of(base::Algorithm::kSha256, "hello");
  sink->Commit(5, digest, [](wire::ResponseInfo) {});
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(written,
              ElementsAre(testing_support::StatusIs(absl::StatusCode::kFailedPrecondition)));
  ASSERT_THAT(sealed, SizeIs(1));
  ASSERT_OK(sealed[0].status);
  EXPECT_EQ(sealed[0].facts->size_bytes, 5u);
  EXPECT_EQ(sealed[0].facts->sha256, digest);
}

TEST_F(TransferEnds, WithoutADigestACommitThatBringsNoBytesIsNothing) {
  SinkInto(std::make_unique<VouchedFile>(), {}, true)
      ->Commit(5, std::nullopt, [](wire::ResponseInfo) {});
  loop.Advance(absl::Milliseconds(10));
  ASSERT_THAT(sealed, SizeIs(1));
  EXPECT_THAT(sealed[0].status, Not(testing_support::IsOk()));
}

TEST_F(TransferEnds, ASinkWithHolesIsNotSealed) {
  const auto sink = Sink();
  Write(*sink, 3, "lo");
  sink->Commit(5, std::nullopt, [](wire::ResponseInfo) {});
  loop.Advance(absl::Milliseconds(10));
  ASSERT_THAT(sealed, SizeIs(1));
  EXPECT_THAT(sealed[0].status, testing_support::StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(TransferEnds, NothingIsWrittenAfterTheSeal) {
  const auto sink = Sink();
  sink->Commit(0, std::nullopt, [](wire::ResponseInfo) {});
  Write(*sink, 0, "late");
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(written, ElementsAre(Not(testing_support::IsOk())));
}

TEST_F(TransferEnds, AFullLaneIsToldToTheTransfer) {
  const auto sink = Sink();
  workers.full = true;
  Write(*sink, 0, "x");
  EXPECT_THAT(written,
              ElementsAre(testing_support::StatusIs(absl::StatusCode::kResourceExhausted)));
}

// ---- WorkLine

TEST_F(TransferEnds, ALineDoesOnePieceAtATimeInOrder) {
  auto line = std::make_shared<WorkLine>(workers, runtime::Lane::kRead);
  std::vector<int> done;
  for (int i = 0; i < 5; ++i) line->Add([&, i](absl::Status) { done.push_back(i); });
  line.reset();
  loop.Advance(absl::Milliseconds(2));
  EXPECT_THAT(done, ElementsAre(0, 1));
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(done, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(TransferEnds, ALineThatFindsItsLaneFullTellsAllThatWait) {
  const auto line = std::make_shared<WorkLine>(workers, runtime::Lane::kRead);
  std::vector<absl::Status> done;
  for (int i = 0; i < 3; ++i) line->Add([&](absl::Status how) { done.push_back(how); });
  workers.full = true;
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(done, ElementsAre(testing_support::IsOk(), Not(testing_support::IsOk()),
                                Not(testing_support::IsOk())));
  workers.full = false;
  line->Add([&](absl::Status how) { done.push_back(how); });
  loop.Advance(absl::Milliseconds(10));
  EXPECT_OK(done.back());
}

// ---- FileDigester

TEST(FileDigester, MakesTheDigestsOfTheStandards) {
  // "abc": FIPS 180-4 and RFC 1321; HMACs of "what do ya want for nothing?" under "Jefe": RFC 2202
  // and RFC 4231.
  auto plain = FileDigester::Make({wire::MD5, wire::SHA1, wire::SHA256}, "");
  ASSERT_OK(plain);
  plain->Update(std::as_bytes(std::span("abc", 3)));
  std::vector<std::string> hex;
  for (const wire::Digest& digest : plain->Finish()) {
    hex.push_back(absl::BytesToHexString(digest.value()));
  }
  EXPECT_THAT(hex, ElementsAre("900150983cd24fb0d6963f7d28e17f72",
                               "a9993e364706816aba3e25717850c26c9cd0d89d",
                               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));

  auto salted = FileDigester::Make(
      {wire::HMAC_MD5, wire::HMAC_SHA1, wire::HMAC_SHA256, wire::HMAC_SHA384, wire::HMAC_SHA512},
      "Jefe");
  ASSERT_OK(salted);
  const std::string text = "what do ya want for nothing?";
  salted->Update(std::as_bytes(std::span(text)));
  hex.clear();
  for (const wire::Digest& digest : salted->Finish()) {
    hex.push_back(absl::BytesToHexString(digest.value()));
  }
  EXPECT_THAT(hex, ElementsAre("750c783e6ab0b503eaa86e310a5db738",
                               "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
                               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                               "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                               "8e2240ca5e69e2c78b3239ecfab21649",
                               "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                               "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"));
}

TEST(FileDigester, HashesASaltThatIsLongerThanABlock) {
  const std::string salt(200, '\xaa');
  auto digester = FileDigester::Make({wire::HMAC_SHA256}, salt);
  ASSERT_OK(digester);
  digester->Update(std::as_bytes(std::span("text", 4)));
  EXPECT_EQ(digester->Finish()[0].value(), base::HmacSha256(salt, "text"));
}

TEST(FileDigester, RefusesAnUnknownAlgorithm) {
  EXPECT_THAT(FileDigester::Make({static_cast<wire::DigestAlgorithm>(9)}, ""),
              testing_support::StatusIs(absl::StatusCode::kInvalidArgument));
}

// ---- Gauge

TEST(Gauge, KnowsNothingBeforeItHasMeasured) {
  Gauge gauge;
  EXPECT_EQ(gauge.Read().read_bytes_per_second, 0u);
  EXPECT_EQ(gauge.Read().start, absl::ZeroDuration());
  gauge.AddRead(1000, absl::ZeroDuration());
  EXPECT_EQ(gauge.Read().read_bytes_per_second, 0u) << "a clock too coarse is no infinite speed";
}

TEST(Gauge, FollowsWhatItMeasuresLately) {
  Gauge gauge;
  for (int i = 0; i < 200; ++i) gauge.AddRead(1'000'000, absl::Milliseconds(1));
  EXPECT_NEAR(static_cast<double>(gauge.Read().read_bytes_per_second), 1e9, 1e6);
  for (int i = 0; i < 200; ++i) gauge.AddRead(1'000'000, absl::Milliseconds(100));
  EXPECT_NEAR(static_cast<double>(gauge.Read().read_bytes_per_second), 1e7, 1e5);
  EXPECT_EQ(gauge.Read().write_bytes_per_second, 0u);
  gauge.AddStart(absl::Milliseconds(10));
  gauge.AddStart(absl::Milliseconds(20));
  EXPECT_EQ(gauge.Read().start, absl::Milliseconds(12));
}

TEST(Gauge, CountsTheTrafficOfEachInterval) {
  Gauge gauge;
  const absl::Time start = absl::FromUnixSeconds(100);
  gauge.AddWrite(500, absl::Milliseconds(1));
  gauge.Tick(start);
  EXPECT_EQ(gauge.Read().in_bytes_per_second, 0u) << "no interval yet";
  gauge.AddWrite(3000, absl::Milliseconds(1));
  gauge.AddRead(100, absl::Milliseconds(1));
  gauge.AddRead(7000, absl::Milliseconds(1));  // for a digest
  gauge.AddSent(100);
  gauge.Tick(start + absl::Seconds(2));
  EXPECT_EQ(gauge.Read().in_bytes_per_second, 1500u);
  EXPECT_EQ(gauge.Read().out_bytes_per_second, 50u);
  gauge.Tick(start + absl::Seconds(3));
  EXPECT_EQ(gauge.Read().in_bytes_per_second, 0u);
}

}  // namespace
}  // namespace bitrepo::requests
