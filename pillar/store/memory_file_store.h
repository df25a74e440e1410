// SPDX-License-Identifier: Apache-2.0
// A file store in memory, with the behaviour of the one on disk: for tests and simulations.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "pillar/store/audit_record.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

struct MemoryStoreOptions {
  std::vector<base::CollectionId> collections;
  base::StoreId store_id;
  uint64_t capacity_bytes = 1ull << 30;
};

// Threads, errors: see FileStore. Lifetime: the clock outlives it.
class MemoryFileStore final : public FileStore {
 public:
  MemoryFileStore(MemoryStoreOptions options, const base::Clock& clock);
  ~MemoryFileStore() override;

  base::StoreId store_id() const override { return options_.store_id; }
  uint64_t incarnation() const override;
  absl::StatusOr<std::unique_ptr<StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) override;
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
  absl::StatusOr<std::vector<Answer>> AnswersOf(const base::ConversationId& conversation,
                                                uint32_t limit) override;
  absl::StatusOr<AuditPage> ReadAudit(const AuditQuery& query, uint32_t limit) override;
  absl::Status VerifyAudit() override;
  absl::Status AppendAudit(std::vector<AuditEvent> events) override;
  absl::StatusOr<StoreReport> Check() override;

  // What happens to stores. Restart: as if closed and opened again; nothing of it is staged or open
  // then.
  void Restart();
  // Writes are refused from now on, as after a failed sync.
  void StopWriting(std::string reason);
  // Requires: the file has a live generation, and the offset lies in it.
  void FlipBit(const base::CollectionId& collection, const base::FileId& file_id, uint64_t offset);
  // The bytes vanish, the record stays.
  void Lose(const base::CollectionId& collection, const base::FileId& file_id);
  std::vector<AuditRecord> audit() const;

 private:
  class Staged;
  class Stored;
  struct Generation;
  using Generations = std::vector<std::shared_ptr<Generation>>;  // of one id, in order of number
  using Collection = absl::btree_map<std::string, Generations>;
  // By earlier changes of one group.
  using Changed = absl::btree_set<std::pair<base::CollectionId, base::FileId>>;

  absl::Status CheckWritable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Collection*> FindCollection(const base::CollectionId& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static Generations* GenerationsOf(Collection& files, const base::FileId& file_id);
  // nullptr where there is none.
  static std::shared_ptr<Generation> LiveOf(Collection& files, const base::FileId& file_id);
  static std::shared_ptr<Generation> RemovedOf(Collection& files, const base::FileId& file_id,
                                               const base::GenerationId& generation);
  absl::StatusOr<FileRecord> PublishOne(Publication& publication, Changed& changed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<FileRecord> RemoveOne(Removal& removal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Records what a Publication, Removal or Restoration was answered, and that it was made.
  template <typename FileChange>
  void Conclude(FileChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Retire(Generation& live, absl::Time at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FileRecord Add(Collection& files, Generation generation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static bool Shows(const ListQuery& query, uint64_t as_of, const Generation& generation);
  static void CountIn(const Generation& generation, CollectionCount& count);
  absl::Status CheckNoFinal(const AnswerKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasFinal(const AnswerKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Audit(AuditEvent event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const MemoryStoreOptions options_;
  const base::Clock& clock_;
  mutable base::Mutex mutex_;
  uint64_t incarnation_ ABSL_GUARDED_BY(mutex_) = 1;
  uint64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // published, staged and promised
  std::string trouble_ ABSL_GUARDED_BY(mutex_);      // why it stopped writing
  absl::btree_map<base::CollectionId, Collection> collections_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<AnswerKey, Answer> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<AuditRecord> audit_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
