// SPDX-License-Identifier: Apache-2.0
// One record of the audit trail as a line of text, and the hash chain that ties each record to all
// before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

inline constexpr size_t kAuditDetailBytesMax = 1024;
inline constexpr size_t kChainHashBytes = 32;

// The chain before the first record.
std::string ChainStart();

// The record without its hash: fields between tabs, with backslash, tab, newline and all other
// control bytes escaped, so that two records never share a line.
std::string RecordLine(const AuditRecord& record);
// kDataLoss: not such a line. The hash is left empty.
absl::StatusOr<AuditRecord> ParseRecordLine(absl::string_view line);

// h[n] = SHA-256(h[n-1] || line of n).
std::string ChainHash(absl::string_view previous_hash, absl::string_view line);

// The record that follows `sequence - 1`, with its hash.
AuditRecord NextRecord(uint64_t sequence, absl::string_view previous_hash, absl::Time at,
                       AuditEvent event);

}  // namespace bitrepo::store
