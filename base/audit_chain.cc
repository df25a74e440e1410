// SPDX-License-Identifier: Apache-2.0
#include "base/audit_chain.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace bitrepo::base {

std::string ChainStart() { return std::string(kChainHashBytes, '\0'); }

std::string LineOf(const AuditLine& record) {
  std::string line = absl::StrCat(record.sequence, "\t", record.at_us);
  for (const std::string* field :
       {&record.action, &record.collection, &record.file_id, &record.principal,
        &record.conversation, &record.result, &record.detail}) {
    // Bytes of UTF-8 stay readable; what would end a field or a line does not occur.
    absl::StrAppend(&line, "\t", absl::Utf8SafeCEscape(*field));
  }
  return line;
}

std::string ChainHash(absl::string_view previous_hash, absl::string_view line) {
  Hasher hasher(Algorithm::kSha256);
  hasher.Update(previous_hash);
  hasher.Update(line);
  return hasher.Finish().bytes();
}

}  // namespace bitrepo::base
