// SPDX-License-Identifier: Apache-2.0
// One record of the audit trail as a line of text, and the hash chain that ties each record to all
// before it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/audit_chain.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

using base::ChainHash;
using base::ChainStart;
using base::kAuditDetailBytesMax;

// The record without its hash, as base/audit_chain.h says.
std::string RecordLine(const AuditRecord& record);
// kDataLoss: not such a line. The hash is left empty.
absl::StatusOr<AuditRecord> ParseRecordLine(absl::string_view line);

// The record that follows `sequence - 1`, with its hash.
AuditRecord NextRecord(uint64_t sequence, absl::string_view previous_hash, absl::Time at,
                       AuditEvent event);

}  // namespace bitrepo::store
