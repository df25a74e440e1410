// SPDX-License-Identifier: Apache-2.0
// The cursor of a list that is no list of files: where it goes on, bound to its question and its
// store.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace bitrepo::requests {

// Opaque bytes: version, digest of the question, position, and a keyed check. The key is no secret:
// who forges a cursor gains only a different list.
std::string SealCursor(const base::StoreId& store, absl::string_view question,
                       absl::string_view position);
// The position. kInvalidArgument says that the cursor belongs to another list.
absl::StatusOr<std::string> OpenCursor(const base::StoreId& store, absl::string_view question,
                                       absl::string_view cursor);

// The same where the position is a number.
std::string SealCursor(const base::StoreId& store, absl::string_view question, uint64_t position);
absl::StatusOr<uint64_t> OpenNumberCursor(const base::StoreId& store, absl::string_view question,
                                          absl::string_view cursor);

}  // namespace bitrepo::requests
