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

}  // namespace

absl::StatusOr<FileDigester> FileDigester::Make(
    const std::vector<wire::DigestAlgorithm>& algorithms, absl::string_view salt) {
  FileDigester digester;
  for (const wire::DigestAlgorithm algorithm : algorithms) {
    BITREPO_ASSIGN_OR_RETURN(const Known known, Lookup(algorithm));
    if (known.hmac) {
      digester.parts_.push_back({algorithm, base::Hmac(known.hash, salt)});
    } else {
      digester.parts_.push_back({algorithm, base::Hasher(known.hash)});
    }
  }
  return digester;
}

void FileDigester::Update(std::span<const std::byte> bytes) {
  for (Part& part : parts_) {
    std::visit([bytes](auto& hasher) { hasher.Update(bytes); }, part.hasher);
  }
}

std::vector<wire::Digest> FileDigester::Finish() {
  std::vector<wire::Digest> digests;
  for (Part& part : parts_) {
    wire::Digest digest;
    digest.set_algorithm(part.algorithm);
    digest.set_value(std::visit([](auto& hasher) { return hasher.Finish(); }, part.hasher).bytes());
    digests.push_back(std::move(digest));
  }
  return digests;
}

}  // namespace bitrepo::requests
