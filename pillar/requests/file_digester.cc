// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/file_digester.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::requests {
namespace {

struct Known {
  base::Algorithm hash;
  bool hmac;
};

absl::StatusOr<Known> Lookup(wire::DigestAlgorithm algorithm) {
  switch (algorithm) {
    case wire::MD5:
    case wire::HMAC_MD5:
      return Known{base::Algorithm::kMd5, algorithm == wire::HMAC_MD5};
    case wire::SHA1:
    case wire::HMAC_SHA1:
      return Known{base::Algorithm::kSha1, algorithm == wire::HMAC_SHA1};
    case wire::SHA256:
    case wire::HMAC_SHA256:
      return Known{base::Algorithm::kSha256, algorithm == wire::HMAC_SHA256};
    case wire::SHA384:
    case wire::HMAC_SHA384:
      return Known{base::Algorithm::kSha384, algorithm == wire::HMAC_SHA384};
    case wire::SHA512:
    case wire::HMAC_SHA512:
      return Known{base::Algorithm::kSha512, algorithm == wire::HMAC_SHA512};
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("the digest algorithm ", static_cast<int>(algorithm), " is not known"));
  }
}

// Bytes that the hash takes at a time: what an HMAC's key is padded to.
size_t BlockBytesOf(base::Algorithm hash) {
  return hash == base::Algorithm::kSha384 || hash == base::Algorithm::kSha512 ? 128 : 64;
}

std::string PaddedKey(base::Algorithm hash, absl::string_view salt, char pad) {
  std::string key(salt);
  if (key.size() > BlockBytesOf(hash)) key = base::Hasher::Of(hash, key).bytes();
  key.resize(BlockBytesOf(hash), '\0');
  for (char& c : key) c = static_cast<char>(c ^ pad);
  return key;
}

}  // namespace

absl::StatusOr<FileDigester> FileDigester::Make(
    const std::vector<wire::DigestAlgorithm>& algorithms, absl::string_view salt) {
  FileDigester digester;
  for (const wire::DigestAlgorithm algorithm : algorithms) {
    BITREPO_ASSIGN_OR_RETURN(const Known known, Lookup(algorithm));
    Part part{algorithm, base::Hasher(known.hash), std::nullopt};
    if (known.hmac) {
      part.inner.Update(PaddedKey(known.hash, salt, 0x36));
      part.outer.emplace(known.hash);
      part.outer->Update(PaddedKey(known.hash, salt, 0x5c));
    }
    digester.parts_.push_back(std::move(part));
  }
  return digester;
}

void FileDigester::Update(std::span<const std::byte> bytes) {
  for (Part& part : parts_) part.inner.Update(bytes);
}

std::vector<wire::Digest> FileDigester::Finish() {
  std::vector<wire::Digest> digests;
  for (Part& part : parts_) {
    base::Digest found = part.inner.Finish();
    if (part.outer) {
      part.outer->Update(found.bytes());
      found = part.outer->Finish();
    }
    wire::Digest digest;
    digest.set_algorithm(part.algorithm);
    digest.set_value(found.bytes());
    digests.push_back(std::move(digest));
  }
  return digests;
}

}  // namespace bitrepo::requests
