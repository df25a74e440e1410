// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/publisher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/file_identity.h"
#include "pillar/store/file_name.h"

namespace bitrepo::store {
namespace {

constexpr char kWhat[] = "a stored file";

std::string ParentOf(absl::string_view path) {
  return std::string(path.substr(0, path.rfind('/')));
}

}  // namespace

// One publication on its way. Its status is that of the first step that failed; later steps leave
// it alone then.
struct Publisher::Item {
  explicit Item(Publication the_publication) : publication(std::move(the_publication)) {}

  Publication publication;
  absl::Status status;
  CollectionStore* collection = nullptr;
  IncomingFile* incoming = nullptr;
  std::optional<GenerationRow> row;  // what will be recorded
  std::optional<GenerationRow> replaced;
  std::string path;                           // of the generation, below the collection
  std::unique_ptr<runtime::DiskFile> beside;  // its identity, where files carry no attributes
  bool named = false;
};

std::vector<absl::StatusOr<FileRecord>> Publisher::Publish(std::vector<Publication> group) {
  Items items;
  items.reserve(group.size());
  for (Publication& publication : group) {
    items.emplace_back(std::move(publication));
    items.back().status = Begin(items.back());
  }
  {
    base::MutexLock lock(names_);
    Claims claims;
    for (Item& item : items) {
      if (item.status.ok()) {
        item.status = Claim(item, claims);
      }
      if (item.status.ok()) {
        item.status = Name(item);
      }
    }
    absl::Status status = SyncNamed(items);
    if (status.ok()) {
      status = CommitNamed(items);
    }
    for (Item& item : items) {
      if (item.status.ok()) {
        item.status = status;
      }
      if (absl::IsResourceExhausted(status)) {
        Unname(item);
      }
    }
    std::vector<std::pair<base::CollectionId, GenerationRow>> removed;
    for (const Item& item : items) {
      if (item.status.ok() && item.replaced.has_value()) {
        removed.emplace_back(item.publication.collection, *item.replaced);
      }
    }
    MoveToQuarantine(collections_, gate_, removed);
  }
  std::vector<absl::StatusOr<FileRecord>> results;
  results.reserve(items.size());
  for (Item& item : items) {
    if (item.status.ok()) {
      results.emplace_back(item.row->record);
    } else {
      if (item.incoming != nullptr) {
        item.incoming->Discard();
      }
      results.emplace_back(item.status);
    }
  }
  return results;
}

// What needs no lock: the file says who it is, and a large one is written out.
absl::Status Publisher::Begin(Item& item) {
  Publication& publication = item.publication;
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(item.collection, FindCollection(collections_, publication.collection));
  CollectionHome& home = item.collection->home;
  item.incoming = dynamic_cast<IncomingFile*>(publication.staged.get());
  if (item.incoming == nullptr || !item.incoming->facts().has_value() ||
      &item.incoming->home() != &home) {
    return absl::FailedPreconditionError("a file is sealed before it is published");
  }
  if (publication.generation.is_zero() || publication.answer.key.conversation.is_zero() ||
      publication.answer.key.message_id.is_zero() || publication.answer.final_body.empty()) {
    return absl::InvalidArgumentError(
        "a publication has a generation and the final it is answered with");
  }
  if (home.has_attributes()) {
    const StagedFile::Facts& facts = *item.incoming->facts();
    const FileIdentity identity{publication.file_id, publication.generation, facts.size_bytes,
                                facts.sha256, publication.answer.key.conversation};
    BITREPO_RETURN_IF_ERROR(gate_.Judge(
        kWhat, item.incoming->file().SetAttribute(kIdentityAttribute, EncodeIdentity(identity))));
  }
  if (item.incoming->facts()->size_bytes < kSyncAheadBytes) {
    return absl::OkStatus();
  }
  const absl::Status synced = item.incoming->file().Sync();
  return synced.ok() ? synced : gate_.Close(kWhat, synced);
}

absl::Status Publisher::Claim(Item& item, Claims& claims) {
  const Publication& publication = item.publication;
  BITREPO_ASSIGN_OR_RETURN(const std::optional<Answer> answer,
                           catalogue_.FindAnswer(publication.answer.key));
  if ((answer.has_value() && !answer->final_body.empty()) ||
      claims.answers.contains(publication.answer.key)) {
    return absl::FailedPreconditionError("the request has its final already");
  }
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> newest,
                           catalogue_.Newest(publication.collection, publication.file_id));
  const StagedFile::Facts& facts = *item.incoming->facts();
  const bool live = newest.has_value() && newest->live();
  const std::pair<base::CollectionId, base::FileId> id(publication.collection, publication.file_id);
  if (claims.files.contains(id)) {
    return ChangedInTheSameGroup(publication.file_id, publication.replaces);
  }
  BITREPO_RETURN_IF_ERROR(CheckPublication(publication.file_id, live ? &newest->record : nullptr,
                                           publication.replaces, facts));
  claims.files.insert(id);
  const uint64_t number = newest.has_value() ? newest->record.number + 1 : 1;
  item.row = GenerationRow{.record = FileRecord{.file_id = publication.file_id,
                                                .number = number,
                                                .generation = publication.generation,
                                                .size_bytes = facts.size_bytes,
                                                .sha256 = facts.sha256,
                                                .stored_at = publication.stored_at,
                                                .verified_at = publication.stored_at},
                           .name_number = number,
                           .block_digests = item.incoming->block_digests()};
  if (live) {
    item.replaced = std::move(newest);
    item.replaced->record.removed_at = publication.stored_at;
  }
  claims.answers.insert(publication.answer.key);
  return absl::OkStatus();
}

// The name comes before any sync of the group, so that one journal commit of the file system
// carries data, attribute and name. That is safe: until the record is committed, a name says
// nothing, and the next start puts it into quarantine.
absl::Status Publisher::Name(Item& item) {
  CollectionHome& home = item.collection->home;
  const FileRecord& record = item.row->record;
  item.path = GenerationPath(record.file_id, record.number);
  const std::string path = home.Path(item.path);
  BITREPO_RETURN_IF_ERROR(gate_.Judge(kWhat, home.MakeShard(ParentOf(item.path))));
  absl::Status renamed = home.disk().Rename(item.incoming->path(), path);
  if (absl::IsAlreadyExists(renamed)) {
    BITREPO_RETURN_IF_ERROR(item.collection->quarantine->Take({item.path}, "not in the catalogue"));
    renamed = home.disk().Rename(item.incoming->path(), path);
  }
  BITREPO_RETURN_IF_ERROR(gate_.Judge(kWhat, renamed));
  item.incoming->GiveUpName();
  item.named = true;
  if (home.has_attributes()) {
    return absl::OkStatus();
  }
  const FileIdentity identity{record.file_id, record.generation, record.size_bytes, record.sha256,
                              item.publication.answer.key.conversation};
  const std::string text = EncodeIdentity(identity);
  auto beside = home.disk().Create(absl::StrCat(path, kIdentitySuffix));
  absl::Status status = beside.status();
  if (status.ok()) {
    item.beside = *std::move(beside);
    status = item.beside->WriteAt(0, std::as_bytes(std::span(text)));
  }
  if (!status.ok()) {
    Unname(item);
  }
  return gate_.Judge(kWhat, status);
}

absl::Status Publisher::SyncNamed(Items& items) {
  std::vector<std::pair<SpaceAccount*, std::vector<Item*>>> by_disk;  // a few at most
  for (Item& item : items) {
    if (!item.status.ok()) {
      continue;
    }
    SpaceAccount* const space = &item.collection->home.space();
    auto of_disk = std::find_if(by_disk.begin(), by_disk.end(),
                                [&](const auto& entry) { return entry.first == space; });
    if (of_disk == by_disk.end()) {
      of_disk = by_disk.insert(by_disk.end(), {space, {}});
    }
    of_disk->second.push_back(&item);
  }
  for (const auto& [space, named] : by_disk) {
    const absl::Status synced = SyncOnDisk(*space, named);
    if (!synced.ok()) {
      return gate_.Close("a sync of stored files", synced);
    }
  }
  return absl::OkStatus();
}

// One SyncAll costs one flush of the disk where syncs of each cost two for a file and two for the
// group, but it writes out what other files have brought, too.
absl::Status Publisher::SyncOnDisk(SpaceAccount& space, const std::vector<Item*>& named) {
  uint64_t own_bytes = 0;
  absl::btree_set<std::string> directories;
  for (const Item* const item : named) {
    CollectionHome& home = item->collection->home;
    own_bytes += item->row->record.size_bytes;
    directories.insert(ParentOf(home.Path(item->path)));
    directories.insert(home.Path(kStagingDirectory));
    directories.merge(home.TakeNewShards());
  }
  if (named.size() >= sync_policy_.files ||
      space.arrived_bytes() - own_bytes < sync_policy_.others_bytes) {
    return space.disk().SyncAll();
  }
  for (Item* const item : named) {
    BITREPO_RETURN_IF_ERROR(item->incoming->file().Sync());
    if (item->beside != nullptr) {
      BITREPO_RETURN_IF_ERROR(item->beside->Sync());
    }
  }
  for (const std::string& directory : directories) {
    BITREPO_RETURN_IF_ERROR(space.disk().SyncDirectory(directory));
  }
  return absl::OkStatus();
}

absl::Status Publisher::CommitNamed(Items& items) {
  std::vector<Change> changes;
  for (Item& item : items) {
    if (!item.status.ok()) {
      continue;
    }
    Change change;
    change.audit = std::move(item.publication.audit);
    change.collection = item.publication.collection;
    change.added = item.row;
    change.removed = item.replaced;
    change.answer = std::move(item.publication.answer);
    changes.push_back(std::move(change));
  }
  return catalogue_.Commit(std::move(changes), /*durable=*/true);
}

// Nothing was recorded, and certainly so: the name goes again. When that fails, the next start
// takes care of it.
void Publisher::Unname(Item& item) {
  if (!item.named) {
    return;
  }
  item.named = false;
  CollectionHome& home = item.collection->home;
  if (item.beside != nullptr) {
    home.disk().Remove(home.Path(absl::StrCat(item.path, kIdentitySuffix))).IgnoreError();
  }
  const absl::Status removed = home.disk().Remove(home.Path(item.path));
  if (!removed.ok()) {
    base::LogLine(base::LogLevel::kWarning, "unpublished-file-left")
        .With("cause", removed.message());
  }
}

}  // namespace bitrepo::store
