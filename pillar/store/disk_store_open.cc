// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/disk_file_store.h"
#include "pillar/store/recovery.h"
#include "pillar/store/store_label.h"

namespace bitrepo::store {
namespace {

std::string Path(const runtime::Disk& disk, absl::string_view name) {
  return absl::StrCat(disk.root(), "/", name);
}

bool HasFiles(const CollectionCount& count) {
  return count.files + count.missing_files + count.damaged_files + count.quarantined_files > 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskFileStore>> DiskFileStore::Open(DiskStoreOptions options,
                                                                   runtime::Disk& disk,
                                                                   const base::Clock& clock,
                                                                   base::Random& random) {
  std::unique_ptr<DiskFileStore> store(new DiskFileStore(std::move(options), disk, clock));
  BITREPO_RETURN_IF_ERROR(store->Prepare(random));
  return store;
}

DiskFileStore::DiskFileStore(DiskStoreOptions options, runtime::Disk& disk,
                             const base::Clock& clock)
    : options_(std::move(options)), disk_(disk), clock_(clock), parts_(options_.staging) {}

DiskFileStore::~DiskFileStore() = default;

absl::Status DiskFileStore::Prepare(base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(lock_, LockStore(disk_));
  BITREPO_RETURN_IF_ERROR(Identify(random));
  MakeCollections();
  BITREPO_RETURN_IF_ERROR(CheckLabels());
  BITREPO_RETURN_IF_ERROR(OpenCatalogue());
  if (!gate_.Check().ok()) {
    return absl::OkStatus();  // readable, and nothing is touched
  }
  BITREPO_RETURN_IF_ERROR(MakeHomes());
  return Recover();
}

// The label comes first of all files of a store: whatever lies without one is not ours.
absl::Status DiskFileStore::Identify(base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk_, ""));
  if (label.has_value()) {
    if (!label->collection.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(disk_.root(), " is the directory of the collection ", label->collection,
                       " of a store, not of a store"));
    }
    store_id_ = label->store_id;
    return absl::OkStatus();
  }
  const absl::Status catalogue = disk_.Stat(kCatalogueFile).status();
  if (!absl::IsNotFound(catalogue)) {
    return catalogue.ok() ? absl::FailedPreconditionError(absl::StrCat(
                                Path(disk_, kCatalogueFile),
                                " is there without the FORMAT file of its store: put it back"))
                          : catalogue;
  }
  store_id_ = base::StoreId::Make(clock_.WallNow(), random);
  return WriteLabel(disk_, "", StoreLabel{.store_id = store_id_});
}

void DiskFileStore::MakeCollections() {
  for (const auto& [id, own_disk] : options_.collections) {
    runtime::Disk& disk = own_disk == nullptr ? disk_ : *own_disk;
    auto space = std::find_if(spaces_.begin(), spaces_.end(),
                              [&](const auto& each) { return &each->disk() == &disk; });
    if (space == spaces_.end()) {
      space = spaces_.insert(space, std::make_unique<SpaceAccount>(disk, options_.keep_free_bytes));
    }
    collections_.emplace(id, std::make_unique<CollectionStore>(
                                 id, disk, own_disk == nullptr ? id.text() : "", **space));
  }
}

absl::Status DiskFileStore::CheckLabels() {
  for (const auto& [id, collection] : collections_) {
    BITREPO_ASSIGN_OR_RETURN(collection->labelled, collection->home.CheckLabel(store_id_));
  }
  return absl::OkStatus();
}

// The labels of the collections are written after the catalogue is made: where there is one, there
// was the other.
absl::Status DiskFileStore::OpenCatalogue() {
  const absl::Status there = disk_.Stat(kCatalogueFile).status();
  std::vector<CatalogueCollection> known;
  for (const auto& [id, collection] : collections_) {
    known.push_back({id, collection->labelled});
    if (collection->labelled && absl::IsNotFound(there)) {
      return absl::FailedPreconditionError(absl::StrCat(Path(disk_, kCatalogueFile),
                                                        " is gone, the files of ", id.text(),
                                                        " are there: put it back, or make it again "
                                                        "from the files: bitrepo-pillar --config "
                                                        "FILE --rebuild"));
    }
  }
  BITREPO_ASSIGN_OR_RETURN(
      catalogue_, Catalogue::Open(disk_, options_.sqlite_vfs, store_id_, known, clock_, gate_));
  for (const auto& [id, collection] : collections_) {
    CollectionHome& home = collection->home;
    if (!collection->labelled && HasFiles(catalogue_->Count(id))) {
      return absl::FailedPreconditionError(absl::StrCat(
          home.FullPath("FORMAT"), " is not there, yet the catalogue has files of the collection ",
          id.text(), ": is its disk mounted?"));
    }
    collection->staging = std::make_unique<StagingArea>(
        home, gate_, parts_, clock_, BootIdFor(options_.staging.boot_id, incarnation()),
        incarnation());
    collection->quarantine = std::make_unique<Quarantine>(*catalogue_, home);
  }
  publisher_ =
      std::make_unique<Publisher>(*catalogue_, gate_, collections_, options_.sync_policy, names_);
  remover_ = std::make_unique<Remover>(*catalogue_, gate_, collections_, names_);
  return absl::OkStatus();
}

absl::Status DiskFileStore::MakeHomes() {
  for (const auto& [id, collection] : collections_) {
    BITREPO_RETURN_IF_ERROR(collection->home.Make(store_id_, collection->labelled));
    BITREPO_RETURN_IF_ERROR(collection->staging->Recover());
    BITREPO_RETURN_IF_ERROR(
        base::Annotate(collection->home.Probe(collection->staging->NextName()),
                       absl::StrCat("the disk of the collection ", id.text(), " failed its test")));
  }
  return absl::OkStatus();
}

absl::Status DiskFileStore::Recover() {
  BITREPO_RETURN_IF_ERROR(remover_->FinishPurges());
  RecoveryFindings all;
  for (const auto& [id, collection] : collections_) {
    Recovery recovery(*catalogue_, collection->home, *collection->quarantine, clock_.WallNow());
    BITREPO_ASSIGN_OR_RETURN(const RecoveryFindings findings, recovery.Run());
    all.files += findings.files;
    all.missing += findings.missing;
    all.found += findings.found;
    all.quarantined += findings.quarantined;
  }
  BITREPO_RETURN_IF_ERROR(catalogue_->MarkOpenAnswersInterrupted());
  BITREPO_RETURN_IF_ERROR(catalogue_->ForgetAnswers(clock_.WallNow() - kAnswersKept));
  Change opened;
  opened.audit.action = kStoreOpenedAction;
  opened.audit.detail = absl::StrCat(kIncarnationPrefix, incarnation(), ": ", all.files, " files, ",
                                     all.missing, " newly missing, ", all.found, " found again, ",
                                     all.quarantined, " to quarantine");
  base::LogLine(base::LogLevel::kInfo, "store-opened")
      .With("path", disk_.root())
      .With("store", store_id_.ToString())
      .With("detail", opened.audit.detail);
  return catalogue_->Commit({std::move(opened)}, /*durable=*/true);
}

}  // namespace bitrepo::store
