// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "base/random.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing::StartsWith;
using testing_support::StatusIs;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kExpired = absl::StatusCode::kDeadlineExceeded;

class TokenTest : public testing::Test {
 protected:
  wire::TokenBody Body() const {
    wire::TokenBody body;
    body.set_token_id(std::string(16, 't'));
    body.set_conversation_id(std::string(16, 'c'));
    body.set_issuer("pillar-1");
    body.add_endpoints("tcp://127.0.0.1:7001");
    body.set_verb(wire::FETCH);
    body.set_collection_id("photos");
    body.set_file_id("a.txt");
    body.set_offset(5);
    body.set_length(7);
    return body;
  }
  std::string Sealed() const {
    wire::TokenBody body = Body();
    return mint_.Seal(body, expires_at_);
  }

  const absl::Time now_ = absl::UnixEpoch() + absl::Hours(5);
  const absl::Time expires_at_ = now_ + absl::Minutes(10);
  const TokenMint mint_{std::string(32, 'k'), std::string(16, 'e')};
};

// [D-8]
TEST_F(TokenTest, IsUrlSafeTextWithItsPrefixAndVerifiesToWhatWasSealed) {
  const std::string text = Sealed();
  EXPECT_THAT(text, StartsWith("brt1_"));
  EXPECT_EQ(
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
      std::string::npos);
  ASSERT_OK_AND_ASSIGN(const wire::TokenBody verified, mint_.Verify(text, now_));
  EXPECT_EQ(verified.file_id(), "a.txt");
  EXPECT_EQ(verified.length(), 7u);
  EXPECT_EQ(verified.boot_epoch(), std::string(16, 'e'));
  EXPECT_NE(verified.key_number(), 0u);
  ASSERT_OK_AND_ASSIGN(const wire::TokenBody read, ReadToken(text));
  EXPECT_EQ(read.SerializeAsString(), verified.SerializeAsString());
}

// [D-9]
TEST_F(TokenTest, AnyAlteredBitOfTheTextIsRefused) {
  const std::string text = Sealed();
  for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
    std::string altered = text;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(mint_.Verify(altered, now_), StatusIs(kInvalid)) << "bit " << bit;
  }
}

// [D-9]
TEST_F(TokenTest, AnyAlteredBitOfTheSealedBytesIsRefused) {
  std::string sealed;
  const std::string text = Sealed();
  ASSERT_TRUE(absl::WebSafeBase64Unescape(absl::StripPrefix(text, kTokenPrefix), &sealed));
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string altered = sealed;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THAT(mint_.Verify("brt1_" + absl::WebSafeBase64Escape(altered), now_),
                StatusIs(kInvalid))
        << "bit " << bit;
  }
}

TEST_F(TokenTest, ACutOrLengthenedTokenIsRefused) {
  const std::string text = Sealed();
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_THAT(mint_.Verify(text.substr(0, size), now_), StatusIs(kInvalid)) << size;
  }
  for (const char* more : {"A", "=", "==", " ", "\n", "AAAA"}) {
    EXPECT_THAT(mint_.Verify(text + more, now_), StatusIs(kInvalid)) << more;
  }
}

TEST_F(TokenTest, WhatIsTooLongIsRefusedBeforeItIsRead) {
  EXPECT_THAT(mint_.Verify("brt1_" + std::string(kTokenTextBytesMax, 'A'), now_),
              StatusIs(kInvalid, testing::HasSubstr("too long")));
  EXPECT_THAT(ReadToken("brt1_" + std::string(kTokenTextBytesMax - 5, 'A')),
              StatusIs(kInvalid, testing::Not(testing::HasSubstr("too long"))));
}

TEST_F(TokenTest, GarbageIsRefused) {
  base::SeededRandom random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = random.Bytes(random.Below(200));
    EXPECT_THAT(mint_.Verify(bytes, now_), StatusIs(kInvalid));
    EXPECT_THAT(mint_.Verify("brt1_" + absl::WebSafeBase64Escape(bytes), now_), StatusIs(kInvalid));
  }
}

TEST_F(TokenTest, AnotherIssuerCannotVerifyIt) {
  const TokenMint other(std::string(32, 'o'), std::string(16, 'e'));
  EXPECT_THAT(other.Verify(Sealed(), now_), StatusIs(kInvalid));
}

// [D-10]
TEST_F(TokenTest, ExpiresOnTheIssuersClock) {
  EXPECT_OK(mint_.Verify(Sealed(), expires_at_ - absl::Microseconds(1)));
  EXPECT_THAT(mint_.Verify(Sealed(), expires_at_), StatusIs(kExpired));
}

// [D-10]
TEST_F(TokenTest, OfAnotherRunOfTheIssuerIsExpired) {
  const TokenMint later(std::string(32, 'k'), std::string(16, 'f'));
  EXPECT_THAT(later.Verify(Sealed(), now_), StatusIs(kExpired));
}

}  // namespace
}  // namespace bitrepo::transfer
