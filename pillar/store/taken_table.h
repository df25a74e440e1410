// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue that say which unknown files were moved to quarantine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pillar/store/database.h"

namespace bitrepo::store {

// By their paths below the quarantine of a collection, whose number in the catalogue `collection`
// is. Loop-confined. Lifetime: the database outlives it.
class TakenTable {
 public:
  explicit TakenTable(Database& database) : database_(database) {}

  absl::Status Insert(int64_t collection, absl::string_view path, int64_t audit_seq, absl::Time at);
  // The row stays until it is dropped.
  absl::Status SetDiscarded(int64_t collection, absl::string_view path);
  absl::Status Drop(int64_t collection, absl::string_view path);

  // Sorted; discarded ones too.
  absl::StatusOr<std::vector<std::string>> All(int64_t collection);
  // Taken before, and not discarded.
  absl::StatusOr<std::vector<std::string>> Before(int64_t collection, absl::Time before,
                                                  uint32_t limit);
  absl::StatusOr<std::vector<std::string>> Discarded(int64_t collection, uint32_t limit);
  // Without the discarded ones.
  absl::StatusOr<uint64_t> Count(int64_t collection);

 private:
  static absl::StatusOr<std::vector<std::string>> ReadPaths(Query query);

  Database& database_;
};

}  // namespace bitrepo::store
