// SPDX-License-Identifier: Apache-2.0
// The coordinator's settings: what they are, their limits, and how they are read.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/runtime/settings.h"

namespace bitrepo::coordinator {

inline constexpr size_t kCollectionsMax = 256;
inline constexpr size_t kPillarsOfCollectionMax = 256;
inline constexpr size_t kPillarsMax = 512;  // of all collections
inline constexpr int64_t kMembersMax = 1024;
inline constexpr int64_t kConnectionsMax = 4096;

struct CoordinatorOptions {
  std::string repository_id;
  std::string coordinator_id = "coordinator";
  std::string program_version;  // not a setting
  std::string listen;           // "tcp://HOST:PORT"; port 0 is any that is free
  std::string watch_listen;     // empty: no watch stream
  std::string watch_public;     // what watchers are told to dial; empty: where it listens
  std::string runtime_file;     // written at the start with the real endpoints; empty: none
  absl::btree_map<std::string, absl::btree_set<std::string>> collections;  // id -> pillars
  size_t members_max = kMembersMax;
  size_t connections_max = 1024;
  absl::Duration heartbeat = absl::Seconds(1);
  absl::Duration gone_after = absl::Seconds(5);
  absl::Duration settle = absl::Seconds(5);
};

// OK for an endpoint on which the transport could listen.
using EndpointCheck = absl::Status (*)(absl::string_view endpoint);

// kInvalidArgument with every problem, one "FILE:LINE: text" per line.
absl::StatusOr<CoordinatorOptions> ReadCoordinatorOptions(runtime::Settings& settings,
                                                          EndpointCheck check_endpoint);

}  // namespace bitrepo::coordinator
