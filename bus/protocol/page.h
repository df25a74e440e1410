// SPDX-License-Identifier: Apache-2.0
// Paging, one way for every list: what a page may hold, and the packing of items until it is full.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "bus/protocol/limits.h"
#include "google/protobuf/message_lite.h"
#include "proto/types.pb.h"

namespace bitrepo::protocol {

// What one page holds at most. A final with such a page always fits the envelope.
struct PageLimits {
  uint32_t items = kPageItemsMax;
  size_t bytes = kPageBytesMax;
};

// What was asked for, where it is less than `own` (which is cut to the protocol's limits); 0 asks
// for nothing in particular.
PageLimits EffectiveLimits(const wire::PageSpec& asked, PageLimits own = {});

// kInvalidArgument when the cursor is longer than a cursor may be.
absl::Status CheckCursor(absl::string_view cursor);

// Counts items into one page. The first item always has room, so that a list goes on whatever limit
// was asked for. Immutable limits; loop-confined.
class PagePacker {
 public:
  explicit PagePacker(PageLimits limits) : limits_(limits) {}
  // False when the page is full without it: it is the first of the next page, and nothing more is
  // taken.
  bool TryAdd(const google::protobuf::MessageLite& item);
  uint32_t items() const { return items_; }
  size_t bytes() const { return bytes_; }

 private:
  PageLimits limits_;
  uint32_t items_ = 0;
  size_t bytes_ = 0;
  bool full_ = false;
};

}  // namespace bitrepo::protocol
