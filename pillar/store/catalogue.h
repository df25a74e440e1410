// SPDX-License-Identifier: Apache-2.0
// The catalogue of a store: which files are kept, what was answered, the audit trail, each commit
// all or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "pillar/store/answer_table.h"
#include "pillar/store/audit_ledger.h"
#include "pillar/store/audit_table.h"
#include "pillar/store/database.h"
#include "pillar/store/file_store.h"
#include "pillar/store/generation_table.h"
#include "pillar/store/taken_table.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

inline constexpr char kCatalogueFile[] = "catalogue.sqlite";
// The audit record of an opening, and what its detail begins with.
inline constexpr char kStoreOpenedAction[] = "STORE_OPENED";
inline constexpr char kIncarnationPrefix[] = "incarnation ";
// Audit records of reads that may wait for the next commit of a change.
inline constexpr size_t kLazyRecordsMax = 256;

// One thing that happened: its audit record and what goes with it, in the same commit. `collection`
// is that of all but the answer.
struct Change {
  struct NewState {
    base::FileId file_id;
    uint64_t number = 0;
    uint64_t size_bytes = 0;
    bool live = true;
    FileState before = FileState::kHeld;
    FileState after = FileState::kHeld;
  };

  AuditEvent audit;
  std::optional<base::CollectionId> collection = {};
  std::optional<GenerationRow> added = {};
  std::optional<GenerationRow> removed = {};  // the live one, into quarantine at its removed_at
  std::optional<GenerationRow> gone = {};     // out of quarantine: as `added`, else for good
  std::optional<NewState> state = {};
  std::optional<std::string> taken =
      {};  // path below the collection's quarantine of what is unknown
  std::optional<std::string> discarded = {};  // such a path, gone for good
  std::optional<Answer> answer = {};          // with its final
};

// A collection that a catalogue is opened for.
struct CatalogueCollection {
  base::CollectionId id;
  bool labelled = false;  // its directory was made before: the catalogue must know it
};

// One connection, one mutex, short calls: with an exclusive lock there can be no second.
// Threads:  thread-safe.
// Lifetime: disk, clock and gate outlive it.
// Errors:   kDataLoss: the catalogue is damaged; kUnavailable: the gate is closed;
// kResourceExhausted: no space, nothing
//           was changed. Any other failure of a change closes the gate.
class Catalogue {
 public:
  // Opens or makes the file on `disk`, for these collections, and the ledger beside it. The new
  // incarnation is durable. kFailedPrecondition: it belongs to another store, a newer program made
  // it, or it does not know a collection whose files are there. A catalogue that contradicts its
  // ledger opens with the gate closed.
  static absl::StatusOr<std::unique_ptr<Catalogue>> Open(
      runtime::Disk& disk, const std::string& vfs, const base::StoreId& store_id,
      const std::vector<CatalogueCollection>& collections, const base::Clock& clock,
      WriteGate& gate);

  // After the gate has closed, its files are left as they are.
  ~Catalogue();

  uint64_t incarnation() const { return incarnation_; }
  absl::Time answers_since() const { return answers_since_; }

  // All of it or nothing. `durable` or not: when not, the next durable one makes it so, and a power
  // cut may undo it.
  absl::Status Commit(std::vector<Change> changes, bool durable);

  // The newest generation, live or not; nothing when there never was one.
  absl::StatusOr<std::optional<GenerationRow>> Newest(const base::CollectionId& collection,
                                                      const base::FileId& file_id);
  absl::StatusOr<std::optional<GenerationRow>> Named(const base::CollectionId& collection,
                                                     const base::FileId& file_id,
                                                     const base::GenerationId& generation);
  absl::StatusOr<std::optional<GenerationRow>> Removed(const base::CollectionId& collection,
                                                       const base::FileId& file_id,
                                                       const base::GenerationId& generation);
  // The live ones, in order of the ids; under one lock.
  absl::StatusOr<std::vector<std::optional<FileRecord>>> LiveOnes(
      const base::CollectionId& collection, std::span<const base::FileId> file_ids);
  absl::StatusOr<GenerationTable::PageRows> Page(const base::CollectionId& collection,
                                                 const GenerationTable::PageSpec& spec);
  // The number of the newest audit record: what is there now was there at it.
  uint64_t sequence() const;

  absl::StatusOr<std::optional<Answer>> FindAnswer(const AnswerKey& key);
  absl::Status OpenAnswer(const Answer& answer);
  absl::StatusOr<std::vector<Answer>> InterruptedAnswers(absl::Time recorded_before);
  absl::StatusOr<std::vector<Answer>> AnswersOf(const base::ConversationId& conversation,
                                                uint32_t limit);
  absl::StatusOr<AuditPage> ReadAudit(const AuditQuery& query, uint32_t limit);
  absl::Status ForgetAnswers(absl::Time recorded_before);
  absl::Status MarkOpenAnswersInterrupted();

  // For recovery.
  absl::StatusOr<std::vector<GenerationTable::NameRow>> Names(const base::CollectionId& collection,
                                                              absl::string_view file_id,
                                                              uint64_t number, uint32_t limit);
  // Of what is unknown: all of it; what was taken before; what is discarded and not yet dropped.
  absl::StatusOr<std::vector<std::string>> TakenPaths(const base::CollectionId& collection);
  absl::StatusOr<std::vector<std::string>> TakenBefore(const base::CollectionId& collection,
                                                       absl::Time before, uint32_t limit);
  absl::StatusOr<std::vector<std::string>> DiscardedPaths(const base::CollectionId& collection,
                                                          uint32_t limit);

  // For the purge of the quarantine.
  absl::StatusOr<std::vector<GenerationRow>> RemovedBefore(const base::CollectionId& collection,
                                                           absl::Time before, uint32_t limit);
  absl::StatusOr<std::vector<GenerationRow>> Purged(const base::CollectionId& collection,
                                                    uint32_t limit);
  // Forgets what is purged, once its files are gone: not audited, durable with the next commit.
  absl::Status Drop(const base::CollectionId& collection, const std::vector<GenerationRow>& purged,
                    const std::vector<std::string>& discarded);

  CollectionCount Count(const base::CollectionId& collection) const;
  // Reads the whole audit trail and the whole ledger: kDataLoss names the first record that does
  // not follow from the one before it, or that the ledger has otherwise. Commits wait meanwhile.
  absl::Status VerifyAudit();

 private:
  Catalogue(std::unique_ptr<Database> database, std::unique_ptr<AuditLedger> ledger,
            const base::Clock& clock, WriteGate& gate);
  absl::Status Prepare(const base::StoreId& store_id,
                       const std::vector<CatalogueCollection>& collections);
  absl::Status CheckStore(const base::StoreId& store_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RaiseIncarnation() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckKnown(const CatalogueCollection& collection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LoadCollection(const base::CollectionId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MatchLedger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<int64_t> NumberOf(const base::CollectionId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status CommitRows(const std::vector<Change>& changes, bool durable,
                          std::vector<LedgerEntry>& entries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Apply(const Change& change, int64_t sequence, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ApplyToGenerations(const Change& change, int64_t collection, int64_t sequence)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status DropRows(int64_t collection, const std::vector<GenerationRow>& purged,
                        const std::vector<std::string>& discarded)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountIn(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AppendToLedger(std::vector<LedgerEntry> entries) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Doubt(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  WriteGate& gate_;
  uint64_t incarnation_ = 0;
  absl::Time answers_since_ = absl::InfinitePast();

  mutable base::Mutex mutex_;
  const std::unique_ptr<Database> database_ ABSL_PT_GUARDED_BY(mutex_);
  GenerationTable generations_ ABSL_GUARDED_BY(mutex_);
  AnswerTable answers_ ABSL_GUARDED_BY(mutex_);
  AuditTable audit_ ABSL_GUARDED_BY(mutex_);
  TakenTable taken_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<AuditLedger> ledger_ ABSL_PT_GUARDED_BY(mutex_);
  std::vector<LedgerEntry> lazy_entries_ ABSL_GUARDED_BY(mutex_);  // committed, not yet durable
  absl::btree_map<base::CollectionId, int64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<base::CollectionId, CollectionCount> counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
