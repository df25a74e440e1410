// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/selection.h"

#include <algorithm>
#include <tuple>

namespace bitrepo::protocol {

std::vector<base::ComponentId> RankCandidates(std::vector<Candidate> candidates,
                                              const std::optional<base::ComponentId>& prefer) {
  const auto place = [&prefer](const Candidate& candidate) {
    return std::make_tuple(prefer != candidate.id, candidate.time_to_deliver.first_byte_us(),
                           candidate.time_to_deliver.queue_place(), candidate.id);
  };
  std::sort(candidates.begin(), candidates.end(),
            [&place](const Candidate& a, const Candidate& b) { return place(a) < place(b); });
  std::vector<base::ComponentId> ranked;
  ranked.reserve(candidates.size());
  for (Candidate& candidate : candidates) {
    ranked.push_back(std::move(candidate.id));
  }
  return ranked;
}

}  // namespace bitrepo::protocol
