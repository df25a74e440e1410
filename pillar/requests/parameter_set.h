// SPDX-License-Identifier: Apache-2.0
// A list of ids that came up the data channel: what may be announced, and how its items are read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pillar/requests/list_source.h"

namespace bitrepo::requests {

// Of one set. An item is its length as a varint, then a ParameterItem.
inline constexpr uint64_t kParameterItemsMax = 16 * 1000 * 1000;
inline constexpr uint64_t kParameterBytesMax = 4ull << 30;
inline constexpr size_t kParameterItemBytesMax = 1024;  // fields that are not known yet have room

// kInvalidArgument: no set looks so; kUnimplemented: more than is taken.
absl::Status CheckAnnouncement(const wire::ParameterSet& set);

// The entries of a set, in its order. Reads it once, from front to back: each Page goes on where
// the one before it ended, whatever its cursor says. kInvalidArgument names the first item that is
// wrong.
class ParameterSource final : public ListSource {
 public:
  // `staged`: sealed, with the size and digest that were announced.
  ParameterSource(store::FileStore& store, const ListOrder& order,
                  std::unique_ptr<store::StagedFile> staged);
  absl::StatusOr<EntryPage> Page(absl::string_view cursor, protocol::PageLimits limits) override;

 private:
  absl::StatusOr<base::FileId> NextItem();
  // At least `bytes` in the buffer, or all there are.
  absl::Status Fill(size_t bytes);

  store::FileStore& store_;
  const ListOrder& order_;
  const std::unique_ptr<store::StagedFile> staged_;
  std::string buffer_;
  size_t taken_ = 0;      // of the buffer
  uint64_t fetched_ = 0;  // of the staged bytes, into the buffer
  uint64_t items_ = 0;
};

}  // namespace bitrepo::requests
