// SPDX-License-Identifier: Apache-2.0
// The tables of the catalogue and their format number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "pillar/store/database.h"

namespace bitrepo::store {

inline constexpr int kCatalogueFormat = 1;

// The single values that a catalogue keeps, by name.
inline constexpr char kStoreIdName[] = "store_id";
inline constexpr char kIncarnationName[] = "incarnation";
inline constexpr char kAnswersSinceName[] = "answers_since";  // microseconds of the wall clock

// Makes the tables when there are none. kFailedPrecondition: a newer program made them.
absl::Status PrepareSchema(Database& database);

// Nothing when it was never written.
absl::StatusOr<std::optional<std::string>> ReadValue(Database& database, absl::string_view name);
absl::Status WriteValue(Database& database, absl::string_view name, absl::string_view value);

// The number that stands for the collection in the tables, given to it when it has none.
absl::StatusOr<int64_t> CollectionNumber(Database& database, const base::CollectionId& id);

}  // namespace bitrepo::store
