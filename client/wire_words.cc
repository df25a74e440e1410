// SPDX-License-Identifier: Apache-2.0
#include "client/wire_words.h"

#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"

namespace bitrepo::client {
namespace {

struct Word {
  wire::DigestAlgorithm algorithm;
  absl::string_view word;
};
constexpr std::array<Word, 10> kWords = {{{wire::MD5, "md5"},
                                          {wire::SHA1, "sha1"},
                                          {wire::SHA256, "sha256"},
                                          {wire::SHA384, "sha384"},
                                          {wire::SHA512, "sha512"},
                                          {wire::HMAC_MD5, "hmac-md5"},
                                          {wire::HMAC_SHA1, "hmac-sha1"},
                                          {wire::HMAC_SHA256, "hmac-sha256"},
                                          {wire::HMAC_SHA384, "hmac-sha384"},
                                          {wire::HMAC_SHA512, "hmac-sha512"}}};

}  // namespace

wire::DigestAlgorithm ToWire(base::Algorithm algorithm) {
  const auto found = ParseAlgorithmWord(base::AlgorithmName(algorithm));
  BITREPO_CHECK(found.ok(), "every algorithm of base/checksum has a word on the wire");
  return *found;
}

wire::Digest ToWire(const base::Digest& digest) {
  wire::Digest result;
  result.set_algorithm(ToWire(digest.algorithm()));
  result.set_value(digest.bytes());
  return result;
}

absl::StatusOr<base::Digest> FromWire(const wire::Digest& digest) {
  const auto algorithm = base::ParseAlgorithm(AlgorithmWord(digest.algorithm()));
  if (!algorithm.ok()) return algorithm.status();
  return base::Digest::FromBytes(*algorithm, digest.value());
}

absl::string_view AlgorithmWord(wire::DigestAlgorithm algorithm) {
  for (const Word& entry : kWords) {
    if (entry.algorithm == algorithm) return entry.word;
  }
  return "";
}

absl::StatusOr<wire::DigestAlgorithm> ParseAlgorithmWord(absl::string_view word) {
  std::vector<absl::string_view> known;
  for (const Word& entry : kWords) {
    if (entry.word == word) return entry.algorithm;
    known.push_back(entry.word);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no algorithm \"", word, "\"; there are ", absl::StrJoin(known, " ")));
}

bool NeedsSalt(wire::DigestAlgorithm algorithm) { return algorithm >= wire::HMAC_MD5; }

}  // namespace bitrepo::client
