// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/content_digests.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;

}  // namespace

struct ContentDigests::State {
  State() : sha256(base::Algorithm::kSha256), block(XXH3_createState(), XXH3_freeState) {
    XXH3_128bits_reset(block.get());
  }

  base::Hasher sha256;
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> block;
  uint64_t block_bytes = 0;
  std::string block_digests;
};

uint64_t BlockCount(uint64_t size_bytes) {
  return size_bytes / kBlockBytes + (size_bytes % kBlockBytes == 0 ? 0 : 1);
}

bool BlockMatches(const std::string& digests, uint64_t index, std::span<const std::byte> block) {
  const uint64_t count = digests.size() / kBlockDigestBytes;
  if (index >= count) {
    return false;
  }
  const base::BlockDigest found = base::DigestBlock(block);
  return std::memcmp(digests.data() + index * kBlockDigestBytes, found.data(), found.size()) == 0;
}

ContentDigests::ContentDigests() : state_(std::make_unique<State>()) {}
ContentDigests::~ContentDigests() = default;

void ContentDigests::Arrived(const base::ByteRange& range) {
  replaced_ = replaced_ || arrived_.Intersects(range);
  arrived_.Add(range);
}

void ContentDigests::DigestNext(uint64_t offset_bytes, std::span<const std::byte> bytes) {
  if (offset_bytes == digested_bytes_) {
    Digest(bytes);
  }
}

void ContentDigests::Settle() {
  if (std::exchange(replaced_, false)) {
    state_ = std::make_unique<State>();
    digested_bytes_ = 0;
  }
}

absl::Status ContentDigests::CheckComplete(uint64_t size_bytes) const {
  const base::RangeSet missing = arrived_.Missing(base::ByteRange::Whole(size_bytes));
  if (!missing.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(missing.bytes(), " of ", size_bytes,
                                                      " bytes have not arrived, the first at ",
                                                      missing.ranges().front().offset()));
  }
  if (arrived_.bytes() > size_bytes) {
    return absl::FailedPreconditionError(absl::StrCat("more has arrived than the ", size_bytes,
                                                      " bytes that the file is said to have"));
  }
  return absl::OkStatus();
}

void ContentDigests::Digest(std::span<const std::byte> bytes) {
  digested_bytes_ += bytes.size();
  while (!bytes.empty()) {
    // In pieces that stay in the processor's cache for the second digest.
    const size_t take =
        std::min<size_t>({bytes.size(), kBlockBytes - state_->block_bytes, kPieceBytes});
    state_->sha256.Update(bytes.first(take));
    XXH3_128bits_update(state_->block.get(), bytes.data(), take);
    state_->block_bytes += take;
    bytes = bytes.subspan(take);
    if (state_->block_bytes == kBlockBytes) {
      EndBlock();
    }
  }
}

void ContentDigests::EndBlock() {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->block.get()));
  state_->block_digests.append(reinterpret_cast<const char*>(canonical.digest), kBlockDigestBytes);
  XXH3_128bits_reset(state_->block.get());
  state_->block_bytes = 0;
}

ContentDigests::Result ContentDigests::Finish() {
  if (state_->block_bytes > 0) {
    EndBlock();
  }
  return Result{state_->sha256.Finish(), std::move(state_->block_digests)};
}

}  // namespace bitrepo::store
