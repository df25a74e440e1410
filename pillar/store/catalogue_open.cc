// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/catalogue.h"
#include "pillar/store/catalogue_schema.h"

namespace bitrepo::store {
namespace {

constexpr uint32_t kRecordsAtOnce = 1000;
constexpr uint32_t kRefillRecordsAtOnce = 50'000;

// Follows the chain of the audit table from its beginning.
class ChainWalk {
 public:
  explicit ChainWalk(AuditTable& table) : table_(table) {}
  const ChainEnd& end() const { return end_; }  // where it stands

  // To the next record, which must follow from the one before.
  absl::Status Step() {
    const uint64_t sequence = end_.sequence + 1;
    if (next_ == records_.size()) {
      BITREPO_ASSIGN_OR_RETURN(records_, table_.Records(sequence, kRecordsAtOnce));
      next_ = 0;
    }
    if (next_ == records_.size() || records_[next_].sequence != sequence ||
        records_[next_].hash != ChainHash(end_.hash, RecordLine(records_[next_]))) {
      return absl::DataLossError(
          absl::StrCat("audit record ", sequence, " does not follow from the one before"));
    }
    end_ = ChainEnd{sequence, records_[next_++].hash};
    return absl::OkStatus();
  }

 private:
  AuditTable& table_;
  ChainEnd end_;
  std::vector<AuditRecord> records_;  // read ahead
  size_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalogue>> Catalogue::Open(
    runtime::Disk& disk, const std::string& vfs, const base::StoreId& store_id,
    const std::vector<CatalogueCollection>& collections, const base::Clock& clock,
    WriteGate& gate) {
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<Database> database,
                           Database::Open(absl::StrCat(disk.root(), "/", kCatalogueFile), vfs));
  // SQLite syncs the directory for its journals, not for the file itself.
  BITREPO_RETURN_IF_ERROR(disk.SyncDirectory(""));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<AuditLedger> ledger, AuditLedger::Open(disk));
  std::unique_ptr<Catalogue> catalogue(
      new Catalogue(std::move(database), std::move(ledger), clock, gate));
  BITREPO_RETURN_IF_ERROR(catalogue->Prepare(store_id, collections));
  return catalogue;
}

Catalogue::Catalogue(std::unique_ptr<Database> database, std::unique_ptr<AuditLedger> ledger,
                     const base::Clock& clock, WriteGate& gate)
    : clock_(clock),
      gate_(gate),
      database_(std::move(database)),
      generations_(*database_),
      answers_(*database_),
      audit_(*database_),
      taken_(*database_),
      ledger_(std::move(ledger)) {}

Catalogue::~Catalogue() {
  if (!gate_.Check().ok()) {
    base::MutexLock lock(mutex_);
    database_->Abandon();
  }
}

absl::Status Catalogue::Prepare(const base::StoreId& store_id,
                                const std::vector<CatalogueCollection>& collections) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(PrepareSchema(*database_));
  BITREPO_RETURN_IF_ERROR(CheckStore(store_id));
  BITREPO_RETURN_IF_ERROR(audit_.Load());
  for (const CatalogueCollection& collection : collections) {
    BITREPO_RETURN_IF_ERROR(CheckKnown(collection));
  }
  for (const CatalogueCollection& collection : collections) {
    BITREPO_RETURN_IF_ERROR(LoadCollection(collection.id));
  }
  BITREPO_RETURN_IF_ERROR(MatchLedger());
  return RaiseIncarnation();
}

absl::Status Catalogue::CheckStore(const base::StoreId& store_id) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<std::string> recorded,
                           ReadValue(*database_, kStoreIdName));
  if (!recorded.has_value()) {
    return WriteValue(*database_, kStoreIdName, store_id.ToString());
  }
  if (*recorded != store_id.ToString()) {
    return absl::FailedPreconditionError(absl::StrCat("the catalogue belongs to the store ",
                                                      *recorded, ", not to ", store_id.ToString(),
                                                      ": put back the one that belongs here"));
  }
  BITREPO_ASSIGN_OR_RETURN(const std::optional<std::string> since,
                           ReadValue(*database_, kAnswersSinceName));
  int64_t micros = 0;
  if (since.has_value() && absl::SimpleAtoi(*since, &micros)) {
    answers_since_ = absl::FromUnixMicros(micros);
  }
  return absl::OkStatus();
}

absl::Status Catalogue::RaiseIncarnation() {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<std::string> before,
                           ReadValue(*database_, kIncarnationName));
  if (before.has_value() && !absl::SimpleAtoi(*before, &incarnation_)) {
    return absl::DataLossError("catalogue: the incarnation cannot be read");
  }
  ++incarnation_;
  if (!gate_.Check().ok()) {
    return absl::OkStatus();
  }
  return WriteValue(*database_, kIncarnationName, absl::StrCat(incarnation_));
}

// A collection is in the catalogue before its directory has a label. To take up one that is not
// would be to take all of its files for strangers.
absl::Status Catalogue::CheckKnown(const CatalogueCollection& collection) {
  BITREPO_ASSIGN_OR_RETURN(Query query,
                           database_->Prepare("SELECT number FROM collection WHERE name=?"));
  BITREPO_ASSIGN_OR_RETURN(const bool known, query.BindText(collection.id.text()).Step());
  if (known || !collection.labelled) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the catalogue does not know the collection ", collection.id.text(),
      ", whose files are there: put back the catalogue that does, or move this one away and make "
      "it again with --rebuild"));
}

absl::Status Catalogue::LoadCollection(const base::CollectionId& id) {
  BITREPO_ASSIGN_OR_RETURN(const int64_t number, CollectionNumber(*database_, id));
  numbers_.emplace(id, number);

  CollectionCount count{.collection = id};
  BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationTable::Sum> sums, generations_.Sums(number));
  for (const GenerationTable::Sum& sum : sums) {
    switch (sum.state) {
      case FileState::kHeld:
        count.files = sum.files;
        count.bytes = sum.bytes;
        break;
      case FileState::kMissing:
        count.missing_files = sum.files;
        break;
      case FileState::kDamaged:
      case FileState::kUnproven:
        count.damaged_files += sum.files;
        break;
      case FileState::kPurged:
        break;  // never live
    }
  }
  BITREPO_ASSIGN_OR_RETURN(const uint64_t removed, generations_.CountRemoved(number));
  BITREPO_ASSIGN_OR_RETURN(const uint64_t taken, taken_.Count(number));
  count.quarantined_files = removed + taken;
  counts_.emplace(id, count);
  return absl::OkStatus();
}

// Brings the ledger up to the catalogue. A ledger that knows more, or otherwise, means that the
// catalogue has gone back or was changed: then nothing is written until a person has looked.
absl::Status Catalogue::MatchLedger() {
  const ChainEnd theirs = ledger_->end();
  const ChainEnd ours = audit_.end();
  if (theirs.sequence > ours.sequence) {
    gate_
        .Close(kCatalogueFile, absl::DataLossError(absl::StrCat(
                                   "it ends with audit record ", ours.sequence,
                                   ", its ledger with ", theirs.sequence,
                                   ": an older catalogue was put in its place; put back the "
                                   "newest, or move it away and make it again with --rebuild")))
        .IgnoreError();
    return absl::OkStatus();
  }
  if (theirs.sequence > 0) {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<AuditRecord> same,
                             audit_.Records(theirs.sequence, 1));
    if (same.empty() || same.front().hash != theirs.hash) {
      gate_
          .Close(kCatalogueFile,
                 absl::DataLossError(absl::StrCat("its audit record ", theirs.sequence,
                                                  " is not the one of the ledger: one of the two "
                                                  "was changed")))
          .IgnoreError();
      return absl::OkStatus();
    }
  }
  if (theirs.sequence < ours.sequence) {
    // A power cut takes what was not synced; more than kLedgerSyncBytes of lines, only somebody.
    base::LogLine(base::LogLevel::kWarning, "ledger-completed")
        .With("first", absl::StrCat(theirs.sequence + 1))
        .With("last", absl::StrCat(ours.sequence));
  }
  while (ledger_->end().sequence < ours.sequence) {
    const uint64_t first = ledger_->end().sequence + 1;
    BITREPO_ASSIGN_OR_RETURN(std::vector<AuditRecord> records,
                             audit_.Records(first, kRefillRecordsAtOnce));
    if (records.empty()) {
      return absl::DataLossError(absl::StrCat("catalogue: audit record ", first, " is missing"));
    }
    BITREPO_ASSIGN_OR_RETURN(const auto answers,
                             answers_.ClosedWith(first, records.back().sequence));
    BITREPO_ASSIGN_OR_RETURN(const auto effects, audit_.Effects(first, records.back().sequence));
    std::vector<LedgerEntry> entries;
    for (AuditRecord& record : records) {
      const auto answer = answers.find(record.sequence);
      const auto effect = effects.find(record.sequence);
      entries.push_back(LedgerEntry{
          std::move(record),
          answer == answers.end() ? std::nullopt : std::optional<Answer>(answer->second),
          effect == effects.end() ? "" : effect->second});
    }
    BITREPO_RETURN_IF_ERROR(ledger_->Append(entries));
  }
  return ledger_->Sync();
}

absl::Status Catalogue::VerifyAudit() {
  base::MutexLock lock(mutex_);
  ChainWalk walk(audit_);
  const absl::Status agreed = ledger_->ForEach([&](const LedgerEntry& entry) -> absl::Status {
    if (entry.record.sequence != walk.end().sequence + 1) {
      return absl::DataLossError(
          absl::StrCat("the ledger lacks audit record ", walk.end().sequence + 1));
    }
    BITREPO_RETURN_IF_ERROR(walk.Step());
    if (entry.record.hash != walk.end().hash) {
      return absl::DataLossError(
          absl::StrCat("audit record ", walk.end().sequence, " is not the one of the ledger"));
    }
    return absl::OkStatus();
  });
  BITREPO_RETURN_IF_ERROR(agreed);
  if (walk.end().sequence < ledger_->end().sequence) {
    return absl::DataLossError(absl::StrCat("the ledger lacks audit record ",
                                            walk.end().sequence + 1, ": its end was cut off"));
  }
  while (walk.end().sequence < audit_.end().sequence) {
    BITREPO_RETURN_IF_ERROR(walk.Step());
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
