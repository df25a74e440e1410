// SPDX-License-Identifier: Apache-2.0
// Which of the identified contributors serves, and who is next when that one fails.
#pragma once

#include <optional>
#include <vector>

#include "base/ids.h"
#include "proto/types.pb.h"

namespace bitrepo::protocol {

struct Candidate {
  base::ComponentId id;
  wire::TimeToDeliver time_to_deliver;
};

// Best first: the preferred one where it is among them, then by time to the first byte, then by
// place in the queue, then by id.
std::vector<base::ComponentId> RankCandidates(std::vector<Candidate> candidates,
                                              const std::optional<base::ComponentId>& prefer);

}  // namespace bitrepo::protocol
