// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/catalogue.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kWhat[] = "the catalogue";

// What a generation of this state counts as; `sign` is 1 or -1 in the arithmetic of uint64_t.
void AddTo(CollectionCount& count, FileState state, uint64_t size_bytes, uint64_t sign) {
  switch (state) {
    case FileState::kHeld:
      count.files += sign;
      count.bytes += sign * size_bytes;
      break;
    case FileState::kMissing:
      count.missing_files += sign;
      break;
    case FileState::kDamaged:
    case FileState::kUnproven:
      count.damaged_files += sign;
      break;
    case FileState::kPurged:
      break;  // never live
  }
}

// As audit_ledger.h says.
std::string EffectOf(const Change& change) {
  std::vector<std::string> effects;
  const auto add = [&](char what, const GenerationRow& row) {
    effects.push_back(absl::StrCat(std::string(1, what), row.name_number));
  };
  if (change.removed.has_value()) {
    add(kNameRemoved, *change.removed);
  }
  if (change.added.has_value()) {
    add(kNameHeld, *change.added);
  } else if (change.gone.has_value()) {
    add(kNamePurged, *change.gone);
  }
  return absl::StrJoin(effects, " ");
}

// What changes a file is recorded under that file, whatever the caller wrote: a rebuild looks for
// it there.
AuditEvent EventOf(const Change& change) {
  AuditEvent event = change.audit;
  for (const auto* const row : {&change.removed, &change.added, &change.gone}) {
    if (row->has_value()) {
      event.collection = change.collection->text();
      event.file_id = (*row)->record.file_id.text();
    }
  }
  return event;
}

}  // namespace

absl::Status Catalogue::Commit(std::vector<Change> changes, bool durable) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  if (changes.empty()) {
    return absl::OkStatus();
  }
  durable = durable || lazy_entries_.size() + changes.size() > kLazyRecordsMax;
  const ChainEnd before = audit_.end();
  std::vector<LedgerEntry> entries;
  const absl::Status status = CommitRows(changes, durable, entries);
  if (!status.ok()) {
    audit_.SetEnd(before);
    return Doubt(status);
  }
  for (const Change& change : changes) {
    CountIn(change);
  }
  lazy_entries_.insert(lazy_entries_.end(), std::make_move_iterator(entries.begin()),
                       std::make_move_iterator(entries.end()));
  if (durable) {
    AppendToLedger(std::exchange(lazy_entries_, {}));
  }
  // What was just committed stands; a failure here ends the writing that would follow.
  const absl::Status folded = database_->CheckpointWhenDue();
  if (!folded.ok()) {
    Doubt(folded).IgnoreError();
  }
  return absl::OkStatus();
}

absl::Status Catalogue::CommitRows(const std::vector<Change>& changes, bool durable,
                                   std::vector<LedgerEntry>& entries) {
  BITREPO_RETURN_IF_ERROR(database_->SetDurable(durable));
  BITREPO_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  const absl::Time now = clock_.WallNow();
  for (const Change& change : changes) {
    std::string effect = EffectOf(change);
    BITREPO_ASSIGN_OR_RETURN(AuditRecord record, audit_.Append(now, EventOf(change), effect));
    BITREPO_RETURN_IF_ERROR(Apply(change, static_cast<int64_t>(record.sequence), now));
    entries.push_back(LedgerEntry{std::move(record), change.answer, std::move(effect)});
  }
  return transaction.Commit();
}

absl::Status Catalogue::Apply(const Change& change, int64_t sequence, absl::Time now) {
  if (change.answer.has_value()) {
    BITREPO_RETURN_IF_ERROR(answers_.Close(*change.answer, sequence));
  }
  if (!change.collection.has_value()) {
    return absl::OkStatus();
  }
  BITREPO_ASSIGN_OR_RETURN(const int64_t collection, NumberOf(*change.collection));
  BITREPO_RETURN_IF_ERROR(ApplyToGenerations(change, collection, sequence));
  if (change.taken.has_value()) {
    BITREPO_RETURN_IF_ERROR(taken_.Insert(collection, *change.taken, sequence, now));
  }
  return change.discarded.has_value() ? taken_.SetDiscarded(collection, *change.discarded)
                                      : absl::OkStatus();
}

absl::Status Catalogue::ApplyToGenerations(const Change& change, int64_t collection,
                                           int64_t sequence) {
  if (change.removed.has_value()) {
    BITREPO_RETURN_IF_ERROR(generations_.SetRemoved(collection, change.removed->record, sequence));
  }
  if (change.added.has_value() && change.gone.has_value()) {
    BITREPO_RETURN_IF_ERROR(
        generations_.Restore(collection, change.gone->record, change.added->record, sequence));
  } else if (change.added.has_value()) {
    BITREPO_RETURN_IF_ERROR(generations_.Insert(collection, *change.added, sequence));
  } else if (change.gone.has_value()) {
    BITREPO_RETURN_IF_ERROR(generations_.SetPurged(collection, change.gone->record, sequence));
  }
  return change.state.has_value() ? generations_.SetState(collection, change.state->file_id,
                                                          change.state->number, change.state->after)
                                  : absl::OkStatus();
}

void Catalogue::CountIn(const Change& change) {
  if (!change.collection.has_value()) {
    return;
  }
  CollectionCount& count = counts_.find(*change.collection)->second;
  constexpr uint64_t kMinus = ~uint64_t{0};
  if (change.removed.has_value()) {
    AddTo(count, change.removed->state, change.removed->record.size_bytes, kMinus);
  }
  if (change.added.has_value()) {
    AddTo(count, change.added->state, change.added->record.size_bytes, 1);
  }
  if (change.state.has_value() && change.state->live) {
    AddTo(count, change.state->before, change.state->size_bytes, kMinus);
    AddTo(count, change.state->after, change.state->size_bytes, 1);
  }
  count.quarantined_files +=
      (change.removed.has_value() ? 1 : 0) + (change.taken.has_value() ? 1 : 0);
  count.quarantined_files -=
      (change.gone.has_value() ? 1 : 0) + (change.discarded.has_value() ? 1 : 0);
}

// The catalogue has these entries durably: should the ledger fail, its next opening writes them
// again from there.
void Catalogue::AppendToLedger(std::vector<LedgerEntry> entries) {
  const absl::Status status = ledger_->Append(entries);
  if (status.ok()) {
    return;
  }
  base::LogLine(base::LogLevel::kWarning, "ledger-behind").With("cause", status.message());
  gate_.Judge("the ledger", status).IgnoreError();
}

// A change that failed otherwise than for lack of space may or may not be on the medium.
absl::Status Catalogue::Doubt(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    return status;
  }
  database_->Abandon();
  return gate_.Close(kWhat, status);
}

absl::StatusOr<int64_t> Catalogue::NumberOf(const base::CollectionId& id) const {
  const auto found = numbers_.find(id);
  if (found == numbers_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the collection ", id.text(), " is not kept here"));
  }
  return found->second;
}

absl::StatusOr<std::optional<GenerationRow>> Catalogue::Newest(const base::CollectionId& collection,
                                                               const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.Newest(number, file_id);
}

absl::StatusOr<std::optional<GenerationRow>> Catalogue::Named(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.Named(number, file_id, generation);
}

absl::StatusOr<std::optional<GenerationRow>> Catalogue::Removed(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.Removed(number, file_id, generation);
}

absl::StatusOr<std::vector<std::optional<FileRecord>>> Catalogue::LiveOnes(
    const base::CollectionId& collection, std::span<const base::FileId> file_ids) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  std::vector<std::optional<FileRecord>> live;
  live.reserve(file_ids.size());
  for (const base::FileId& file_id : file_ids) {
    BITREPO_ASSIGN_OR_RETURN(std::optional<FileRecord> record, generations_.Live(number, file_id));
    live.push_back(std::move(record));
  }
  return live;
}

absl::StatusOr<GenerationTable::PageRows> Catalogue::Page(const base::CollectionId& collection,
                                                          const GenerationTable::PageSpec& spec) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.Page(number, spec);
}

uint64_t Catalogue::sequence() const {
  base::MutexLock lock(mutex_);
  return audit_.end().sequence;
}

absl::StatusOr<std::optional<Answer>> Catalogue::FindAnswer(const AnswerKey& key) {
  base::MutexLock lock(mutex_);
  return answers_.Find(key);
}

absl::Status Catalogue::OpenAnswer(const Answer& answer) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(const std::optional<Answer> there, answers_.Find(answer.key));
  if (there.has_value() && there->body_sha256 != answer.body_sha256) {
    return absl::AlreadyExistsError("another request was made under the same ids");
  }
  // The effect that follows is committed durably, and this with it: nothing is gained by waiting
  // twice.
  BITREPO_RETURN_IF_ERROR(database_->SetDurable(false));
  const absl::Status status = answers_.Open(answer);
  return status.ok() ? status : Doubt(status);
}

absl::StatusOr<std::vector<Answer>> Catalogue::InterruptedAnswers(absl::Time recorded_before) {
  base::MutexLock lock(mutex_);
  return answers_.Interrupted(recorded_before);
}

absl::StatusOr<std::vector<Answer>> Catalogue::AnswersOf(const base::ConversationId& conversation,
                                                         uint32_t limit) {
  base::MutexLock lock(mutex_);
  return answers_.Of(conversation, limit);
}

absl::StatusOr<AuditPage> Catalogue::ReadAudit(const AuditQuery& query, uint32_t limit) {
  base::MutexLock lock(mutex_);
  return audit_.Page(query, limit);
}

absl::Status Catalogue::ForgetAnswers(absl::Time recorded_before) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  const absl::Status status = answers_.Forget(recorded_before);
  return status.ok() ? status : Doubt(status);
}

absl::Status Catalogue::MarkOpenAnswersInterrupted() {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  const absl::Status status = answers_.MarkOpenInterrupted();
  return status.ok() ? status : Doubt(status);
}

absl::StatusOr<std::vector<GenerationTable::NameRow>> Catalogue::Names(
    const base::CollectionId& collection, absl::string_view file_id, uint64_t number,
    uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t collection_number, NumberOf(collection));
  return generations_.Names(collection_number, file_id, number, limit);
}

absl::StatusOr<std::vector<std::string>> Catalogue::TakenPaths(
    const base::CollectionId& collection) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return taken_.All(number);
}

absl::StatusOr<std::vector<std::string>> Catalogue::TakenBefore(
    const base::CollectionId& collection, absl::Time before, uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return taken_.Before(number, before, limit);
}

absl::StatusOr<std::vector<std::string>> Catalogue::DiscardedPaths(
    const base::CollectionId& collection, uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return taken_.Discarded(number, limit);
}

absl::StatusOr<std::vector<GenerationRow>> Catalogue::RemovedBefore(
    const base::CollectionId& collection, absl::Time before, uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.RemovedBefore(number, before, limit);
}

absl::StatusOr<std::vector<GenerationRow>> Catalogue::Purged(const base::CollectionId& collection,
                                                             uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  return generations_.Purged(number, limit);
}

absl::Status Catalogue::Drop(const base::CollectionId& collection,
                             const std::vector<GenerationRow>& purged,
                             const std::vector<std::string>& discarded) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, NumberOf(collection));
  const absl::Status status = DropRows(number, purged, discarded);
  return status.ok() ? status : Doubt(status);
}

absl::Status Catalogue::DropRows(int64_t collection, const std::vector<GenerationRow>& purged,
                                 const std::vector<std::string>& discarded) {
  BITREPO_RETURN_IF_ERROR(database_->SetDurable(false));
  BITREPO_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*database_));
  for (const GenerationRow& row : purged) {
    BITREPO_RETURN_IF_ERROR(generations_.Drop(collection, row));
  }
  for (const std::string& path : discarded) {
    BITREPO_RETURN_IF_ERROR(taken_.Drop(collection, path));
  }
  return transaction.Commit();
}

CollectionCount Catalogue::Count(const base::CollectionId& collection) const {
  base::MutexLock lock(mutex_);
  const auto found = counts_.find(collection);
  return found == counts_.end() ? CollectionCount{.collection = collection} : found->second;
}

}  // namespace bitrepo::store
