// SPDX-License-Identifier: Apache-2.0
// The cursor of a list that goes by position: how far it is, bound to its question and its store.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"

namespace bitrepo::requests {

// Opaque bytes: the position, and a keyed check over it, the question and the store, so that a
// cursor of another query or another pillar is refused. The key is no secret: who forges a cursor
// gains only a different page.
std::string EncodePosition(const base::StoreId& store, absl::string_view question,
                           uint64_t position);
// kInvalidArgument says that the cursor belongs to another list.
absl::StatusOr<uint64_t> DecodePosition(const base::StoreId& store, absl::string_view question,
                                        absl::string_view cursor);

}  // namespace bitrepo::requests
