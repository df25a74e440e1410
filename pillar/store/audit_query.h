// SPDX-License-Identifier: Apache-2.0
// Which records of the audit trail a query asks for, how far one page of it looks, and what the
// stores themselves record.
#pragma once

#include <cstdint>

#include "pillar/store/file_store.h"

namespace bitrepo::store {

inline constexpr uint32_t kAuditPageMax = 10'000;  // records of one page, whatever is asked for
inline constexpr uint32_t kAuditLookMax = 20'000;  // records that are looked at for one page
inline constexpr char kPurgedAction[] = "QUARANTINE_PURGED";

// That a generation has left the quarantine for good.
AuditEvent PurgeEvent(const base::CollectionId& collection, const FileRecord& purged);

// Pure.
bool Matches(const AuditQuery& query, const AuditRecord& record);

}  // namespace bitrepo::store
