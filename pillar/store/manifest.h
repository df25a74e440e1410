// SPDX-License-Identifier: Apache-2.0
// A list of the files of a collection for `sha256sum -c`, made from the records beside their bytes.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/runtime/disk.h"

namespace bitrepo::store {

struct ManifestFindings {
  uint64_t files = 0;           // listed
  uint64_t without_record = 0;  // not listed: they do not say what they should be
};

// Gives `take` lines "SHA-256  SHARD/NAME~N\n", the paths being those below COLLECTION/files/, in
// order of path. Nothing in a name needs escaping: what is not of [A-Za-z0-9._~-] stands there as
// %XX. Needs no catalogue and no lock, changes nothing, and so may run beside the pillar: a file
// that comes or goes meanwhile is in the list or not (one that comes, where files carry no
// attributes, may be counted as without its record). `directory` is the collection's on `disk`, ""
// when it has the disk to itself. Memory: the names of one shard.
// Threads: blocks. Errors: kFailedPrecondition: it is not the directory of the collection; those of
// `take`; else as the disk's.
absl::StatusOr<ManifestFindings> WriteManifest(
    runtime::Disk& disk, absl::string_view directory, const base::CollectionId& collection,
    absl::FunctionRef<absl::Status(absl::string_view lines)> take);

}  // namespace bitrepo::store
