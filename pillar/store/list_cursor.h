// SPDX-License-Identifier: Apache-2.0
// The cursor of a list: where it stands and what it shows, bound to its query and its store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

inline constexpr uint32_t kPageRecordsMax = 10'000;  // of one page, whatever is asked for

struct ListCursor {
  uint64_t as_of = 0;        // the list shows what had been recorded up to this sequence number
  std::string last_id = {};  // the last file id shown,
  uint64_t last_number = 0;  // and the number of its generation
};

// Opaque bytes: version, digest of the query, position, and a keyed check, so that a cursor of
// another query, another store or another making is refused. The key is no secret: who forges a
// cursor gains only a different list.
std::string EncodeCursor(const base::StoreId& store, const ListQuery& query,
                         const ListCursor& cursor);
// kInvalidArgument says that the cursor belongs to another list.
absl::StatusOr<ListCursor> DecodeCursor(const base::StoreId& store, const ListQuery& query,
                                        absl::string_view text);

}  // namespace bitrepo::store
