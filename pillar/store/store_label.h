// SPDX-License-Identifier: Apache-2.0
// The FORMAT file of a store and of each of its collections, which says whose directory this is,
// and the lock of a store.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/runtime/disk.h"

namespace bitrepo::store {

inline constexpr int kStoreFormat = 1;

struct StoreLabel {
  base::StoreId store_id;
  std::string collection = {};  // empty: the label of the store itself
  bool operator==(const StoreLabel&) const = default;
};

// Text of a few lines with a check at its end.
std::string EncodeLabel(const StoreLabel& label);
// kFailedPrecondition: a newer program made it; kDataLoss: it is damaged.
absl::StatusOr<StoreLabel> ParseLabel(absl::string_view text);

// The label in `directory` ("" is the root); nothing when there is none.
absl::StatusOr<std::optional<StoreLabel>> ReadLabel(runtime::Disk& disk,
                                                    absl::string_view directory);
// Durable when it returns. Requires: there is none.
absl::Status WriteLabel(runtime::Disk& disk, absl::string_view directory, const StoreLabel& label);

// Held while a process works on the store. kFailedPrecondition: another does; the text names the
// path.
absl::StatusOr<std::unique_ptr<runtime::DiskFile>> LockStore(runtime::Disk& disk);

// "directory/name"; the other alone when one is empty.
std::string JoinPath(absl::string_view directory, absl::string_view name);

}  // namespace bitrepo::store
