// SPDX-License-Identifier: Apache-2.0
// The second writing of the audit trail and the answers: lines appended to plain files, beside the
// catalogue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/runtime/disk.h"
#include "pillar/store/audit_record.h"
#include "pillar/store/audit_table.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

inline constexpr uint64_t kLedgerFileBytes = 16ull << 20;  // a new file is begun beyond
inline constexpr uint64_t kLedgerSyncBytes = 1ull << 20;   // synced at least after so many

// What one record did to the names of its file's generations, by the number in the name: "+2" lies
// in files/ from now on, "-1" in quarantine, "x1" is removed for good; several between spaces,
// empty for none. A rebuild tells by it what was removed.
inline constexpr char kNameHeld = '+';
inline constexpr char kNameRemoved = '-';
inline constexpr char kNamePurged = 'x';

struct LedgerEntry {
  AuditRecord record;
  std::optional<Answer> answer = {};  // recorded in the same commit
  std::string effect = {};
};

// One entry as a line: the record, its hash, the effect or ".", the answer or "-", and a check of
// the line, between tabs.
std::string LedgerLine(const LedgerEntry& entry);
// kDataLoss: no such line, or not whole.
absl::StatusOr<LedgerEntry> ParseLedgerLine(absl::string_view line);

// Every entry of the ledger on `disk` in order, until one call fails; changes nothing. What a crash
// left unfinished at the end is passed over. kDataLoss: entries stand behind something that cannot
// be read; the text says where.
absl::Status ReadLedger(runtime::Disk& disk,
                        absl::FunctionRef<absl::Status(const LedgerEntry&)> visit);

// The files ledger/NUMBER.log, named after their first record. An entry is appended once the
// catalogue has it durably, so the ledger is never ahead of a catalogue that has not gone back. It
// is synced now and then; what a power cut takes from its end is written again from the catalogue.
// Threads:  loop-confined.
// Lifetime: the disk outlives it.
// Errors:   as the disk's; after one, nothing more is appended until it is opened again.
class AuditLedger {
 public:
  // Cuts off what is not whole at the end.
  static absl::StatusOr<std::unique_ptr<AuditLedger>> Open(runtime::Disk& disk);

  // Where it ends; may lie before the end of the catalogue's.
  const ChainEnd& end() const { return end_; }
  // Requires: the entries follow end().
  absl::Status Append(const std::vector<LedgerEntry>& entries);
  absl::Status Sync();
  // Every entry in order, until one call fails. kDataLoss: a line is damaged.
  absl::Status ForEach(absl::FunctionRef<absl::Status(const LedgerEntry&)> visit) const;

 private:
  explicit AuditLedger(runtime::Disk& disk) : disk_(disk) {}
  absl::Status LoadEnd();
  absl::Status BeginFile(uint64_t first_sequence);
  absl::Status Write(const std::vector<LedgerEntry>& entries);

  runtime::Disk& disk_;
  std::vector<std::string> names_;           // in order
  std::unique_ptr<runtime::DiskFile> file_;  // the last of them
  uint64_t file_bytes_ = 0;
  uint64_t unsynced_bytes_ = 0;
  bool broken_ = false;
  ChainEnd end_;
};

}  // namespace bitrepo::store
