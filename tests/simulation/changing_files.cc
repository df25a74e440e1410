// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/changing_files.h"

namespace bitrepo::simulation {

void ChangingFiles::Ended(const std::string& file_id, const std::vector<std::string>& pillars,
                          const protocol::Outcome& outcome, const Standing& standing) {
  std::map<std::string, Place>& places = places_[file_id];
  for (const std::string& pillar : pillars) {
    Place& place = places[pillar];
    place.ever.insert(standing);
    const auto result = outcome.contributors.find(base::ComponentId::Parse(pillar).value());
    const bool done = result != outcome.contributors.end() &&
                      result->second.state == protocol::ContributorResult::State::kDone;
    if (done) {
      place.last = standing;
    } else {
      place.perhaps.insert(standing);
    }
  }
}

void ChangingFiles::Returned(const std::string& file_id, const std::vector<std::string>& pillars,
                             const std::map<std::string, std::string>& told) {
  std::map<std::string, Place>& places = places_[file_id];
  for (const std::string& pillar : pillars) {
    Place& place = places[pillar];
    const auto digest_hex = told.find(pillar);
    if (digest_hex != told.end()) {
      place.last = digest_hex->second;
    } else {
      place.perhaps.insert(place.ever.begin(), place.ever.end());
    }
  }
}

Standing ChangingFiles::Likely(const std::string& file_id) const {
  const auto places = places_.find(file_id);
  if (places == places_.end()) return std::nullopt;
  std::map<Standing, int> votes;
  for (const auto& [pillar, place] : places->second) ++votes[place.last];
  Standing likely;
  int most = 0;
  for (const auto& [standing, count] : votes) {
    if (count > most) {
      most = count;
      likely = standing;
    }
  }
  return likely;
}

bool ChangingFiles::MayStand(const std::string& pillar, const std::string& file_id,
                             const Standing& standing) const {
  const auto places = places_.find(file_id);
  if (places == places_.end()) return !standing;
  const auto place = places->second.find(pillar);
  if (place == places->second.end()) return !standing;
  return place->second.last == standing || place->second.perhaps.contains(standing);
}

std::vector<std::string> ChangingFiles::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [file_id, places] : places_) ids.push_back(file_id);
  return ids;
}

size_t ChangingFiles::certain() const {
  size_t count = 0;
  for (const auto& [file_id, places] : places_) {
    for (const auto& [pillar, place] : places) count += place.perhaps.empty() ? 1 : 0;
  }
  return count;
}

}  // namespace bitrepo::simulation
