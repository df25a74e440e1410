// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_audit_trails.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/page.h"
#include "pillar/requests/page_cursor.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

absl::StatusOr<store::AuditQuery> QueryOf(const protocol::Envelope& request) {
  const wire::GetAuditTrailsRequest& asked = request.body.get_audit_trails_request();
  store::AuditQuery query;
  query.collection = request.header.collection_id();
  query.file_id = asked.file_id();
  query.action = asked.action();
  query.principal = asked.principal();
  if (!asked.conversation_id().empty()) {
    BITREPO_ASSIGN_OR_RETURN(const base::ConversationId conversation,
                             base::ConversationId::FromBytes(asked.conversation_id()));
    query.conversation = conversation.ToString();
  }
  query.first_sequence = asked.first_sequence();
  if (asked.last_sequence() != 0) query.last_sequence = asked.last_sequence();
  if (asked.at().has_from_us()) query.at.from = absl::FromUnixMicros(asked.at().from_us());
  if (asked.at().has_until_us()) query.at.until = absl::FromUnixMicros(asked.at().until_us());
  return query;
}

std::string QuestionOf(const protocol::Envelope& request) {
  return absl::StrCat("audit ", request.header.collection_id(), " ",
                      request.body.get_audit_trails_request().SerializeAsString());
}

wire::AuditItem ItemOf(const store::AuditRecord& record) {
  wire::AuditItem item;
  item.set_sequence(record.sequence);
  item.set_at_us(absl::ToUnixMicros(record.at));
  item.set_action(record.event.action);
  item.set_collection_id(record.event.collection);
  item.set_file_id(record.event.file_id);
  item.set_principal(record.event.principal);
  item.set_conversation_id(record.event.conversation);
  item.set_result(record.event.result);
  item.set_detail(record.event.detail);
  item.set_hash(record.hash);
  return item;
}

// Reads on until the page is full, the trail is at its end, or enough has been looked at. Blocks.
absl::StatusOr<wire::GetAuditTrailsFinal> ReadPage(store::FileStore& store, store::AuditQuery query,
                                                   const protocol::PageLimits& limits,
                                                   const std::string& question) {
  wire::GetAuditTrailsFinal page;
  protocol::PagePacker packer(limits);
  uint64_t next = query.first_sequence;
  bool full = false;
  for (int looks = 0; looks < kAuditLooksMax && !full; ++looks) {
    query.first_sequence = next;
    BITREPO_ASSIGN_OR_RETURN(store::AuditPage found,
                             store.ReadAudit(query, limits.items - packer.items()));
    page.set_end_sequence(found.end_sequence);
    page.set_end_hash(found.end_hash);
    next = found.next_sequence;
    for (const store::AuditRecord& record : found.records) {
      wire::AuditItem item = ItemOf(record);
      if (!packer.TryAdd(item)) {
        next = record.sequence;
        full = true;
        break;
      }
      *page.add_items() = std::move(item);
    }
    full = full || next == 0 || packer.items() == limits.items;
  }
  if (next != 0) {
    page.mutable_page()->set_next_cursor(SealCursor(store.store_id(), question, next));
  } else {
    page.mutable_page();
  }
  return page;
}

}  // namespace

void GetAuditTrails::Start() {
  absl::StatusOr<store::AuditQuery> query = QueryOf(request());
  absl::Status asked = query.status();
  const std::string question = QuestionOf(request());
  const std::string& cursor = request().body.page().cursor();
  if (asked.ok() && !cursor.empty()) {
    const absl::StatusOr<uint64_t> first =
        OpenNumberCursor(parts_.store.store_id(), question, cursor);
    asked = first.status();
    if (asked.ok()) query->first_sequence = *first;
  }
  if (!asked.ok()) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, asked.message(), {});
    return;
  }
  const protocol::PageLimits limits =
      protocol::EffectiveLimits(request().body.page(), {kAuditItemsMax, protocol::kPageBytesMax});
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, query = *std::move(query), limits, question] {
        return ReadPage(*store, query, limits, question);
      },
      &GetAuditTrails::OnPage);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read", {});
}

void GetAuditTrails::OnPage(absl::StatusOr<wire::GetAuditTrailsFinal> page) {
  if (done_) return;
  if (page.ok()) {
    End(wire::OPERATION_COMPLETED, "", *std::move(page));
  } else {
    End(CodeOfStore(page.status()), page.status().message(), {});
  }
}

void GetAuditTrails::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (!done_) End(code, reason, {});
}

void GetAuditTrails::End(wire::ResponseCode code, absl::string_view text,
                         wire::GetAuditTrailsFinal page) {
  done_ = true;
  wire::Body final = FinalBody(wire::GET_AUDIT_TRAILS, code, text);
  *final.mutable_get_audit_trails_final() = std::move(page);
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests
