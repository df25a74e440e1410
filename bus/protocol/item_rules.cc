// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/item_rules.h"

#include "bus/protocol/limits.h"

namespace bitrepo::protocol {
namespace {

using wire::Body;
constexpr size_t kChainHashBytes = 32;

void ExamineItem(const wire::AuditItem& item, FieldRules& rules) {
  rules.Require(item.sequence() > 0, "field", "item.sequence is 0");
  rules.NotNegative("item.at_us", item.at_us());
  for (const std::string* word : {&item.action(), &item.collection_id(), &item.principal(),
                                  &item.conversation_id(), &item.result()}) {
    rules.Text("item", *word, kWordBytesMax);
  }
  rules.Text("item.file_id", item.file_id(), kTextBytesMax);
  rules.Text("item.detail", item.detail(), kTextBytesMax);
  rules.Require(item.hash().size() == kChainHashBytes, "field", "item.hash has not 32 bytes");
}

void ExamineItem(const wire::AlarmItem& item, FieldRules& rules) {
  ExamineAlarm(item.alarm(), rules);
  rules.Name("item.from", item.from());
  rules.OptionalName("item.collection_id", item.collection_id());
}

void ExamineItem(const wire::RequestRecord& record, FieldRules& rules) {
  rules.Uuid("request.message_id", record.message_id());
  rules.Name("request.principal", record.principal());
  rules.Text("request.response.text", record.response().text(), kTextBytesMax);
  if (record.has_file()) {
    rules.File("request.file", record.file());
  }
}

template <typename Names>
void ExamineNames(absl::string_view field, const Names& names, FieldRules& rules) {
  rules.Count(field, names.size(), kMembersMax);
  for (const std::string& name : names) {
    rules.Name(field, name);
  }
}

void ExamineItem(const wire::ObservedConversation& observed, FieldRules& rules) {
  rules.Uuid("observed.conversation_id", observed.conversation_id());
  rules.OptionalName("observed.collection_id", observed.collection_id());
  rules.OptionalName("observed.principal", observed.principal());
  rules.Text("observed.file_id", observed.file_id(), kTextBytesMax);
  ExamineNames("observed.owed_by", observed.owed_by(), rules);
  ExamineNames("observed.done_by", observed.done_by(), rules);
  ExamineNames("observed.failed_at", observed.failed_at(), rules);
  rules.Count("observed.timeline", observed.timeline_size(), kTimelineMax);
  for (const wire::ObservedMessage& message : observed.timeline()) {
    rules.OptionalName("timeline.from", message.from());
    rules.Text("timeline.to", message.to(), kDestinationBytesMax);
    rules.Uuid("timeline.message_id", message.message_id());
    rules.Text("timeline.response.text", message.response().text(), kTextBytesMax);
  }
}

template <typename List>
void ExamineItems(const List& items, const wire::PageEnd& page, FieldRules& rules) {
  rules.Count("items", items.size(), kPageItemsMax);
  rules.BytesAtMost("page.next_cursor", page.next_cursor(), kCursorBytesMax);
  for (const auto& item : items) {
    if (!rules.ok()) {
      return;
    }
    ExamineItem(item, rules);
  }
}

}  // namespace

void ExamineItem(const wire::ChecksumItem& item, FieldRules& rules) {
  rules.FileId("item.file_id", item.file_id());
  rules.Digests("item.digests", item.digests());
  rules.NotNegative("item.calculated_at_us", item.calculated_at_us());
  rules.Text("item.trouble.text", item.trouble().text(), kTextBytesMax);
  rules.Require(item.has_trouble() == item.digests().empty(), "field",
                "an item has digests, or says why it has none");
}

void ExamineItem(const wire::FileInfo& item, FieldRules& rules) { rules.File("item", item); }

void ExamineItem(const wire::FileInfoItem& item, FieldRules& rules) {
  rules.File("item.file", item.file());
  rules.Digests("item.digests", item.digests());
  rules.NotNegative("item.calculated_at_us", item.calculated_at_us());
  rules.NotNegative("item.removed_at_us", item.removed_at_us());
}

void ExamineAlarm(const wire::Alarm& alarm, FieldRules& rules) {
  rules.Text("alarm.code", alarm.code(), kWordBytesMax);
  rules.Text("alarm.text", alarm.text(), kTextBytesMax);
  if (!alarm.file_id().empty()) {
    rules.FileId("alarm.file_id", alarm.file_id());
  }
}

void ExamineList(const wire::Body& body, FieldRules& rules) {
  switch (body.content_case()) {
    case Body::kGetChecksumsFinal:
      return ExamineItems(body.get_checksums_final().items(), body.get_checksums_final().page(),
                          rules);
    case Body::kGetFileIdsFinal:
      return ExamineItems(body.get_file_ids_final().items(), body.get_file_ids_final().page(),
                          rules);
    case Body::kGetFileInfosFinal:
      return ExamineItems(body.get_file_infos_final().items(), body.get_file_infos_final().page(),
                          rules);
    case Body::kGetAuditTrailsFinal:
      return ExamineItems(body.get_audit_trails_final().items(),
                          body.get_audit_trails_final().page(), rules);
    case Body::kGetConversationFinal:
      rules.Count("requests", body.get_conversation_final().requests_size(),
                  kRequestsOfConversationMax);
      ExamineItems(body.get_conversation_final().requests(), body.get_conversation_final().page(),
                   rules);
      return ExamineItems(body.get_conversation_final().observed(),
                          body.get_conversation_final().page(), rules);
    case Body::kGetAlarmsFinal:
      return ExamineItems(body.get_alarms_final().items(), body.get_alarms_final().page(), rules);
    default:
      return;
  }
}

}  // namespace bitrepo::protocol
