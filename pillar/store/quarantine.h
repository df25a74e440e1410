// SPDX-License-Identifier: Apache-2.0
// Where a collection puts files that are not, or no longer, in its catalogue: moved, recorded,
// never removed.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"

namespace bitrepo::store {

inline constexpr char kQuarantinedAction[] = "QUARANTINED";

// A file lies in quarantine/INCARNATION.TURN/ under the path it had. First the name is moved,
// durably, then the record is written; a move without a record is recorded at the next start.
// Threads:  thread-safe.
// Lifetime: catalogue and home outlive it.
class Quarantine {
 public:
  Quarantine(Catalogue& catalogue, CollectionHome& home) : catalogue_(catalogue), home_(home) {}

  // Moves what is at `paths` below the collection and records why.
  absl::Status Take(const std::vector<std::string>& paths, absl::string_view reason);
  // Records what was moved and not recorded; returns how many files that were.
  absl::StatusOr<uint64_t> RecordUnrecorded();

 private:
  absl::Status Record(const std::vector<std::string>& paths, absl::string_view reason);
  absl::Status ListInto(const std::string& below, const std::vector<std::string>& recorded,
                        std::vector<std::string>& unrecorded);

  Catalogue& catalogue_;
  CollectionHome& home_;
  std::atomic<uint64_t> next_turn_{1};
};

}  // namespace bitrepo::store
