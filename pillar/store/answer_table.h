// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue that say what was answered to which request.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pillar/store/database.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {

// Loop-confined. Lifetime: the database outlives it.
class AnswerTable {
 public:
  explicit AnswerTable(Database& database) : database_(database) {}

  absl::StatusOr<std::optional<Answer>> Find(const AnswerKey& key);
  // Inserts it open, or takes the mark of interruption from the one that is there.
  absl::Status Open(const Answer& answer);
  // Inserts it, or gives the open one its final; a final that is there stays.
  absl::Status Close(const Answer& answer, int64_t audit_seq);
  // Of a conversation, in order of message id.
  absl::StatusOr<std::vector<Answer>> Of(const base::ConversationId& conversation, uint32_t limit);
  // Those closed with the audit records first to last, by the number of the record.
  absl::StatusOr<absl::btree_map<uint64_t, Answer>> ClosedWith(uint64_t first, uint64_t last);

  absl::Status MarkOpenInterrupted();
  absl::StatusOr<std::vector<Answer>> Interrupted(absl::Time recorded_before);
  // Removes finals recorded before.
  absl::Status Forget(absl::Time recorded_before);

 private:
  static absl::StatusOr<std::vector<Answer>> ReadAll(Query query);

  Database& database_;
};

}  // namespace bitrepo::store
