// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/rebuild.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/answer_table.h"
#include "pillar/store/audit_ledger.h"
#include "pillar/store/audit_table.h"
#include "pillar/store/catalogue_schema.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/database.h"
#include "pillar/store/file_proof.h"
#include "pillar/store/generation_table.h"

namespace bitrepo::store {
namespace {

constexpr char kNewCatalogue[] = "rebuild.sqlite";
// A database on disk is up to so many files; the log is removed before the file it belongs to.
constexpr const char* kDatabaseSuffixes[] = {"-wal", "-journal", ""};
constexpr uint64_t kEntriesAtOnce = 10'000;  // of the ledger, in one transaction
constexpr int64_t kBeforeAll = 0;            // created_seq: every list that goes on shows the file

// One run. Each step leaves the new catalogue unnamed; the last names it.
class Rebuild {
 public:
  Rebuild(const DiskStoreOptions& options, runtime::Disk& disk, const base::Clock& clock,
          base::Random& random)
      : options_(options), disk_(disk), clock_(clock), random_(random), now_(clock.WallNow()) {}

  absl::StatusOr<RebuildFindings> Run() {
    BITREPO_RETURN_IF_ERROR(CheckStore());
    BITREPO_RETURN_IF_ERROR(CheckCollections());
    BITREPO_RETURN_IF_ERROR(RemoveUnfinished());
    BITREPO_RETURN_IF_ERROR(Fill());
    BITREPO_RETURN_IF_ERROR(GiveName());
    return findings_;
  }

 private:
  struct Collection {
    std::unique_ptr<SpaceAccount> space;
    std::unique_ptr<CollectionHome> home;
  };
  struct Tables {
    explicit Tables(Database& database)
        : generations(database), answers(database), audit(database) {}
    GenerationTable generations;
    AnswerTable answers;
    AuditTable audit;
  };
  struct Leaf {
    uint64_t number = 0;
    LeafPlace place;
    bool operator<(const Leaf& other) const { return number < other.number; }
  };
  using Leaves = std::vector<Leaf>;  // of one name
  // What the ledger says last of the numbers in one name.
  using Effects = absl::btree_map<uint64_t, AuditTable::FileEffect>;

  absl::Status CheckStore();
  absl::Status CheckCollections();
  absl::Status CheckForOthers() const;
  absl::Status RemoveUnfinished();
  absl::Status Fill();
  absl::Status BringBackLedger(Database& database, Tables& tables);
  absl::Status AddCollection(const CollectionHome& home, Database& database, Tables& tables);
  absl::Status AddShard(const CollectionHome& home, int64_t collection, const std::string& shard,
                        Database& database, Tables& tables);
  absl::Status CollectLeaves(const CollectionHome& home, Place place, const std::string& shard,
                             absl::btree_map<std::string, Leaves>& by_name);
  absl::Status AddGenerations(const CollectionHome& home, int64_t collection, const Leaves& leaves,
                              Tables& tables);
  absl::StatusOr<Effects> EffectsOn(const base::CollectionId& collection,
                                    const base::FileId& file_id, Tables& tables);
  void MarkRemoved(const Effects& effects, GenerationRow& row) const;
  void Count(const GenerationRow& row);
  absl::Status NoteIncarnations(const CollectionHome& home);
  absl::Status Sign(Database& database, Tables& tables);
  absl::Status GiveName();

  const DiskStoreOptions& options_;
  runtime::Disk& disk_;
  const base::Clock& clock_;
  base::Random& random_;
  const absl::Time now_;
  std::unique_ptr<runtime::DiskFile> lock_;
  base::StoreId store_id_;
  std::vector<Collection> collections_;
  uint64_t incarnation_ = 0;  // no lower than any before
  RebuildFindings findings_;
};

absl::Status Rebuild::CheckStore() {
  BITREPO_ASSIGN_OR_RETURN(lock_, LockStore(disk_));
  BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk_, ""));
  if (!label.has_value() || !label->collection.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        disk_.root(), " is not the directory of a store: its FORMAT file ",
        label.has_value() ? absl::StrCat("is that of the collection ", label->collection)
                          : "is not there; put it back"));
  }
  store_id_ = label->store_id;
  // A log without its catalogue would be folded into the new one.
  for (const char* const suffix : kDatabaseSuffixes) {
    const std::string name = absl::StrCat(kCatalogueFile, suffix);
    const absl::Status there = disk_.Stat(name).status();
    if (!absl::IsNotFound(there)) {
      return there.ok() ? absl::FailedPreconditionError(absl::StrCat(
                              disk_.root(), "/", name, " is there: move ", kCatalogueFile,
                              " and all that begins so out of the store, and keep them"))
                        : there;
    }
  }
  return absl::OkStatus();
}

absl::Status Rebuild::CheckCollections() {
  for (const auto& [id, own_disk] : options_.collections) {
    runtime::Disk& disk = own_disk == nullptr ? disk_ : *own_disk;
    Collection collection;
    collection.space = std::make_unique<SpaceAccount>(disk, /*keep_free_bytes=*/0);
    collection.home = std::make_unique<CollectionHome>(
        id, disk, own_disk == nullptr ? id.text() : "", *collection.space);
    BITREPO_ASSIGN_OR_RETURN(const bool labelled, collection.home->CheckLabel(store_id_));
    if (!labelled) {
      return absl::FailedPreconditionError(absl::StrCat(
          collection.home->FullPath("FORMAT"), " is not there: is the disk of the collection ",
          id.text(), " mounted? A collection that is new is added after the rebuild"));
    }
    collections_.push_back(std::move(collection));
  }
  return CheckForOthers();
}

// Files of a collection that is left out would be unknown to the new catalogue, and be moved to
// quarantine when the collection comes back.
absl::Status Rebuild::CheckForOthers() const {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(""));
  for (const std::string& name : names) {
    const absl::StatusOr<base::CollectionId> id = base::CollectionId::Parse(name);
    const absl::StatusOr<runtime::FileStat> stat = disk_.Stat(name);
    if (!id.ok() || !stat.ok() || !stat->is_directory || options_.collections.contains(*id)) {
      continue;
    }
    BITREPO_ASSIGN_OR_RETURN(const std::optional<StoreLabel> label, ReadLabel(disk_, name));
    if (label.has_value()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the settings leave out the collection ", label->collection,
                       ", which is in ", disk_.root(), "/", name, ": add it, or move it away"));
    }
  }
  return absl::OkStatus();
}

absl::Status Rebuild::RemoveUnfinished() {
  for (const char* const suffix : kDatabaseSuffixes) {
    const absl::Status removed = disk_.Remove(absl::StrCat(kNewCatalogue, suffix));
    if (!removed.ok() && !absl::IsNotFound(removed)) {
      return removed;
    }
  }
  return absl::OkStatus();
}

absl::Status Rebuild::Fill() {
  BITREPO_ASSIGN_OR_RETURN(
      const std::unique_ptr<Database> database,
      Database::Open(absl::StrCat(disk_.root(), "/", kNewCatalogue), options_.sqlite_vfs));
  BITREPO_RETURN_IF_ERROR(PrepareSchema(*database));
  // Nothing counts before all of it is there: one sync at the end.
  BITREPO_RETURN_IF_ERROR(database->SetDurable(false));
  Tables tables(*database);
  BITREPO_RETURN_IF_ERROR(BringBackLedger(*database, tables));
  for (const Collection& collection : collections_) {
    BITREPO_RETURN_IF_ERROR(AddCollection(*collection.home, *database, tables));
    BITREPO_RETURN_IF_ERROR(NoteIncarnations(*collection.home));
  }
  BITREPO_RETURN_IF_ERROR(Sign(*database, tables));
  return database->Checkpoint();
}

absl::Status Rebuild::BringBackLedger(Database& database, Tables& tables) {
  std::optional<Transaction> transaction;
  const absl::Status read = ReadLedger(disk_, [&](const LedgerEntry& entry) -> absl::Status {
    if (!transaction.has_value()) {
      BITREPO_ASSIGN_OR_RETURN(Transaction begun, Transaction::Begin(database));
      transaction.emplace(std::move(begun));
    }
    BITREPO_RETURN_IF_ERROR(tables.audit.Restore(entry.record, entry.effect));
    ++findings_.audit_records;
    absl::string_view detail = entry.record.event.detail;
    uint64_t incarnation = 0;
    if (entry.record.event.action == kStoreOpenedAction &&
        absl::ConsumePrefix(&detail, kIncarnationPrefix) &&
        absl::SimpleAtoi(detail.substr(0, detail.find(':')), &incarnation)) {
      incarnation_ = std::max(incarnation_, incarnation);
    }
    if (entry.answer.has_value() && entry.answer->recorded_at >= now_ - kAnswersKept) {
      BITREPO_RETURN_IF_ERROR(
          tables.answers.Close(*entry.answer, static_cast<int64_t>(entry.record.sequence)));
      ++findings_.answers;
    }
    if (findings_.audit_records % kEntriesAtOnce != 0) {
      return absl::OkStatus();
    }
    BITREPO_RETURN_IF_ERROR(transaction->Commit());
    transaction.reset();
    return database.CheckpointWhenDue();
  });
  if (absl::IsDataLoss(read)) {
    return absl::DataLossError(absl::StrCat(
        disk_.root(), "/ledger is damaged or was changed: ", read.message(),
        "; put back a good copy, or keep a copy and take away what cannot be read and all behind "
        "it: these audit records and answers are lost then"));
  }
  BITREPO_RETURN_IF_ERROR(read);
  return transaction.has_value() ? transaction->Commit() : absl::OkStatus();
}

absl::Status Rebuild::AddCollection(const CollectionHome& home, Database& database,
                                    Tables& tables) {
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, CollectionNumber(database, home.id()));
  const uint64_t before = findings_.files;
  absl::btree_set<std::string> shards;
  for (const Place place : {Place::kFiles, Place::kQuarantine}) {
    auto names = home.disk().List(home.Path(DirectoryOf(place)));
    if (absl::IsNotFound(names.status()) && place == Place::kQuarantine) {
      continue;
    }
    BITREPO_RETURN_IF_ERROR(names.status());
    for (std::string& name : *names) {
      if (IsShardName(name)) {
        shards.insert(std::move(name));
      } else {
        ++findings_.strangers;
      }
    }
  }
  for (const std::string& shard : shards) {
    BITREPO_RETURN_IF_ERROR(AddShard(home, number, shard, database, tables));
  }
  base::LogLine(base::LogLevel::kInfo, "collection-rebuilt")
      .With("collection", home.id().text())
      .With("files", absl::StrCat(findings_.files - before));
  return absl::OkStatus();
}

absl::Status Rebuild::AddShard(const CollectionHome& home, int64_t collection,
                               const std::string& shard, Database& database, Tables& tables) {
  absl::btree_map<std::string, Leaves> by_name;
  for (const Place place : {Place::kFiles, Place::kQuarantine}) {
    BITREPO_RETURN_IF_ERROR(CollectLeaves(home, place, shard, by_name));
  }
  BITREPO_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  for (auto& [name, leaves] : by_name) {
    std::stable_sort(leaves.begin(), leaves.end());
    BITREPO_RETURN_IF_ERROR(AddGenerations(home, collection, leaves, tables));
  }
  BITREPO_RETURN_IF_ERROR(transaction.Commit());
  return database.CheckpointWhenDue();
}

absl::Status Rebuild::CollectLeaves(const CollectionHome& home, Place place,
                                    const std::string& shard,
                                    absl::btree_map<std::string, Leaves>& by_name) {
  const auto leaves = home.disk().List(home.Path(JoinPath(DirectoryOf(place), shard)));
  if (absl::IsNotFound(leaves.status())) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(leaves.status());
  for (const std::string& leaf : *leaves) {
    const std::optional<LeafName> name = ParseLeaf(leaf);
    if (!name.has_value()) {
      ++findings_.strangers;
    } else if (!name->is_record) {
      by_name[name->name].push_back(Leaf{name->number, LeafPlace{shard, leaf, place}});
    }
  }
  return absl::OkStatus();
}

// What lies in quarantine, or was removed by the ledger, is in quarantine; never is it live again
// by this. Of several others of one id all but one are left from before: they are older, or were
// never recorded. The newest that is right is taken; if none is, the newest that says what it
// should be.
absl::Status Rebuild::AddGenerations(const CollectionHome& home, int64_t collection,
                                     const Leaves& leaves, Tables& tables) {
  std::optional<Effects> effects;
  std::optional<GenerationRow> best;
  absl::btree_set<uint64_t> added;
  for (auto leaf = leaves.rbegin(); leaf != leaves.rend(); ++leaf) {
    const auto effect = [&] {
      const auto found = effects->find(leaf->number);
      return found == effects->end() ? kNameHeld : found->second.effect[0];
    };
    const bool in_files = leaf->place.place == Place::kFiles;
    const bool has_live = best.has_value() && best->state == FileState::kHeld;
    if (added.contains(leaf->number) || (has_live && in_files && effect() == kNameHeld)) {
      ++findings_.strangers;
      continue;
    }
    BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> row,
                             ProveFile(home, leaf->place, now_, random_));
    if (row.has_value() && !effects.has_value()) {
      BITREPO_ASSIGN_OR_RETURN(effects, EffectsOn(home.id(), row->record.file_id, tables));
    }
    if (!row.has_value() || effect() == kNamePurged) {
      ++findings_.strangers;
    } else if (!in_files || effect() == kNameRemoved) {
      MarkRemoved(*effects, *row);
      BITREPO_RETURN_IF_ERROR(tables.generations.Insert(collection, *row, kBeforeAll));
      added.insert(leaf->number);
      ++findings_.removed;
    } else if (!best.has_value() || row->state == FileState::kHeld ||
               (best->state == FileState::kUnproven && row->state == FileState::kDamaged)) {
      findings_.strangers += best.has_value() ? 1 : 0;
      best = std::move(row);
    } else {
      ++findings_.strangers;
    }
  }
  if (!best.has_value()) {
    return absl::OkStatus();
  }
  Count(*best);
  return tables.generations.Insert(collection, *best, kBeforeAll);
}

absl::StatusOr<Rebuild::Effects> Rebuild::EffectsOn(const base::CollectionId& collection,
                                                    const base::FileId& file_id, Tables& tables) {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<AuditTable::FileEffect> in_order,
                           tables.audit.EffectsOn(collection, file_id));
  Effects last;
  for (const AuditTable::FileEffect& effect : in_order) {
    for (const absl::string_view each : absl::StrSplit(effect.effect, ' ')) {
      uint64_t number = 0;
      if (each.size() > 1 && absl::SimpleAtoi(each.substr(1), &number)) {
        last.insert_or_assign(
            number, AuditTable::FileEffect{
                        .sequence = effect.sequence, .at = effect.at, .effect = std::string(each)});
      }
    }
  }
  return last;
}

// When the ledger does not know of it, its term begins now.
void Rebuild::MarkRemoved(const Effects& effects, GenerationRow& row) const {
  const auto found = effects.find(row.name_number);
  const bool is_known = found != effects.end() && found->second.effect[0] == kNameRemoved;
  row.removed_seq = is_known ? static_cast<int64_t>(found->second.sequence) : kBeforeAll;
  row.record.removed_at = is_known ? found->second.at : now_;
}

void Rebuild::Count(const GenerationRow& row) {
  switch (row.state) {
    case FileState::kHeld:
      ++findings_.files;
      findings_.bytes += row.record.size_bytes;
      return;
    case FileState::kUnproven:
      ++findings_.unproven;
      break;
    case FileState::kDamaged:
    case FileState::kMissing:
    case FileState::kPurged:
      ++findings_.damaged;
      break;
  }
  base::LogLine(base::LogLevel::kWarning, "file-not-proven")
      .With("file", row.record.file_id.text())
      .With("state", FileStateName(row.state));
}

// Directories in quarantine are named after incarnations, and none may be used twice.
absl::Status Rebuild::NoteIncarnations(const CollectionHome& home) {
  const auto turns = home.disk().List(home.Path(kQuarantineDirectory));
  if (absl::IsNotFound(turns.status())) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(turns.status());
  for (const std::string& turn : *turns) {
    uint64_t incarnation = 0;
    if (absl::SimpleAtoi(turn.substr(0, turn.find('.')), &incarnation)) {
      incarnation_ = std::max(incarnation_, incarnation);
    }
  }
  return absl::OkStatus();
}

// Incarnations that left no trace were fewer than the seconds that have passed.
absl::Status Rebuild::Sign(Database& database, Tables& tables) {
  incarnation_ = std::max(incarnation_,
                          static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixSeconds(now_))));
  BITREPO_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  AuditEvent event;
  event.action = "CATALOGUE_REBUILT";
  event.detail = findings_.ToString();
  BITREPO_RETURN_IF_ERROR(tables.audit.Append(now_, std::move(event), /*effect=*/"").status());
  BITREPO_RETURN_IF_ERROR(WriteValue(database, kStoreIdName, store_id_.ToString()));
  BITREPO_RETURN_IF_ERROR(WriteValue(database, kIncarnationName, absl::StrCat(incarnation_)));
  BITREPO_RETURN_IF_ERROR(
      WriteValue(database, kAnswersSinceName, absl::StrCat(absl::ToUnixMicros(clock_.WallNow()))));
  return transaction.Commit();
}

absl::Status Rebuild::GiveName() {
  const std::string log = absl::StrCat(kNewCatalogue, "-wal");
  if (const absl::Status there = disk_.Stat(log).status(); !absl::IsNotFound(there)) {
    return there.ok() ? absl::InternalError(absl::StrCat(log, " was left behind")) : there;
  }
  BITREPO_ASSIGN_OR_RETURN(const auto file, disk_.OpenWrite(kNewCatalogue));
  BITREPO_RETURN_IF_ERROR(file->Sync());
  BITREPO_RETURN_IF_ERROR(disk_.Rename(kNewCatalogue, kCatalogueFile));
  return disk_.SyncDirectory("");
}

}  // namespace

std::string RebuildFindings::ToString() const {
  return absl::StrCat(files, " files (", bytes, " bytes), ", damaged, " damaged, ", unproven,
                      " unproven, ", removed, " in quarantine, ", strangers, " not of the store, ",
                      audit_records, " audit records and ", answers, " answers brought back");
}

absl::StatusOr<RebuildFindings> RebuildCatalogue(const DiskStoreOptions& options,
                                                 runtime::Disk& disk, const base::Clock& clock,
                                                 base::Random& random) {
  return Rebuild(options, disk, clock, random).Run();
}

}  // namespace bitrepo::store
