// SPDX-License-Identifier: Apache-2.0
// Digests a file while it arrives: SHA-256 of all of it, XXH3-128 of each block, and what is still
// missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/range_set.h"

namespace bitrepo::store {

inline constexpr size_t kBlockDigestBytes = 16;

// The XXH3-128 of each block of kBlockBytes of a file, canonical, one after the other; nothing for
// an empty file.
uint64_t BlockCount(uint64_t size_bytes);
// True when `block` is what digest number `index` of `digests` was made of.
bool BlockMatches(const std::string& digests, uint64_t index, std::span<const std::byte> block);

// Takes ranges in any order; digests those that continue what is digested, so that a file that
// comes in order is never read again. What came otherwise is owed: the owner reads it back and
// feeds it through Digest(). Loop-confined.
class ContentDigests {
 public:
  ContentDigests();
  ~ContentDigests();
  ContentDigests(const ContentDigests&) = delete;
  ContentDigests& operator=(const ContentDigests&) = delete;

  // These ranges are there from the start: their bytes are owed. Requires: nothing has arrived.
  void Hold(base::RangeSet held) { arrived_ = std::move(held); }
  // These bytes are at `range` now, in the place of any that were. Requires: bytes.size() ==
  // range.length().
  void Arrived(const base::ByteRange& range, std::span<const std::byte> bytes);
  // kFailedPrecondition: says what is missing before `size_bytes`, or that there is more.
  absl::Status CheckComplete(uint64_t size_bytes) const;

  bool HasArrived(const base::ByteRange& range) const { return arrived_.Contains(range); }
  // How many different bytes have arrived.
  uint64_t arrived_bytes() const { return arrived_.bytes(); }
  // All bytes before it are digested.
  uint64_t digested_bytes() const { return digested_bytes_; }
  // The bytes that follow at digested_bytes().
  void Digest(std::span<const std::byte> bytes);

  struct Result {
    base::Digest sha256;
    std::string block_digests;
  };
  // Requires: called once, all is digested.
  Result Finish();

 private:
  struct State;
  void Restart();
  void EndBlock();

  base::RangeSet arrived_;
  uint64_t digested_bytes_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::store
