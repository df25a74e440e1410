// SPDX-License-Identifier: Apache-2.0
// The tables of the catalogue and their format number.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "pillar/store/database.h"

namespace bitrepo::store {

inline constexpr int kCatalogueFormat = 1;

// Makes the tables when there are none. kFailedPrecondition: a newer program made them.
absl::Status PrepareSchema(Database& database);

}  // namespace bitrepo::store
