// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/bus_ledger.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "bus/protocol/field_rules.h"

namespace bitrepo::watch {
namespace {

bool IsAsked(const wire::GetAuditTrailsRequest& asked, absl::string_view collection,
             const std::string& conversation, const wire::AuditItem& item) {
  const wire::TimeWindow& at = asked.at();
  return (asked.last_sequence() == 0 || item.sequence() <= asked.last_sequence()) &&
         (!at.has_from_us() || item.at_us() >= at.from_us()) &&
         (!at.has_until_us() || item.at_us() <= at.until_us()) &&
         (collection.empty() || collection == item.collection_id()) &&
         (asked.file_id().empty() || asked.file_id() == item.file_id()) &&
         (asked.action().empty() || asked.action() == item.action()) &&
         (asked.principal().empty() || asked.principal() == item.principal()) &&
         (conversation.empty() || conversation == item.conversation_id());
}

}  // namespace

void BusLedger::Add(base::AuditLine event, absl::Time wall_now) {
  event.sequence = ++end_sequence_;
  event.at_us = absl::ToUnixMicros(wall_now);
  event.detail = protocol::FittingText(event.detail, base::kAuditDetailBytesMax);
  end_hash_ = base::ChainHash(end_hash_, base::LineOf(event));
  wire::AuditItem& item = records_.emplace_back();
  item.set_sequence(event.sequence);
  item.set_at_us(event.at_us);
  item.set_action(std::move(event.action));
  item.set_collection_id(std::move(event.collection));
  item.set_file_id(std::move(event.file_id));
  item.set_principal(std::move(event.principal));
  item.set_conversation_id(std::move(event.conversation));
  item.set_result(std::move(event.result));
  item.set_detail(std::move(event.detail));
  item.set_hash(end_hash_);
  if (records_.size() > records_max_) {
    records_.pop_front();
  }
}

std::vector<wire::AuditItem> BusLedger::List(const wire::GetAuditTrailsRequest& asked,
                                             absl::string_view collection, uint64_t sequence,
                                             size_t count) const {
  std::vector<wire::AuditItem> listed;
  if (records_.empty()) {
    return listed;
  }
  std::string conversation;
  if (const auto id = base::ConversationId::FromBytes(asked.conversation_id()); id.ok()) {
    conversation = id->ToString();
  }
  const uint64_t first =
      std::max(records_.front().sequence(), std::max(sequence, asked.first_sequence()));
  for (uint64_t i = first - records_.front().sequence(); i < records_.size(); ++i) {
    if (listed.size() == count) {
      break;
    }
    if (IsAsked(asked, collection, conversation, records_[i])) {
      listed.push_back(records_[i]);
    }
  }
  return listed;
}

}  // namespace bitrepo::watch
