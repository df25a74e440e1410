// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue that keep the audit trail, and the end of its hash chain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

  // Adds the record that follows, with its effect on the names of files (audit_ledger.h). When the
  // transaction around it fails, SetEnd takes back what it did here.
  absl::StatusOr<AuditRecord> Append(absl::Time at, AuditEvent event, absl::string_view effect);
  // Adds one that was made before, as it is. kDataLoss: it does not follow.
  absl::Status Restore(const AuditRecord& record, absl::string_view effect);
  void SetEnd(ChainEnd end) { end_ = std::move(end); }

  // Up to `limit` records from `first` on, in order, as they stand there: nothing is verified.
  absl::StatusOr<std::vector<AuditRecord>> Records(uint64_t first, uint32_t limit);
  // One page of those that `query` asks for; nothing is verified.
  absl::StatusOr<AuditPage> Page(const AuditQuery& query, uint32_t limit);

  // The records first to last that have an effect, by number.
  absl::StatusOr<absl::btree_map<uint64_t, std::string>> Effects(uint64_t first, uint64_t last);
  // What happened to the names of one file's generations, in order.
  struct FileEffect {
    uint64_t sequence = 0;
    absl::Time at;
    std::string effect;
  };
  absl::StatusOr<std::vector<FileEffect>> EffectsOn(const base::CollectionId& collection,
                                                    const base::FileId& file_id);

 private:
  absl::Status Insert(const AuditRecord& record, absl::string_view effect);
  absl::StatusOr<Query> Looking(const AuditQuery& query);

  Database& database_;
  ChainEnd end_;
};

}  // namespace bitrepo::store
