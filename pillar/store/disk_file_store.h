// SPDX-License-Identifier: Apache-2.0
// The file store on disks: plain files beside a SQLite catalogue, durable before it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/runtime/disk.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_store.h"
#include "pillar/store/file_store.h"
#include "pillar/store/publisher.h"
#include "pillar/store/remover.h"
#include "pillar/store/space_account.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

struct DiskStoreOptions {
  // Each with the disk it has to itself, or nullptr: a directory of its name on the store's disk.
  absl::btree_map<base::CollectionId, runtime::Disk*> collections;
  uint64_t keep_free_bytes = 64ull << 20;  // of each disk: the catalogue must be able to grow
  SyncPolicy sync_policy;
  std::string sqlite_vfs;  // empty: SQLite's own
  StagingTerms staging = {};
};

// On the store's disk: FORMAT, LOCK, catalogue.sqlite, ledger/, and a directory for each collection
// with FORMAT, files/, staging/, quarantine/. Threads:  thread-safe; every call blocks. Lifetime:
// disks and clock outlive it; what it staged and opened dies first. Errors:   see FileStore.
class DiskFileStore final : public FileStore {
 public:
  // Locks the store, or makes a new one; brings files and catalogue together. When it returns, the
  // new incarnation is durable. kFailedPrecondition: another process has it (the text names the
  // path), a newer program made it, or the disk is not the one it should be; kDataLoss: it is
  // damaged in a way that needs a person.
  static absl::StatusOr<std::unique_ptr<DiskFileStore>> Open(DiskStoreOptions options,
                                                             runtime::Disk& disk,
                                                             const base::Clock& clock,
                                                             base::Random& random);
  ~DiskFileStore() override;

  base::StoreId store_id() const override { return store_id_; }
  uint64_t incarnation() const override { return catalogue_->incarnation(); }
  absl::StatusOr<std::unique_ptr<StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) override;
  absl::StatusOr<std::unique_ptr<StagedFile>> StageAgain(const base::CollectionId& collection,
                                                         const base::FileId& file_id,
                                                         std::optional<uint64_t> announced_bytes,
                                                         const StagingKey& key) override;
  std::vector<StagedPart> StagedFiles() override { return parts_.List(); }
  uint64_t GiveUpStaged() override { return parts_.GiveUpOld(clock_.WallNow()); }
  std::vector<absl::StatusOr<FileRecord>> Publish(std::vector<Publication> group) override;
  std::vector<absl::StatusOr<FileRecord>> Remove(std::vector<Removal> group) override;
  absl::StatusOr<FileRecord> Restore(Restoration restoration) override;
  absl::StatusOr<uint64_t> PurgeQuarantine(absl::Time removed_before, uint32_t limit) override;
  absl::StatusOr<FileRecord> Find(const base::CollectionId& collection,
                                  const base::FileId& file_id) override;
  absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> FindMany(
      const base::CollectionId& collection, std::span<const base::FileId> file_ids) override;
  absl::StatusOr<FileRecord> FindRemoved(const base::CollectionId& collection,
                                         const base::FileId& file_id) override;
  absl::StatusOr<std::unique_ptr<StoredFile>> Open(const base::CollectionId& collection,
                                                   const base::FileId& file_id,
                                                   const base::GenerationId& generation) override;
  absl::StatusOr<RecordPage> List(const ListQuery& query, uint32_t limit,
                                  absl::string_view cursor) override;
  absl::StatusOr<std::optional<Answer>> FindAnswer(const AnswerKey& key) override;
  absl::Status OpenAnswer(const Answer& answer) override;
  absl::Status CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) override;
  absl::StatusOr<std::vector<Answer>> InterruptedAnswers(absl::Duration age) override;
  absl::Time answers_since() const override { return catalogue_->answers_since(); }
  absl::StatusOr<std::vector<Answer>> AnswersOf(const base::ConversationId& conversation,
                                                uint32_t limit) override;
  absl::StatusOr<AuditPage> ReadAudit(const AuditQuery& query, uint32_t limit) override;
  absl::Status VerifyAudit() override { return catalogue_->VerifyAudit(); }
  absl::Status AppendAudit(std::vector<AuditEvent> events) override;
  absl::StatusOr<StoreReport> Check() override;

 private:
  DiskFileStore(DiskStoreOptions options, runtime::Disk& disk, const base::Clock& clock);
  absl::Status Prepare(base::Random& random);
  absl::Status Identify(base::Random& random);
  void MakeCollections();
  absl::Status CheckLabels();
  absl::Status OpenCatalogue();
  absl::Status MakeHomes();
  absl::Status Recover();
  absl::StatusOr<GenerationRow> FindLive(const base::CollectionId& collection,
                                         const base::FileId& file_id);
  // `generation` zero: the live one.
  absl::StatusOr<GenerationRow> FindNamed(const base::CollectionId& collection,
                                          const base::FileId& file_id,
                                          const base::GenerationId& generation);
  std::unique_ptr<StoredFile> Guarded(const base::CollectionId& collection, GenerationRow row,
                                      std::unique_ptr<runtime::DiskFile> file);
  void MarkLost(const base::CollectionId& collection, const GenerationRow& row, FileState state,
                absl::string_view what);

  const DiskStoreOptions options_;
  runtime::Disk& disk_;
  const base::Clock& clock_;
  WriteGate gate_;
  std::unique_ptr<runtime::DiskFile> lock_;
  base::StoreId store_id_;
  std::vector<std::unique_ptr<SpaceAccount>> spaces_;  // one for each disk
  StagedParts parts_;
  std::unique_ptr<Catalogue> catalogue_;
  CollectionStores collections_;
  base::Mutex names_;  // held by who moves files of collections
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Remover> remover_;
  base::Mutex mark_mutex_;  // one marks a file at a time
};

}  // namespace bitrepo::store
