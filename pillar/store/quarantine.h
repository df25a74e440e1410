// SPDX-License-Identifier: Apache-2.0
// Where a collection puts files that are not in its catalogue: moved, recorded, and kept for the
// term of the quarantine.
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

// Unknown files lie in quarantine/INCARNATION.TURN/ under the path they had below the collection,
// or below quarantine/. First the name is moved, durably, then the record is written; a move
// without a record is recorded at the next start. Threads:  thread-safe. Lifetime: catalogue and
// home outlive it.
class Quarantine {
 public:
  Quarantine(Catalogue& catalogue, CollectionHome& home) : catalogue_(catalogue), home_(home) {}

  // Moves what is at `paths` below the collection and records why.
  absl::Status Take(const std::vector<std::string>& paths, absl::string_view reason);
  // Records what was moved and not recorded; returns how many files that were.
  absl::StatusOr<uint64_t> RecordUnrecorded();
  // Removes what lies at `path`, a directory with all in it, and the directories above it that are
  // empty then. Durable when it returns. Fine when it is gone.
  absl::Status Remove(const std::string& path);
  // The file id that the name of a quarantined file says; empty when it says none.
  static std::string IdOf(absl::string_view path);

 private:
  absl::Status RemoveTree(const std::string& path);
  absl::Status Record(const std::vector<std::string>& paths, absl::string_view reason);
  absl::Status ListInto(const std::string& below, const std::vector<std::string>& recorded,
                        std::vector<std::string>& unrecorded);

  Catalogue& catalogue_;
  CollectionHome& home_;
  std::atomic<uint64_t> next_turn_{1};
};

}  // namespace bitrepo::store
