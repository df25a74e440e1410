// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue that keep the audit trail, and the end of its hash chain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pillar/store/audit_record.h"
#include "pillar/store/database.h"

namespace bitrepo::store {

// Where a chain ends.
struct ChainEnd {
  uint64_t sequence = 0;  // 0: no record yet
  std::string hash = ChainStart();
};

// Loop-confined. Lifetime: the database outlives it.
class AuditTable {
 public:
  explicit AuditTable(Database& database) : database_(database) {}

  // Reads the end of the chain.
  absl::Status Load();
  const ChainEnd& end() const { return end_; }

  // Adds the record that follows. When the transaction around it fails, SetEnd takes back what it
  // did here.
  absl::StatusOr<AuditRecord> Append(absl::Time at, AuditEvent event);
  // Adds one that was made before, as it is. kDataLoss: it does not follow.
  absl::Status Restore(const AuditRecord& record);
  void SetEnd(ChainEnd end) { end_ = std::move(end); }

  // Up to `limit` records from `first` on, in order, as they stand there: nothing is verified.
  absl::StatusOr<std::vector<AuditRecord>> Records(uint64_t first, uint32_t limit);

 private:
  absl::Status Insert(const AuditRecord& record);

  Database& database_;
  ChainEnd end_;
};

}  // namespace bitrepo::store
