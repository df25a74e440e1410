// SPDX-License-Identifier: Apache-2.0
// What must hold of a file before it is put, replaced, removed or restored: the same in every
// store.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

// `live` is the record of the live generation with its trouble, or nullptr; so is `removed` that of
// the one in quarantine. Pure.
// Errors: see FileStore::Publish, Remove, Restore.
absl::Status CheckPublication(const base::FileId& file_id, const FileRecord* live,
                              const std::optional<base::Digest>& replaces,
                              const StagedFile::Facts& facts);
absl::Status CheckRemoval(const base::FileId& file_id, const FileRecord* live,
                          const base::Digest& sha256);
absl::Status CheckRestoration(const base::FileId& file_id, const FileRecord* live,
                              const std::optional<base::Digest>& replaces,
                              const FileRecord* removed);

// What a publication is told when the same group has put the file already: neither sees the other.
absl::Status ChangedInTheSameGroup(const base::FileId& file_id,
                                   const std::optional<base::Digest>& replaces);

}  // namespace bitrepo::store
