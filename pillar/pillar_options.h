// SPDX-License-Identifier: Apache-2.0
// What a pillar is told: who it is, what it keeps, where it listens, and every limit it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/runtime/settings.h"

namespace bitrepo::pillar {

inline constexpr size_t kRequestsMax = 4096;              // under way at once; beyond: BUSY
inline constexpr size_t kRequestsPerPrincipalMax = 1024;  // of one principal
inline constexpr size_t kFinishedKeptMax = 4096;          // finals kept in memory for repeats
inline constexpr size_t kEnquiriesMax = 4096;             // identify questions under way

// What the host itself needs; enough to run it on a simulated loop. Value.
struct PillarOptions {
  std::string repository_id;
  base::ComponentId id;
  std::vector<base::CollectionId> collections;
  std::string program_version;
  std::vector<std::string> data_endpoints;  // put into tokens; empty: where the channel listens
  uint64_t keep_free_bytes = 0;             // below it GetStatus warns; the store itself refuses
  size_t requests_max = kRequestsMax;
  size_t requests_per_principal_max = kRequestsPerPrincipalMax;
  size_t finished_kept_max = kFinishedKeptMax;
  absl::Duration finished_kept_for = absl::Minutes(5);
  absl::Duration transfer_idle =
      absl::Minutes(15);  // a transfer without a byte for so long has failed
  absl::Duration interrupted_term =
      absl::Hours(24);                            // then a put cut short by a crash is a FAILURE
  absl::Duration check_every = absl::Minutes(1);  // the store checks itself
  absl::Duration grace = absl::Seconds(10);       // given to running requests at a stop
};

}  // namespace bitrepo::pillar
