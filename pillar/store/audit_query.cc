// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/audit_query.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bitrepo::store {

AuditEvent PurgeEvent(const base::CollectionId& collection, const FileRecord& purged) {
  return AuditEvent{
      .action = kPurgedAction,
      .collection = collection.text(),
      .file_id = purged.file_id.text(),
      .detail = absl::StrCat("generation ", purged.generation.ToString(), ", ", purged.size_bytes,
                             " bytes, sha256 ", purged.sha256.Hex())};
}

bool Matches(const AuditQuery& query, const AuditRecord& record) {
  const auto fits = [](absl::string_view asked, absl::string_view there) {
    return asked.empty() || asked == there;
  };
  const AuditEvent& event = record.event;
  // What is of no collection (a peer that was cut, say) concerns who asks about any.
  return record.sequence >= query.first_sequence && record.sequence <= query.last_sequence &&
         query.at.Holds(record.at) &&
         (event.collection.empty() || fits(query.collection, event.collection)) &&
         fits(query.file_id, event.file_id) && fits(query.action, event.action) &&
         fits(query.principal, event.principal) && fits(query.conversation, event.conversation);
}

}  // namespace bitrepo::store
