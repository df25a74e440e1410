// SPDX-License-Identifier: Apache-2.0
// What a pillar is told: who it is, what it keeps, where it listens, and every limit it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/runtime/settings.h"
#include "channel/transfer/rate_limiter.h"
#include "pillar/pillar_kind.h"
#include "pillar/requests/checksum_intake.h"
#include "pillar/requests/request_handler.h"
#include "pillar/store/file_store.h"
#include "proto/types.pb.h"

namespace bitrepo::pillar {

inline constexpr size_t kRequestsMax = 4096;              // under way at once; beyond: BUSY
inline constexpr size_t kRequestsPerPrincipalMax = 1024;  // of one principal
inline constexpr size_t kFinishedKeptMax = 4096;          // finals kept in memory for repeats
inline constexpr size_t kEnquiriesMax = 4096;             // identify questions under way

inline constexpr size_t kCollectionsMax = 256;
inline constexpr uint32_t kMinCopiesMax = 64;  // of one collection
inline constexpr int64_t kQuarantineDaysMax = 36500;
inline constexpr uint32_t kPurgeMax = 1000;  // generations in one go, before others get the worker
inline constexpr int kWorkersMax = 64;       // threads of one lane
inline constexpr uint64_t kTransferMemoryMax = 1ull << 30;

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
  wire::PillarKind kind = wire::FULL_PILLAR;
  requests::ChecksumIntake intake = requests::ChecksumIntake::kWhenMissing;
  // Other pillars that must be shown to keep a file before it is deleted here; of collections that
  // are not in it: requests::kMinCopies.
  std::map<base::CollectionId, uint32_t> min_copies = {};
  std::map<base::CollectionId, requests::CollectionTerms> terms = {};  // of the others: the usual
  // What was deleted or replaced is then removed for good.
  absl::Duration quarantine_term = store::kQuarantineTerm;
  absl::Duration staging_term = store::kStagingTerm;  // of the store
};

// All that the program is told by its settings file. Value.
struct PillarSettings {
  explicit PillarSettings(PillarOptions host_in) : host(std::move(host_in)) {}

  PillarOptions host;
  std::string coordinator;      // "tcp://HOST:PORT"
  std::string data_listen;      // "tcp://HOST:PORT"; port 0 is any that is free
  std::string runtime_file;     // written at the start with the real endpoint; empty: none
  std::string store_directory;  // must exist
  NearlineSettings nearline;    // of a nearline pillar
  std::map<std::string, std::string> collection_directories;  // of those that have their own
  uint64_t transfer_memory_bytes = 64 * 1024 * 1024;          // received and not yet written
  std::vector<transfer::RateRule> rates;                      // of what comes, from the start
  int read_workers = 4;
  int write_workers = 4;
};

// OK for an endpoint that the transport can use.
using EndpointCheck = absl::Status (*)(absl::string_view endpoint);
struct EndpointChecks {
  EndpointCheck listen;
  EndpointCheck dial;
};

// kInvalidArgument with every problem, one "FILE:LINE: text" per line.
absl::StatusOr<PillarSettings> ReadPillarSettings(runtime::Settings& settings,
                                                  EndpointChecks checks);

}  // namespace bitrepo::pillar
