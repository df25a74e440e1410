// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/file_places.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/file_identity.h"
#include "pillar/store/file_name.h"

namespace bitrepo::store {
namespace {

// Above this many directories one SyncAll is cheaper.
constexpr size_t kDirectorySyncsMax = 32;

std::string ParentOf(absl::string_view path) {
  return std::string(path.substr(0, path.rfind('/')));
}

}  // namespace

std::string DirectoryOf(Place place) {
  return place == Place::kFiles ? kFilesDirectory : JoinPath(kQuarantineDirectory, kFilesDirectory);
}

std::string PathIn(Place place, const base::FileId& file_id, uint64_t name_number) {
  const std::string path = GenerationPath(file_id, name_number);
  return place == Place::kFiles ? path : JoinPath(kQuarantineDirectory, path);
}

absl::Status FileMoves::MoveTo(Place place, const base::FileId& file_id, uint64_t name_number) {
  const std::string leaf = LeafOf(file_id, name_number);
  for (const char* const suffix : {"", kIdentitySuffix}) {
    BITREPO_RETURN_IF_ERROR(MoveLeafTo(place, ShardName(file_id), absl::StrCat(leaf, suffix)));
  }
  return absl::OkStatus();
}

absl::Status FileMoves::MoveLeafTo(Place place, const std::string& shard, const std::string& leaf) {
  const std::string to = JoinPath(DirectoryOf(place), shard);
  const std::string from = JoinPath(DirectoryOf(OtherPlace(place)), shard);
  BITREPO_RETURN_IF_ERROR(home_.MakeShard(to));
  const absl::Status moved =
      home_.disk().Rename(home_.Path(JoinPath(from, leaf)), home_.Path(JoinPath(to, leaf)));
  if (absl::IsNotFound(moved)) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(moved);
  targets_.insert(home_.Path(to));
  sources_.insert(home_.Path(from));
  return absl::OkStatus();
}

absl::Status FileMoves::Remove(const base::FileId& file_id, uint64_t name_number) {
  for (const Place place : {Place::kFiles, Place::kQuarantine}) {
    const std::string path = home_.Path(PathIn(place, file_id, name_number));
    BITREPO_RETURN_IF_ERROR(RemoveAt(path));
    BITREPO_RETURN_IF_ERROR(RemoveAt(absl::StrCat(path, kIdentitySuffix)));
  }
  return absl::OkStatus();
}

absl::Status FileMoves::RemoveAt(const std::string& path) {
  const absl::Status removed = home_.disk().Remove(path);
  if (absl::IsNotFound(removed)) {
    return absl::OkStatus();
  }
  sources_.insert(ParentOf(path));
  return removed;
}

absl::Status FileMoves::Sync() {
  absl::btree_set<std::string> targets = std::exchange(targets_, {});
  const absl::btree_set<std::string> sources = std::exchange(sources_, {});
  if (targets.size() + sources.size() > kDirectorySyncsMax) {
    return home_.disk().SyncAll();
  }
  if (!targets.empty()) {
    targets.merge(home_.TakeNewShards());
  }
  for (const auto* const directories : {&std::as_const(targets), &sources}) {
    for (const std::string& directory : *directories) {
      BITREPO_RETURN_IF_ERROR(home_.disk().SyncDirectory(directory));
    }
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
