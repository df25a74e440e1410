// SPDX-License-Identifier: Apache-2.0
// The coordinator's own audit trail: who joined and left the bus, and what was refused there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/audit_chain.h"
#include "proto/operations.pb.h"

namespace bitrepo::watch {

inline constexpr size_t kLedgerRecordsMax = 16384;

// A pure machine, hash-chained as the trails of the pillars are. It is of this start of the
// coordinator: its first record says which. Beyond the limit the oldest records are forgotten: what
// is kept then begins at a later sequence, and is chained from there. Loop-confined.
class BusLedger {
 public:
  explicit BusLedger(size_t records_max = kLedgerRecordsMax) : records_max_(records_max) {}

  // Sequence, time and chain are added; the detail is cut to what fits.
  void Add(base::AuditLine event, absl::Time wall_now);

  // Those from `sequence` on for which all of the set fields hold, at most `count`. `collection`:
  // that of the request's header; empty: of all, and of none.
  std::vector<wire::AuditItem> List(const wire::GetAuditTrailsRequest& asked,
                                    absl::string_view collection, uint64_t sequence,
                                    size_t count) const;
  uint64_t end_sequence() const { return end_sequence_; }
  const std::string& end_hash() const { return end_hash_; }

 private:
  const size_t records_max_;
  std::deque<wire::AuditItem> records_;
  uint64_t end_sequence_ = 0;
  std::string end_hash_ = base::ChainStart();
};

}  // namespace bitrepo::watch
