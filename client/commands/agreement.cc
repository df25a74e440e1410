// SPDX-License-Identifier: Apache-2.0
#include "client/commands/agreement.h"

#include <algorithm>

namespace bitrepo::commands {

bool Agreement::all_same() const {
  return !digest.empty() && std::all_of(copies.begin(), copies.end(), [](const auto& copy) {
    return copy.second == CopyState::kSame || copy.second == CopyState::kSilent;
  });
}

size_t Agreement::CountOf(CopyState state) const {
  return static_cast<size_t>(std::count_if(
      copies.begin(), copies.end(), [state](const auto& copy) { return copy.second == state; }));
}

Agreement Compare(const absl::btree_map<base::ComponentId, PillarWord>& words,
                  const std::vector<base::ComponentId>& answered,
                  const std::vector<base::ComponentId>& silent) {
  absl::btree_map<std::string, size_t> votes;
  for (const auto& [pillar, word] : words) {
    if (!word.digest.empty()) ++votes[word.digest];
  }
  Agreement agreement;
  size_t most = 0;
  for (const auto& [digest, count] : votes) {
    if (count > most) {
      most = count;
      agreement.digest = digest;
    }
  }
  for (const base::ComponentId& pillar : answered) agreement.copies[pillar] = CopyState::kMissing;
  for (const base::ComponentId& pillar : silent) agreement.copies[pillar] = CopyState::kSilent;
  for (const auto& [pillar, word] : words) {
    agreement.copies[pillar] = word.digest.empty()               ? CopyState::kDamaged
                               : word.digest == agreement.digest ? CopyState::kSame
                                                                 : CopyState::kDiffers;
  }
  return agreement;
}

absl::string_view WordOf(CopyState state) {
  switch (state) {
    case CopyState::kSame:
      return "ok";
    case CopyState::kDiffers:
      return "DIFFERS";
    case CopyState::kDamaged:
      return "DAMAGED";
    case CopyState::kMissing:
      return "MISSING";
    case CopyState::kSilent:
      return "silent";
  }
  return "silent";
}

absl::string_view MarkOf(CopyState state) {
  switch (state) {
    case CopyState::kSame:
      return "✓";
    case CopyState::kDiffers:
      return "✗";
    case CopyState::kDamaged:
      return "✗";
    case CopyState::kMissing:
      return "—";
    case CopyState::kSilent:
      return "?";
  }
  return "?";
}

absl::string_view ResultWord(CopyState state) {
  switch (state) {
    case CopyState::kSame:
      return "ok";
    case CopyState::kDiffers:
      return "mismatch";
    case CopyState::kDamaged:
      return "damaged";
    case CopyState::kMissing:
      return "missing";
    case CopyState::kSilent:
      return "silent";
  }
  return "silent";
}

}  // namespace bitrepo::commands
