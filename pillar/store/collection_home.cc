// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/collection_home.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/file_identity.h"

namespace bitrepo::store {

std::string CollectionHome::FullPath(absl::string_view below) const {
  return absl::StrCat(disk_.root(), "/", Path(below));
}

absl::StatusOr<bool> CollectionHome::CheckLabel(const base::StoreId& store_id) const {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk_, directory_));
  if (!label.has_value()) {
    return false;
  }
  if (*label != StoreLabel{store_id, id_.text()}) {
    return absl::FailedPreconditionError(
        absl::StrCat(FullPath("FORMAT"), ": the directory belongs to the collection ",
                     label->collection, " of the store ", label->store_id.ToString(), ", not to ",
                     id_.text(), " of ", store_id.ToString(), ": is another disk mounted there?"));
  }
  return true;
}

absl::Status CollectionHome::Make(const base::StoreId& store_id, bool labelled) {
  for (const std::string& directory : {std::string(kFilesDirectory), std::string(kStagingDirectory),
                                       JoinPath(kQuarantineDirectory, kFilesDirectory)}) {
    BITREPO_RETURN_IF_ERROR(disk_.MakeDirectories(Path(directory)));
  }
  return labelled ? absl::OkStatus()
                  : WriteLabel(disk_, directory_, StoreLabel{store_id, id_.text()});
}

absl::Status CollectionHome::Probe(absl::string_view name) {
  const std::string path = Path(JoinPath(kStagingDirectory, name));
  const std::string renamed = absl::StrCat(path, "~");
  BITREPO_ASSIGN_OR_RETURN(const auto file, disk_.Create(path));
  BITREPO_RETURN_IF_ERROR(file->WriteAt(0, std::as_bytes(std::span(name.data(), name.size()))));
  const absl::Status attribute = file->SetAttribute(kIdentityAttribute, name);
  if (!attribute.ok() && !absl::IsUnimplemented(attribute)) {
    return attribute;
  }
  has_attributes_ = attribute.ok();
  BITREPO_RETURN_IF_ERROR(file->Sync());
  BITREPO_RETURN_IF_ERROR(disk_.Rename(path, renamed));
  BITREPO_RETURN_IF_ERROR(disk_.SyncDirectory(Path(kStagingDirectory)));
  return disk_.Remove(renamed);
}

absl::Status CollectionHome::MakeShard(const std::string& shard) {
  base::MutexLock lock(mutex_);
  if (shards_.contains(shard)) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(disk_.MakeDirectory(Path(shard)));
  shards_.insert(shard);
  parents_of_new_.insert(Path(shard.substr(0, shard.rfind('/'))));
  return absl::OkStatus();
}

absl::btree_set<std::string> CollectionHome::TakeNewShards() {
  base::MutexLock lock(mutex_);
  return std::exchange(parents_of_new_, {});
}

}  // namespace bitrepo::store
