// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/manifest.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/file_name.h"
#include "pillar/store/file_proof.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {
namespace {

// Nothing when there is no such file any more, or nothing that could be one.
absl::StatusOr<std::string> LineOf(const CollectionHome& home, const LeafPlace& place,
                                   ManifestFindings& findings) {
  const absl::StatusOr<FileIdentity> identity = IdentityAt(home, place);
  if (absl::IsFailedPrecondition(identity.status()) ||
      (absl::IsNotFound(identity.status()) &&
       absl::IsNotFound(home.disk().Stat(home.Path(place.Path())).status()))) {
    return "";
  }
  if (absl::IsNotFound(identity.status()) || absl::IsDataLoss(identity.status()) ||
      absl::IsInvalidArgument(identity.status())) {
    ++findings.without_record;
    return "";
  }
  BITREPO_RETURN_IF_ERROR(identity.status());
  ++findings.files;
  return absl::StrCat(identity->sha256.Hex(), "  ", place.shard, "/", place.leaf, "\n");
}

}  // namespace

absl::StatusOr<ManifestFindings> WriteManifest(
    runtime::Disk& disk, absl::string_view directory, const base::CollectionId& collection,
    absl::FunctionRef<absl::Status(absl::string_view lines)> take) {
  SpaceAccount space(disk, /*keep_free_bytes=*/0);
  const CollectionHome home(collection, disk, std::string(directory), space);
  BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk, directory));
  if (!label.has_value() || label->collection != collection.text()) {
    return absl::FailedPreconditionError(absl::StrCat(home.FullPath("FORMAT"),
                                                      " does not say that files of the collection ",
                                                      collection.text(), " are kept here"));
  }
  ManifestFindings findings;
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> shards,
                           disk.List(home.Path(kFilesDirectory)));
  for (const std::string& shard : shards) {
    if (!IsShardName(shard)) {
      continue;
    }
    LeafPlace place{shard, ""};
    BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> leaves,
                             disk.List(home.Path(JoinPath(kFilesDirectory, shard))));
    std::string lines;
    for (const std::string& leaf : leaves) {
      const std::optional<LeafName> name = ParseLeaf(leaf);
      if (!name.has_value() || name->is_record) {
        continue;
      }
      place.leaf = leaf;
      BITREPO_ASSIGN_OR_RETURN(const std::string line, LineOf(home, place, findings));
      lines += line;
    }
    if (!lines.empty()) {
      BITREPO_RETURN_IF_ERROR(take(lines));
    }
  }
  return findings;
}

}  // namespace bitrepo::store
