// SPDX-License-Identifier: Apache-2.0
// What kind of pillar this is: the settings that only one kind has.
#pragma once

#include <string>

#include "base/runtime/settings.h"
#include "pillar/requests/checksum_intake.h"
#include "pillar/store/nearline_store.h"
#include "pillar/store/simulated_medium.h"
#include "proto/types.pb.h"

namespace bitrepo::pillar {

inline constexpr int kDrivesMax = 64;
inline constexpr uint64_t kVolumeBytesLeast = 1 << 20;

struct NearlineSettings {
  std::string media_directory;  // must exist
  store::NearlineOptions store;
  store::SimulatedMediumOptions medium;
};

// "full", "checksum", "nearline"
absl::string_view KindName(wire::PillarKind kind);

// pillar.kind, and the tables [checksum] and [nearline]; one of another kind is a problem.
void ReadKind(runtime::Settings& settings, wire::PillarKind& kind, requests::ChecksumIntake& intake,
              NearlineSettings& nearline);

}  // namespace bitrepo::pillar
