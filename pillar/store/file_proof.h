// SPDX-License-Identifier: Apache-2.0
// What a file that lies under the name of a generation can prove of itself: nothing of it is
// believed but its own record, and that only once its bytes agree.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/file_identity.h"
#include "pillar/store/file_name.h"
#include "pillar/store/file_places.h"
#include "pillar/store/generation_table.h"

namespace bitrepo::store {

// A leaf in files/SHARD, or in quarantine/files/SHARD.
struct LeafPlace {
  std::string shard;
  std::string leaf;
  Place place = Place::kFiles;
  std::string Path() const { return absl::StrCat(DirectoryOf(place), "/", shard, "/", leaf); }
};

// The record of the file at `place`, when the name agrees with it. kNotFound: it has none;
// kDataLoss: it cannot be read; kInvalidArgument: it is that of another file; kFailedPrecondition:
// no plain file.
absl::StatusOr<FileIdentity> IdentityAt(const CollectionHome& home, const LeafPlace& place);

// Reads the whole file, a block at a time, and says what it is:
//   held      its record was there, and size and SHA-256 of the bytes are those of the record; the
//             digests of its blocks were made in the same pass
//   damaged   its record was there, the bytes are others, or cannot be read; no block is right then
//   unproven  it has no record that can be read: size and digests say what the bytes are, not what
//             they should be; the generation is a new one
// Nothing: it is no generation of any id, or of none that the name tells.
// Errors: as the disk's, but for what is damaged.
absl::StatusOr<std::optional<GenerationRow>> ProveFile(const CollectionHome& home,
                                                       const LeafPlace& place, absl::Time wall_now,
                                                       base::Random& random);

}  // namespace bitrepo::store
