// SPDX-License-Identifier: Apache-2.0
// Whether the pillars say the same of one file: the digest most of them have, who differs, who
// lacks it; pure.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"

namespace bitrepo::commands {

// What one pillar says of one file.
struct PillarWord {
  std::string digest;   // hex; empty: none
  std::string trouble;  // why there is none: its copy is damaged
};

enum class CopyState { kSame, kDiffers, kDamaged, kMissing, kSilent };

struct Agreement {
  std::string digest;  // that of most, in a tie the lowest; empty when nobody has one
  absl::btree_map<base::ComponentId, CopyState> copies;

  bool all_same() const;  // every pillar that answered has it, with one digest
  size_t CountOf(CopyState state) const;
};

// `words` of the pillars that list the file; the others of `answered` lack it; `silent` ones have
// said nothing.
Agreement Compare(const absl::btree_map<base::ComponentId, PillarWord>& words,
                  const std::vector<base::ComponentId>& answered,
                  const std::vector<base::ComponentId>& silent);

// "ok", "differs", "DAMAGED", "MISSING", "silent"; and a mark of one column.
absl::string_view WordOf(CopyState state);
absl::string_view MarkOf(CopyState state);
// As a record's "result": "ok", "mismatch", "damaged", "missing", "silent".
absl::string_view ResultWord(CopyState state);

}  // namespace bitrepo::commands
