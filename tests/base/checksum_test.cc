// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::base {
namespace {

using ::testing::HasSubstr;
using testing_support::IsOkAndHolds;
using testing_support::StatusIs;

constexpr Algorithm kAll[] = {Algorithm::kMd5, Algorithm::kSha1, Algorithm::kSha256,
                              Algorithm::kSha384, Algorithm::kSha512};

std::span<const std::byte> Bytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Vector {
  Algorithm algorithm;
  std::string message;
  std::string hex;
};

// RFC 1321 A.5, FIPS 180-2 appendices and the empty message.
TEST(Hasher, KnownVectors) {
  const std::string million(1'000'000, 'a');
  const Vector vectors[] = {
      {Algorithm::kMd5, "", "d41d8cd98f00b204e9800998ecf8427e"},
      {Algorithm::kMd5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
      {Algorithm::kMd5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {Algorithm::kSha1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {Algorithm::kSha1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {Algorithm::kSha1, million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
      {Algorithm::kSha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {Algorithm::kSha256, "abc",
       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {Algorithm::kSha256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {Algorithm::kSha256, million,
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
      {Algorithm::kSha384, "abc",
       "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
       "8086072ba1e7cc2358baeca134c825a7"},
      {Algorithm::kSha512, "abc",
       "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
       "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
  };
  for (const Vector& vector : vectors) {
    EXPECT_EQ(Hasher::Of(vector.algorithm, vector.message).Hex(), vector.hex)
        << AlgorithmName(vector.algorithm) << " of " << vector.message.size() << " bytes";
  }
}

TEST(Hasher, PiecesOfAnySizeGiveTheSameDigest) {
  std::string message;
  for (int i = 0; i < 1000; ++i) {
    message.push_back(static_cast<char>(i * 31));
  }
  for (const Algorithm algorithm : kAll) {
    const Digest whole = Hasher::Of(algorithm, message);
    EXPECT_EQ(whole.bytes().size(), DigestBytes(algorithm));
    for (const size_t piece : {1u, 3u, 63u, 64u, 65u, 127u, 128u, 999u, 1000u}) {
      Hasher hasher(algorithm);
      for (size_t at = 0; at < message.size(); at += piece) {
        hasher.Update(absl::string_view(message).substr(at, piece));
      }
      EXPECT_EQ(hasher.Finish(), whole) << piece;
    }
  }
}

TEST(Hasher, MovesInTheMiddle) {
  Hasher first(Algorithm::kSha256);
  first.Update("ab");
  Hasher second = std::move(first);
  second.Update("c");
  EXPECT_EQ(second.Finish(), Hasher::Of(Algorithm::kSha256, "abc"));
}

TEST(HasherDeathTest, EndsTheProcessWhenUsedAfterItsEnd) {
  Hasher hasher(Algorithm::kMd5);
  hasher.Finish();
  EXPECT_DEATH(hasher.Update("x"), "no bytes after Finish");
  EXPECT_DEATH(hasher.Finish(), "called once");
}

TEST(Algorithm, NamesGoBothWays) {
  for (const Algorithm algorithm : kAll) {
    EXPECT_THAT(ParseAlgorithm(AlgorithmName(algorithm)), IsOkAndHolds(algorithm));
  }
  for (const char* name : {"", "SHA256", "sha-256", "sha224", "sha3", "crc32", "md5 "}) {
    EXPECT_THAT(ParseAlgorithm(name), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("md5, sha1, sha256, sha384")));
  }
}

TEST(Algorithm, NumbersAreStoredAndStay) {
  EXPECT_EQ(static_cast<int>(Algorithm::kMd5), 0);
  EXPECT_EQ(static_cast<int>(Algorithm::kSha1), 1);
  EXPECT_EQ(static_cast<int>(Algorithm::kSha256), 2);
  EXPECT_EQ(static_cast<int>(Algorithm::kSha384), 3);
  EXPECT_EQ(static_cast<int>(Algorithm::kSha512), 4);
}

TEST(Digest, TextGoesBothWaysInEitherCase) {
  const Digest digest = Hasher::Of(Algorithm::kSha1, "abc");
  EXPECT_EQ(digest.ToString(), "sha1:a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_THAT(Digest::Parse(digest.ToString()), IsOkAndHolds(digest));
  EXPECT_THAT(Digest::FromHex(Algorithm::kSha1, absl::AsciiStrToUpper(digest.Hex())),
              IsOkAndHolds(digest));
  EXPECT_THAT(Digest::FromBytes(Algorithm::kSha1, digest.bytes()), IsOkAndHolds(digest));
}

TEST(Digest, OfAnotherAlgorithmIsAnotherDigest) {
  EXPECT_NE(*Digest::FromBytes(Algorithm::kSha256, std::string(32, 'x')),
            *Digest::FromBytes(Algorithm::kSha512, std::string(64, 'x')));
  EXPECT_NE(Hasher::Of(Algorithm::kSha256, "a"), Hasher::Of(Algorithm::kSha256, "b"));
}

TEST(Digest, MalformedOnesAreRefused) {
  const std::string hex64(64, 'a');
  for (const std::string& text :
       {std::string(), hex64, std::string("sha256:"), "sha256:" + hex64.substr(1),
        "sha256:" + hex64 + "a", "sha256:" + hex64.substr(1) + "g", "sha256: " + hex64.substr(1),
        "sha512:" + hex64, "md4:" + hex64.substr(32), ":" + hex64, "SHA256:" + hex64}) {
    EXPECT_THAT(Digest::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  EXPECT_FALSE(Digest::FromBytes(Algorithm::kSha256, "").ok());
  EXPECT_FALSE(Digest::FromBytes(Algorithm::kSha256, std::string(31, 'x')).ok());
  EXPECT_FALSE(Digest::FromBytes(Algorithm::kSha256, std::string(33, 'x')).ok());
}

// RFC 4231 sections 4.2, 4.3, 4.7 and 4.8; the last is of an empty key and message.
TEST(HmacSha256, KnownVectors) {
  const auto hex = [](absl::string_view key, absl::string_view message) {
    return absl::BytesToHexString(HmacSha256(key, message));
  };
  EXPECT_EQ(hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hex("", ""), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ConstantTimeEquals, ComparesAllOfBoth) {
  EXPECT_TRUE(ConstantTimeEquals("", ""));
  EXPECT_TRUE(ConstantTimeEquals("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEquals("xbc", "abc"));
  EXPECT_FALSE(ConstantTimeEquals("abc", "ab"));
  EXPECT_FALSE(ConstantTimeEquals("", "a"));
}

// From the table of xxHash's own sanity test: the empty input, seed 0.
TEST(DigestBlock, KnownVectorsInBigEndianOrder) {
  const BlockDigest empty = DigestBlock({});
  EXPECT_EQ(absl::BytesToHexString(std::string(empty.begin(), empty.end())),
            "99aa06d3014798d86001c324468d497f");
  const BlockDigest abc = DigestBlock(Bytes("abc"));
  EXPECT_EQ(absl::BytesToHexString(std::string(abc.begin(), abc.end())),
            "06b05ab6733a618578af5f94892f3950");
}

TEST(FrameCheck, IsThatOfTheConcatenation) {
  EXPECT_EQ(FrameCheck({}, {}), 0x2d06800538d394c2u);
  EXPECT_EQ(FrameCheck(Bytes("abc"), {}), 0x78af5f94892f3950u);
  EXPECT_EQ(FrameCheck(Bytes("a"), Bytes("bc")), 0x78af5f94892f3950u);
  const std::string large(1 << 20, 'q');
  EXPECT_EQ(FrameCheck(Bytes("header"), Bytes(large)), FrameCheck({}, Bytes("header" + large)));
  EXPECT_NE(FrameCheck(Bytes("header"), Bytes(large)), FrameCheck(Bytes("Header"), Bytes(large)));
}

}  // namespace
}  // namespace bitrepo::base
