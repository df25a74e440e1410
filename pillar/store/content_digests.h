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

// Knows what has arrived, and digests what continues what is digested, so that a file that comes in
// order is never read again. What came otherwise is owed: the owner reads it back and feeds it
// through Digest(). Threads: what has arrived and what is digested are two halves; one thread may
// be in each. Settle and all that follows it are for one alone.
class ContentDigests {
 public:
  ContentDigests();
  ~ContentDigests();
  ContentDigests(const ContentDigests&) = delete;
  ContentDigests& operator=(const ContentDigests&) = delete;

  // These ranges are there from the start: their bytes are owed. Requires: nothing has arrived.
  void Hold(base::RangeSet held) { arrived_ = std::move(held); }
  // There are bytes at `range` now, in the place of any that were.
  void Arrived(const base::ByteRange& range);
  // Digests `bytes`, which belong at `offset_bytes`, when they follow what is digested; else
  // nothing.
  void DigestNext(uint64_t offset_bytes, std::span<const std::byte> bytes);
  // All has arrived: what was replaced, perhaps after it was digested, is owed again.
  void Settle();
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
  void EndBlock();

  base::RangeSet arrived_;
  bool replaced_ = false;  // some of it, by a later arrival
  uint64_t digested_bytes_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::store
