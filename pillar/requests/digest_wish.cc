// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/digest_wish.h"

#include <algorithm>

#include "base/check.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

wire::Digest Pick(wire::DigestAlgorithm algorithm, const base::Digest& sha256,
                  const std::vector<wire::Digest>& computed) {
  if (algorithm == wire::SHA256) return ToWire(sha256);
  const auto found =
      std::find_if(computed.begin(), computed.end(),
                   [&](const wire::Digest& digest) { return digest.algorithm() == algorithm; });
  BITREPO_CHECK(found != computed.end(), "what was wished for was computed");
  return *found;
}

}  // namespace

DigestWish::DigestWish(const wire::ChecksumSpec* wanted, const std::optional<base::Digest>& named)
    : named_(named) {
  if (wanted != nullptr) {
    for (int i = 0; i < wanted->algorithms_size(); ++i) wanted_.push_back(wanted->algorithms(i));
    if (wanted_.empty()) wanted_.push_back(wire::SHA256);
    salt_ = wanted->salt();
    fresh_ = wanted->fresh();
  }
  std::vector<wire::DigestAlgorithm> needed = wanted_;
  if (named_) needed.push_back(ToWire(*named_).algorithm());
  for (const wire::DigestAlgorithm algorithm : needed) {
    const bool twice = std::count(computed_.begin(), computed_.end(), algorithm) > 0;
    if (algorithm != wire::SHA256 && !twice) computed_.push_back(algorithm);
  }
}

bool DigestWish::Agrees(const base::Digest& sha256,
                        const std::vector<wire::Digest>& computed) const {
  if (!named_) return true;
  const wire::Digest named = ToWire(*named_);
  return Pick(named.algorithm(), sha256, computed).value() == named.value();
}

std::vector<wire::Digest> DigestWish::Answer(const base::Digest& sha256,
                                             const std::vector<wire::Digest>& computed) const {
  std::vector<wire::Digest> digests;
  for (const wire::DigestAlgorithm algorithm : wanted_) {
    digests.push_back(Pick(algorithm, sha256, computed));
  }
  return digests;
}

}  // namespace bitrepo::requests
