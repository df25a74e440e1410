// SPDX-License-Identifier: Apache-2.0
// Where the entries of a list come from, page by page: one file, its blocks, ids that are named, or
// all that a query finds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bus/protocol/page.h"
#include "pillar/requests/list_order.h"

namespace bitrepo::requests {

struct EntryPage {
  std::vector<ListEntry> entries;
  std::string next_cursor;  // empty: complete
};

// Threads:  every call blocks: for a worker, one at a time.
// Lifetime: store and order outlive it.
class ListSource {
 public:
  virtual ~ListSource() = default;
  // The entries behind `cursor` (empty: from the start), as many as the limits have room for, but
  // one where there is any. kInvalidArgument: a cursor of another list; kOutOfRange: the range is
  // not in the file; else as the store says. A status is the answer to the whole request.
  virtual absl::StatusOr<EntryPage> Page(absl::string_view cursor, protocol::PageLimits limits) = 0;
};

// For every selection but a parameter set.
std::unique_ptr<ListSource> MakeListSource(store::FileStore& store, const ListOrder& order);

// The entries for ids that are named, with what the store and the windows say of each. At most
// store::kFindManyMax.
absl::StatusOr<std::vector<ListEntry>> LookUp(store::FileStore& store, const ListOrder& order,
                                              const std::vector<base::FileId>& file_ids);

}  // namespace bitrepo::requests
