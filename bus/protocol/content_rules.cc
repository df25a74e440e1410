// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/rate_table.h"
#include "bus/protocol/body_rules.h"
#include "bus/protocol/item_rules.h"
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

void ExamineRateRule(const wire::RateRule& rule, FieldRules& rules) {
  const bool named = rule.level() == wire::RATE_COLLECTION || rule.level() == wire::RATE_PARTNER;
  rules.Require(named || rule.level() == wire::RATE_NODE || rule.level() == wire::RATE_SESSION,
                "rate", {"the rate level ", static_cast<int>(rule.level()), " is not known"});
  rules.Require(named || rule.name().empty(), "rate",
                "only the rate of a collection or a partner has a name");
  rules.OptionalName("rate.name", rule.name());
  rules.Count("rate.steps", rule.steps_size(), kRateStepsMax);
  int64_t before = -1;
  for (const wire::RateStep& step : rule.steps()) {
    rules.Require(step.from_minute() < kMinutesOfDay && step.from_minute() > before, "rate",
                  "the steps of a rate are minutes of one day, rising");
    rules.Require(step.bytes_per_second() <= base::kRateMax, "rate",
                  {"a rate of more than ", base::kRateMax, " bytes in a second"});
    before = step.from_minute();
  }
}

void ExamineRates(const wire::SetRatesRequest& request, FieldRules& rules) {
  rules.Count("rates", request.rules_size(), kRateRulesMax);
  rules.Require(request.rules_size() > 0, "rate", "no rate is named");
  for (const wire::RateRule& rule : request.rules()) {
    ExamineRateRule(rule, rules);
  }
}

void ExamineRateUses(const google::protobuf::RepeatedPtrField<wire::RateUse>& uses,
                     FieldRules& rules) {
  rules.Count("rates", uses.size(), kRateRulesMax);
  for (const wire::RateUse& use : uses) {
    ExamineRateRule(use.rule(), rules);
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
  ExamineRateUses(status.rates(), rules);
  rules.Count("status.staged", status.staged_size(), kStagedShownMax);
  for (const wire::StagedBytes& staged : status.staged()) {
    rules.Name("staged.collection_id", staged.collection_id());
    rules.FileId("staged.file_id", staged.file_id());
    rules.OptionalName("staged.principal", staged.principal());
  }
}

void ExamineGetChecksums(const wire::GetChecksumsRequest& request, FieldRules& rules) {
  rules.Selection(request.files());
  rules.Checksums(request.checksums());
  rules.Window("calculated", request.calculated());
  rules.Require(request.block_bytes() == 0 || request.files().has_file_id(), "range",
                "blocks are of one file only");
  rules.Require(request.block_bytes() == 0 || (request.block_bytes() >= kBlockBytesMin &&
                                               request.block_bytes() <= kBlockBytesMax),
                "range", {"a block has ", kBlockBytesMin, " to ", kBlockBytesMax, " bytes"});
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

// Where the bytes come from, and what may be known of them already.
template <typename Request>
void ExamineSource(const wire::Body& body, const Request& request, FieldRules& rules) {
  rules.BytesAtMost("source_stamp", request.source_stamp(), kSourceStampBytesMax);
  rules.Require(request.from_source() == !body.secret_sha256().empty(), "secret",
                "the token of a source comes with from_source, and nothing else does");
  rules.Require(!request.from_source() || (request.has_size_bytes() && request.has_digest()),
                "field", "what comes from a source is named by its size and digest");
}

// That the old digest is there is for the pillar to demand: its refusal has a code of its own.
template <typename WithOldDigest>
void ExamineOldDigest(const WithOldDigest& message, FieldRules& rules) {
  if (message.has_old_digest()) {
    rules.PlainDigest("old_digest", message.old_digest());
  }
}

void ExamineReplace(const wire::ReplaceFileRequest& request, FieldRules& rules) {
  ExaminePut(request, rules);
  ExamineOldDigest(request, rules);
  rules.Checksums(request.checksums());
  rules.Checksums(request.old_checksums());
}

void ExamineDelete(const wire::DeleteFileRequest& request, FieldRules& rules) {
  ExaminePut(request, rules);
  rules.Checksums(request.checksums());
  rules.Count("copies", request.copies_size(), kCopyProofsMax);
  for (const wire::CopyProof& copy : request.copies()) {
    rules.Name("copies.pillar_id", copy.pillar_id());
    rules.PlainDigest("copies.digest", copy.digest());
    rules.NotNegative("copies.calculated_at_us", copy.calculated_at_us());
  }
  if (!request.delete_everywhere().empty()) {
    rules.Require(request.delete_everywhere() == request.file_id(), "field",
                  "delete_everywhere is not the file id");
  }
}

void ExamineFileInfosRequest(const wire::GetFileInfosRequest& request, FieldRules& rules) {
  rules.Selection(request.files());
  rules.Checksums(request.checksums());
  rules.Window("stored", request.stored());
  rules.Window("calculated", request.calculated());
}

void ExamineAuditRequest(const wire::GetAuditTrailsRequest& request, FieldRules& rules) {
  if (!request.file_id().empty()) {
    rules.FileId("file_id", request.file_id());
  }
  rules.Window("at", request.at());
  rules.Text("action", request.action(), kWordBytesMax);
  rules.OptionalUuid("conversation_id", request.conversation_id());
  rules.OptionalName("principal", request.principal());
  rules.Require(request.last_sequence() == 0 || request.first_sequence() <= request.last_sequence(),
                "field", "first_sequence is beyond last_sequence");
}

// A list of ids that came in a transfer is answered in one.
void ExamineListShape(const wire::Body& body, const wire::FileSelection& files, FieldRules& rules) {
  rules.Require(!files.has_parameters() || body.page().by_token(), "page",
                "the answer to a parameter set travels by token: page.by_token");
}

template <typename WithFile>
void ExamineFile(const WithFile& message, FieldRules& rules) {
  if (message.has_file()) {
    rules.File("file", message.file());
  }
}

template <typename WithReplaced>
void ExamineReplaced(const WithReplaced& message, FieldRules& rules) {
  ExamineFile(message, rules);
  if (message.has_replaced()) {
    rules.File("replaced", message.replaced());
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
      return ExamineAlarm(body.alarm(), rules);
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
      ExaminePut(body.put_file_request(), rules);
      ExamineSource(body, body.put_file_request(), rules);
      return rules.Checksums(body.put_file_request().checksums());
    case Body::kPutFileFinal:
      ExamineFile(body.put_file_final(), rules);
      return rules.Digests("digests", body.put_file_final().digests());
    case Body::kReplaceFileIdentify:
      ExaminePut(body.replace_file_identify(), rules);
      return ExamineOldDigest(body.replace_file_identify(), rules);
    case Body::kReplaceFileIdentifyReply:
      if (body.replace_file_identify_reply().has_existing()) {
        rules.File("existing", body.replace_file_identify_reply().existing());
      }
      return;
    case Body::kReplaceFileRequest:
      ExamineSource(body, body.replace_file_request(), rules);
      return ExamineReplace(body.replace_file_request(), rules);
    case Body::kReplaceFileFinal:
      ExamineReplaced(body.replace_file_final(), rules);
      rules.Digests("digests", body.replace_file_final().digests());
      return rules.Digests("old_digests", body.replace_file_final().old_digests());
    case Body::kDeleteFileIdentify:
      return rules.FileId("file_id", body.delete_file_identify().file_id());
    case Body::kDeleteFileIdentifyReply:
      return ExamineFile(body.delete_file_identify_reply(), rules);
    case Body::kDeleteFileRequest:
      return ExamineDelete(body.delete_file_request(), rules);
    case Body::kDeleteFileFinal:
      ExamineFile(body.delete_file_final(), rules);
      return rules.Digests("digests", body.delete_file_final().digests());
    case Body::kUndeleteFileIdentify:
      return rules.FileId("file_id", body.undelete_file_identify().file_id());
    case Body::kUndeleteFileIdentifyReply:
      return ExamineFile(body.undelete_file_identify_reply(), rules);
    case Body::kUndeleteFileRequest:
      rules.FileId("file_id", body.undelete_file_request().file_id());
      rules.OptionalUuid("generation_id", body.undelete_file_request().generation_id());
      return ExamineOldDigest(body.undelete_file_request(), rules);
    case Body::kUndeleteFileFinal:
      return ExamineReplaced(body.undelete_file_final(), rules);
    case Body::kGetFileIdentify:
      return ExamineRange(body.get_file_identify().range(), rules);
    case Body::kGetFileIdentifyReply:
      return ExamineFile(body.get_file_identify_reply(), rules);
    case Body::kGetFileRequest:
      ExamineRange(body.get_file_request().range(), rules);
      return rules.OptionalUuid("generation_id", body.get_file_request().generation_id());
    case Body::kGetFileProgress:
      return ExamineFile(body.get_file_progress(), rules);
    case Body::kGetFileFinal:
      return ExamineFile(body.get_file_final(), rules);
    case Body::kGetChecksumsIdentify:
      rules.Selection(body.get_checksums_identify().files());
      return rules.Checksums(body.get_checksums_identify().checksums());
    case Body::kGetChecksumsRequest:
      ExamineListShape(body, body.get_checksums_request().files(), rules);
      return ExamineGetChecksums(body.get_checksums_request(), rules);
    case Body::kGetFileIdsIdentify:
      return rules.Selection(body.get_file_ids_identify().files());
    case Body::kGetFileIdsRequest:
      ExamineListShape(body, body.get_file_ids_request().files(), rules);
      rules.Selection(body.get_file_ids_request().files());
      return rules.Window("stored", body.get_file_ids_request().stored());
    case Body::kGetFileInfosIdentify:
      rules.Selection(body.get_file_infos_identify().files());
      return rules.Checksums(body.get_file_infos_identify().checksums());
    case Body::kGetFileInfosRequest:
      ExamineListShape(body, body.get_file_infos_request().files(), rules);
      return ExamineFileInfosRequest(body.get_file_infos_request(), rules);
    case Body::kGetAuditTrailsRequest:
      return ExamineAuditRequest(body.get_audit_trails_request(), rules);
    case Body::kGetConversationRequest:
      return rules.OptionalUuid("conversation_id",
                                body.get_conversation_request().conversation_id());
    case Body::kGetAlarmsRequest:
      rules.Window("at", body.get_alarms_request().at());
      rules.Text("code", body.get_alarms_request().code(), kWordBytesMax);
      return rules.OptionalName("from", body.get_alarms_request().from());
    case Body::kGetChecksumsFinal:
    case Body::kGetFileIdsFinal:
    case Body::kGetFileInfosFinal:
    case Body::kGetAuditTrailsFinal:
    case Body::kGetConversationFinal:
    case Body::kGetAlarmsFinal:
      return ExamineList(body, rules);
    case Body::kGetStatusFinal:
      return ExamineStatus(body.get_status_final(), rules);
    case Body::kSetRatesRequest:
      return ExamineRates(body.set_rates_request(), rules);
    case Body::kSetRatesFinal:
      return ExamineRateUses(body.set_rates_final().rates(), rules);
    // Contents without a field that could be wrong.
    case Body::kSetRatesIdentify:
    case Body::kSetRatesIdentifyReply:
    case Body::kSetRatesProgress:
    case Body::kHeartbeat:
    case Body::kRefused:
    case Body::kBye:
    case Body::kRosterRequest:
    case Body::kPutFileProgress:
    case Body::kReplaceFileProgress:
    case Body::kDeleteFileProgress:
    case Body::kUndeleteFileProgress:
    case Body::kGetFileInfosIdentifyReply:
    case Body::kGetFileInfosProgress:
    case Body::kGetAuditTrailsIdentify:
    case Body::kGetAuditTrailsIdentifyReply:
    case Body::kGetAuditTrailsProgress:
    case Body::kGetConversationIdentify:
    case Body::kGetConversationIdentifyReply:
    case Body::kGetConversationProgress:
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
