// SPDX-License-Identifier: Apache-2.0
// The half of a file store that is records alone, over a catalogue: for stores whose bytes lie
// elsewhere, or nowhere.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/runtime/disk.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/file_store.h"
#include "pillar/store/space_account.h"
#include "pillar/store/staging_area.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

struct RecordStoreOptions {
  std::vector<base::CollectionId> collections;
  uint64_t keep_free_bytes = 64ull << 20;  // the catalogue must be able to grow
  std::string sqlite_vfs;                  // empty: SQLite's own
  StagingTerms staging = {};
};

// On the disk: FORMAT, KIND, LOCK, catalogue.sqlite and ledger/, as DiskFileStore has them but for
// KIND, which says what store this is; and staging/, where after a start only what can be gone on
// with is. Threads: thread-safe; every call blocks. Lifetime: disk and clock outlive it. Errors:
// see FileStore.
class RecordStore : public FileStore {
 public:
  ~RecordStore() override;

  base::StoreId store_id() const override { return store_id_; }
  uint64_t incarnation() const override { return catalogue_->incarnation(); }
  absl::StatusOr<std::unique_ptr<StagedFile>> StageScratch(
      const base::CollectionId& collection, std::optional<uint64_t> announced_bytes) override;
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

 protected:
  // What is known of the bytes of a publication that is about to be recorded.
  struct Settled {
    StagedFile::Facts facts;
    std::string block_digests;
  };

  RecordStore(RecordStoreOptions options, std::string kind, runtime::Disk& disk,
              const base::Clock& clock);
  // Locks the store, or makes a new one, and opens its catalogue.
  absl::Status Prepare(base::Random& random);

  // The bytes are where this store keeps them, durably, or nothing is recorded.
  virtual absl::StatusOr<Settled> Settle(Publication& publication) = 0;
  // It is recorded.
  virtual void Recorded(Publication& /*publication*/) {}
  // The bytes of a generation can come back from quarantine: kDataLoss when they cannot.
  virtual absl::Status CheckReturn(const base::CollectionId& collection,
                                   const FileRecord& record) = 0;
  // The record is gone for good, durably: its bytes go. When they cannot, they will be asked to
  // again.
  virtual absl::Status Discard(const base::CollectionId& collection, const FileRecord& record) = 0;
  // To be called once what Discard needs is there: finishes what a death cut short.
  absl::Status FinishPurges();

  absl::Status CheckKept(const base::CollectionId& collection) const;
  absl::StatusOr<GenerationRow> FindLive(const base::CollectionId& collection,
                                         const base::FileId& file_id);
  // `generation` zero: the live one.
  absl::StatusOr<GenerationRow> FindNamed(const base::CollectionId& collection,
                                          const base::FileId& file_id,
                                          const base::GenerationId& generation);
  void MarkLost(const base::CollectionId& collection, const FileRecord& record, FileState state,
                absl::string_view what);

  const RecordStoreOptions options_;
  runtime::Disk& disk_;
  const base::Clock& clock_;
  WriteGate gate_;
  SpaceAccount space_;
  CollectionHome home_;  // of what is no collection's: the staging of all
  std::unique_ptr<Catalogue> catalogue_;
  StagedParts parts_;
  std::unique_ptr<StagingArea> staging_;

 private:
  struct Item;
  // What earlier items of a group have taken.
  struct Claims {
    absl::btree_set<std::pair<base::CollectionId, base::FileId>> files;
    absl::btree_set<AnswerKey> answers;
  };
  absl::Status Identify(base::Random& random);
  absl::Status CheckKind();
  absl::Status Probe();
  absl::Status Begin(Item& item);
  absl::Status Claim(Item& item, Claims& claims) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<GenerationRow> Claim(const Removal& removal, Claims& claims)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckNoFinal(const AnswerKey& key, const Claims& claims)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status DropPurged(const base::CollectionId& collection,
                          const std::vector<GenerationRow>& rows)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string kind_;
  base::StoreId store_id_;
  std::unique_ptr<runtime::DiskFile> lock_;
  base::Mutex mutex_;  // from the claim of an id to its commit
};

}  // namespace bitrepo::store
