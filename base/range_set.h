// SPDX-License-Identifier: Apache-2.0
// A set of bytes as ranges, sorted, disjoint and merged: what has come, or what is owed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/byte_range.h"

namespace bitrepo::base {

// Loop-confined value.
class RangeSet {
 public:
  void Add(const ByteRange& range);  // merges with neighbours it touches
  void Remove(const ByteRange& range);
  bool Contains(const ByteRange& range) const;
  bool Intersects(const ByteRange& range) const;
  uint64_t bytes() const { return bytes_; }
  bool empty() const { return ranges_.empty(); }
  size_t range_count() const { return ranges_.size(); }
  // What of `within` is not in the set, in order.
  RangeSet Missing(const ByteRange& within) const;
  // In order of offset.
  std::vector<ByteRange> ranges() const;
  std::string ToString() const;  // "0+5,9+2"
  bool operator==(const RangeSet&) const = default;

 private:
  absl::btree_map<uint64_t, uint64_t> ranges_;  // offset -> end
  uint64_t bytes_ = 0;
};

}  // namespace bitrepo::base
