// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include "bus/protocol/body_rules.h"
#include "bus/protocol/limits.h"

namespace bitrepo::protocol {
namespace {

using wire::Body;
constexpr size_t kStoreIdBytes = 16;

template <typename Names>
void ExamineNames(absl::string_view field, const Names& names, size_t count_max,
                  FieldRules& rules) {
  rules.Count(field, names.size(), count_max);
  for (const std::string& name : names) {
    rules.Name(field, name);
  }
}

void ExamineHello(const wire::Header& header, const wire::Hello& hello, FieldRules& rules) {
  rules.Name("hello.component_id", hello.component_id());
  rules.Name("hello.session_id", hello.session_id());
  rules.Require(hello.component_id() == header.from(), "field",
                "hello.component_id is not header.from");
  rules.Require(
      hello.kind() != wire::COMPONENT_KIND_UNSPECIFIED && wire::ComponentKind_IsValid(hello.kind()),
      "field", "hello.kind is missing or not known");
  ExamineNames("hello.collections", hello.collections(), kCollectionsMax, rules);
  rules.Text("hello.program_version", hello.program_version(), kWordBytesMax);
  if (hello.kind() == wire::PILLAR) {
    rules.Uuid("hello.store_id", hello.store_id());
    rules.Require(hello.session_id() == hello.component_id(), "field",
                  "the session of a pillar is its component id");
  } else {
    rules.Require(hello.store_id().empty() || hello.store_id().size() == kStoreIdBytes, "field",
                  "hello.store_id is no id of 16 bytes");
  }
}

void ExamineWelcome(const wire::Welcome& welcome, FieldRules& rules) {
  rules.Name("welcome.coordinator_id", welcome.coordinator_id());
  rules.Text("welcome.program_version", welcome.program_version(), kWordBytesMax);
  rules.Text("welcome.watch_endpoint", welcome.watch_endpoint(), kEndpointBytesMax);
  rules.Uuid("welcome.coordinator_run", welcome.coordinator_run());
  rules.Require(welcome.heartbeat_ms() > 0 && welcome.gone_after_ms() > welcome.heartbeat_ms(),
                "field",
                "welcome.gone_after_ms must be more than welcome.heartbeat_ms, that more than 0");
}

void ExamineRoster(const wire::RosterReply& roster, FieldRules& rules) {
  rules.Count("roster.members", roster.members_size(), kMembersMax);
  for (const wire::RosterMember& member : roster.members()) {
    rules.Name("roster.component_id", member.component_id());
    ExamineNames("roster.collections", member.collections(), kCollectionsMax, rules);
    rules.Text("roster.program_version", member.program_version(), kWordBytesMax);
  }
}

void ExamineChecksumItems(const wire::GetChecksumsFinal& final, FieldRules& rules) {
  rules.Count("items", final.items_size(), kPageItemsMax);
  rules.BytesAtMost("page.next_cursor", final.page().next_cursor(), kCursorBytesMax);
  for (const wire::ChecksumItem& item : final.items()) {
    rules.FileId("item.file_id", item.file_id());
    rules.Count("item.digests", item.digests_size(), kAlgorithmsMax);
    for (const wire::Digest& digest : item.digests()) {
      rules.AnyDigest("item.digests", digest);
    }
    rules.NotNegative("item.calculated_at_us", item.calculated_at_us());
    rules.Text("item.trouble.text", item.trouble().text(), kTextBytesMax);
    rules.Require(item.has_trouble() == item.digests().empty(), "field",
                  "an item has digests, or says why it has none");
    if (!rules.ok()) {
      return;
    }
  }
}

void ExamineFileItems(const wire::GetFileIdsFinal& final, FieldRules& rules) {
  rules.Count("items", final.items_size(), kPageItemsMax);
  rules.BytesAtMost("page.next_cursor", final.page().next_cursor(), kCursorBytesMax);
  for (const wire::FileInfo& item : final.items()) {
    rules.File("item", item);
    if (!rules.ok()) {
      return;
    }
  }
}

void ExamineStatus(const wire::GetStatusFinal& status, FieldRules& rules) {
  rules.Count("status.checks", status.checks_size(), kChecksMax);
  for (const wire::HealthCheck& check : status.checks()) {
    rules.Text("check.name", check.name(), kWordBytesMax);
    rules.Text("check.text", check.text(), kTextBytesMax);
  }
  rules.Count("status.collections", status.collections_size(), kCollectionsMax);
  for (const wire::CollectionStatus& collection : status.collections()) {
    rules.Name("status.collection_id", collection.collection_id());
  }
  rules.Text("status.version", status.version(), kWordBytesMax);
  rules.Count("status.dropped_frames", static_cast<int>(status.dropped_frames_size()),
              kDropCausesMax);
  // The map iterates in no order: the words are put in one, so that the objection is always the
  // same.
  std::set<std::string> causes;
  for (const auto& [cause, count] : status.dropped_frames()) {
    causes.insert(cause);
  }
  for (const std::string& cause : causes) {
    rules.Text("status.dropped_frames", cause, kWordBytesMax);
  }
}

void ExamineGetChecksums(const wire::GetChecksumsRequest& request, FieldRules& rules) {
  rules.Selection(request.files());
  rules.Checksums(request.checksums());
  const bool ranged = request.has_offset() || request.has_length();
  rules.Require(!ranged || request.files().has_file_id(), "range", "a range is of one file only");
  rules.Range(request.offset(),
              request.has_length() ? std::optional(request.length()) : std::nullopt);
}

void ExamineRange(const wire::FileRange& range, FieldRules& rules) {
  rules.FileId("range.file_id", range.file_id());
  rules.Range(range.offset(), range.has_length() ? std::optional(range.length()) : std::nullopt);
}

template <typename WithDigest>
void ExaminePut(const WithDigest& put, FieldRules& rules) {
  rules.FileId("file_id", put.file_id());
  if (put.has_digest()) {
    rules.PlainDigest("digest", put.digest());
  }
}

}  // namespace

void ExamineContent(const wire::Header& header, const wire::Body& body, FieldRules& rules) {
  switch (body.content_case()) {
    case Body::kHello:
      return ExamineHello(header, body.hello(), rules);
    case Body::kWelcome:
      return ExamineWelcome(body.welcome(), rules);
    case Body::kRouted:
      ExamineNames("routed.sent_to", body.routed().sent_to(), kMembersMax, rules);
      return ExamineNames("routed.away", body.routed().away(), kMembersMax, rules);
    case Body::kUndelivered:
      return rules.OptionalName("undelivered.to", body.undelivered().to());
    case Body::kRosterReply:
      return ExamineRoster(body.roster_reply(), rules);
    case Body::kAlarm:
      rules.Text("alarm.code", body.alarm().code(), kWordBytesMax);
      rules.Text("alarm.text", body.alarm().text(), kTextBytesMax);
      if (!body.alarm().file_id().empty()) {
        rules.FileId("alarm.file_id", body.alarm().file_id());
      }
      return;
    case Body::kCancel:
      rules.Uuid("cancel.request_id", body.cancel().request_id());
      return rules.Text("cancel.reason", body.cancel().reason(), kTextBytesMax);
    case Body::kPutFileIdentify:
      return ExaminePut(body.put_file_identify(), rules);
    case Body::kPutFileIdentifyReply:
      if (body.put_file_identify_reply().has_existing()) {
        rules.File("existing", body.put_file_identify_reply().existing());
      }
      return;
    case Body::kPutFileRequest:
      return ExaminePut(body.put_file_request(), rules);
    case Body::kPutFileFinal:
      if (body.put_file_final().has_file()) {
        rules.File("file", body.put_file_final().file());
      }
      return;
    case Body::kGetFileIdentify:
      return ExamineRange(body.get_file_identify().range(), rules);
    case Body::kGetFileIdentifyReply:
      if (body.get_file_identify_reply().has_file()) {
        rules.File("file", body.get_file_identify_reply().file());
      }
      return;
    case Body::kGetFileRequest:
      ExamineRange(body.get_file_request().range(), rules);
      return rules.OptionalUuid("generation_id", body.get_file_request().generation_id());
    case Body::kGetFileProgress:
      if (body.get_file_progress().has_file()) {
        rules.File("file", body.get_file_progress().file());
      }
      return;
    case Body::kGetFileFinal:
      if (body.get_file_final().has_file()) {
        rules.File("file", body.get_file_final().file());
      }
      return;
    case Body::kGetChecksumsIdentify:
      rules.Selection(body.get_checksums_identify().files());
      return rules.Checksums(body.get_checksums_identify().checksums());
    case Body::kGetChecksumsRequest:
      return ExamineGetChecksums(body.get_checksums_request(), rules);
    case Body::kGetChecksumsFinal:
      return ExamineChecksumItems(body.get_checksums_final(), rules);
    case Body::kGetFileIdsIdentify:
      return rules.Selection(body.get_file_ids_identify().files());
    case Body::kGetFileIdsRequest:
      return rules.Selection(body.get_file_ids_request().files());
    case Body::kGetFileIdsFinal:
      return ExamineFileItems(body.get_file_ids_final(), rules);
    case Body::kGetStatusFinal:
      return ExamineStatus(body.get_status_final(), rules);
    // Contents without a field that could be wrong.
    case Body::kHeartbeat:
    case Body::kRefused:
    case Body::kBye:
    case Body::kRosterRequest:
    case Body::kPutFileProgress:
    case Body::kGetChecksumsIdentifyReply:
    case Body::kGetChecksumsProgress:
    case Body::kGetFileIdsIdentifyReply:
    case Body::kGetFileIdsProgress:
    case Body::kGetStatusIdentify:
    case Body::kGetStatusIdentifyReply:
    case Body::kGetStatusRequest:
    case Body::kGetStatusProgress:
    case Body::CONTENT_NOT_SET:
      return;
  }
}

}  // namespace bitrepo::protocol
