// SPDX-License-Identifier: Apache-2.0
// One seeded run: a storm of trouble over a working repository, then calm, then every promise is
// checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/ledger_of_truth.h"

namespace bitrepo::simulation {

struct SimulationReport {
  uint64_t seed = 0;
  std::vector<Violation> violations;  // empty: every promise held
  std::vector<std::string> timeline;  // the last lines
  std::string trace_digest;           // equal for equal seeds
  uint64_t events = 0;
  uint64_t operations = 0;
  uint64_t acknowledged = 0;  // (pillar, file) pairs
  uint64_t crashes = 0;
};

enum class Weather {
  kStorm,
  kFair,               // nothing fails: then also no two pillars hold different bytes of one id
  kStormOnLyingDisks,  // which say "synced" and are not, from after the pillars' start: the
                       // checkers must see it
};

// The seed draws everything: sizes, orders, loss, duplication, reordering, cuts, flipped bits,
// crashes, what survives them.
SimulationReport RunSimulation(uint64_t seed, Weather weather = Weather::kStorm);

}  // namespace bitrepo::simulation
