// SPDX-License-Identifier: Apache-2.0
// Samples of the operations that list.
#include "tests/bus/protocol/sample_parts.h"

namespace bitrepo::protocol::samples {
namespace {

void AddChecksums(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_CHECKSUMS;
  wire::ChecksumSpec spec;
  spec.add_algorithms(wire::HMAC_SHA256);
  spec.set_salt("salt");
  spec.set_fresh(true);
  wire::Body body;
  body.mutable_get_checksums_identify()->mutable_files()->set_file_id(kFile);
  *body.mutable_get_checksums_identify()->mutable_checksums() = spec;
  samples.push_back(MakeSample("get-checksums-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_checksums_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-checksums-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_get_checksums_request()->mutable_files()->set_file_id(kFile);
  *body.mutable_get_checksums_request()->mutable_checksums() = spec;
  body.mutable_get_checksums_request()->set_offset(5);
  body.mutable_get_checksums_request()->set_length(7);
  body.mutable_page()->set_limit_items(100);
  samples.push_back(MakeSample("get-checksums-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 2, wire::READING);
  body.mutable_get_checksums_progress();
  samples.push_back(MakeSample("get-checksums-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::ChecksumItem& item = *body.mutable_get_checksums_final()->add_items();
  item.set_file_id(kFile);
  item.add_digests()->set_algorithm(wire::HMAC_SHA256);
  item.mutable_digests(0)->set_value(Sha256Value('h'));
  item.set_calculated_at_us(kIssuedAt);
  item.set_size_bytes(1 << 20);
  wire::ChecksumItem& damaged = *body.mutable_get_checksums_final()->add_items();
  damaged.set_file_id("shelf 3/z");
  damaged.mutable_trouble()->set_code(wire::DATA_LOSS);
  damaged.mutable_trouble()->set_text("block 4 fails its digest");
  body.mutable_get_checksums_final()->mutable_page()->set_next_cursor("opaque");
  samples.push_back(MakeSample("get-checksums-final", wire::FINAL, kOperation, body));
}

void AddFileIds(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_FILE_IDS;
  wire::Body body;
  body.mutable_get_file_ids_identify()->mutable_files()->mutable_all();
  samples.push_back(MakeSample("get-file-ids-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_file_ids_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-file-ids-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_get_file_ids_request()->mutable_files()->set_prefix("shelf 3/");
  body.mutable_page()->set_limit_items(100);
  body.mutable_page()->set_cursor("opaque");
  samples.push_back(MakeSample("get-file-ids-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 1, wire::QUEUED);
  body.mutable_get_file_ids_progress();
  samples.push_back(MakeSample("get-file-ids-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  SetFile(*body.mutable_get_file_ids_final()->add_items());
  body.mutable_get_file_ids_final()->mutable_page();
  samples.push_back(MakeSample("get-file-ids-final", wire::FINAL, kOperation, body));
}

void AddFileInfos(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_FILE_INFOS;
  wire::Body body;
  body.mutable_get_file_infos_identify()->mutable_files()->mutable_all();
  body.mutable_get_file_infos_identify()->mutable_checksums()->add_algorithms(wire::MD5);
  samples.push_back(MakeSample("get-file-infos-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_file_infos_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-file-infos-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  wire::GetFileInfosRequest& request = *body.mutable_get_file_infos_request();
  wire::ParameterSet& parameters = *request.mutable_files()->mutable_parameters();
  parameters.set_items(1000000);
  parameters.set_size_bytes(40000000);
  SetDigest(*parameters.mutable_digest());
  request.mutable_checksums()->add_algorithms(wire::MD5);
  request.mutable_stored()->set_from_us(kIssuedAt - 86400000000);
  request.mutable_calculated()->set_until_us(kIssuedAt);
  request.set_removed(true);
  body.mutable_page()->set_by_token(true);
  body.set_reason("yearly audit");
  samples.push_back(MakeSample("get-file-infos-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 9, wire::SENDING);
  body.mutable_get_file_infos_progress();
  samples.push_back(MakeSample("get-file-infos-progress", wire::PROGRESS, kOperation, body,
                               "bitrepo:token-of-the-way-down"));

  body = Response(wire::OPERATION_COMPLETED);
  wire::FileInfoItem& item = *body.mutable_get_file_infos_final()->add_items();
  SetFile(*item.mutable_file());
  item.add_digests()->set_algorithm(wire::MD5);
  item.mutable_digests(0)->set_value(Id('5'));
  item.set_calculated_at_us(kIssuedAt);
  item.set_removed_at_us(kIssuedAt);
  samples.push_back(MakeSample("get-file-infos-final", wire::FINAL, kOperation, body));
}

void AddAuditTrails(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_AUDIT_TRAILS;
  wire::Body body;
  body.mutable_get_audit_trails_identify();
  samples.push_back(MakeSample("get-audit-trails-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_audit_trails_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-audit-trails-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  wire::GetAuditTrailsRequest& request = *body.mutable_get_audit_trails_request();
  request.set_file_id(kFile);
  request.set_first_sequence(3);
  request.set_last_sequence(9);
  request.mutable_at()->set_from_us(kIssuedAt - 1000000);
  request.mutable_at()->set_until_us(kIssuedAt);
  request.set_action("PUT_FILE");
  request.set_conversation_id(Id('c'));
  request.set_principal(kClient);
  body.mutable_page()->set_limit_items(100);
  samples.push_back(MakeSample("get-audit-trails-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 1, wire::READING);
  body.mutable_get_audit_trails_progress();
  samples.push_back(MakeSample("get-audit-trails-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::GetAuditTrailsFinal& final = *body.mutable_get_audit_trails_final();
  wire::AuditItem& item = *final.add_items();
  item.set_sequence(3);
  item.set_at_us(kIssuedAt);
  item.set_action("PUT_FILE");
  item.set_collection_id(kCollection);
  item.set_file_id(kFile);
  item.set_principal(kClient);
  item.set_conversation_id("63636363-6363-6363-6363-636363636363");
  item.set_result("OPERATION_COMPLETED");
  item.set_detail("accession 1204");
  item.set_hash(Sha256Value('3'));
  final.mutable_page()->set_next_cursor("opaque");
  final.set_end_sequence(12);
  final.set_end_hash(Sha256Value('e'));
  samples.push_back(MakeSample("get-audit-trails-final", wire::FINAL, kOperation, body));
}

void AddConversation(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_CONVERSATION;
  wire::Body body;
  body.mutable_get_conversation_identify();
  samples.push_back(MakeSample("get-conversation-identify", wire::IDENTIFY, kOperation, body));

  body = Response(wire::IDENTIFICATION_POSITIVE);
  SetTime(*body.mutable_get_conversation_identify_reply()->mutable_time_to_deliver());
  samples.push_back(
      MakeSample("get-conversation-identify-reply", wire::IDENTIFY_REPLY, kOperation, body));

  body.Clear();
  body.mutable_get_conversation_request()->set_conversation_id(Id('v'));
  samples.push_back(MakeSample("get-conversation-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_PROGRESS);
  SetProgress(body, 1, wire::QUEUED);
  body.mutable_get_conversation_progress();
  samples.push_back(MakeSample("get-conversation-progress", wire::PROGRESS, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::RequestRecord& record = *body.mutable_get_conversation_final()->add_requests();
  record.set_message_id(Id('q'));
  record.set_principal(kClient);
  record.set_state(wire::REQUEST_DONE);
  record.set_operation(wire::PUT_FILE);
  record.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  SetFile(*record.mutable_file());
  record.set_recorded_at_us(kIssuedAt);
  samples.push_back(MakeSample("get-conversation-final", wire::FINAL, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::ObservedConversation& observed = *body.mutable_get_conversation_final()->add_observed();
  observed.set_conversation_id(Id('v'));
  observed.set_operation(wire::PUT_FILE);
  observed.set_collection_id(kCollection);
  observed.set_file_id(kFile);
  observed.set_principal(kClient);
  observed.set_first_us(kIssuedAt - 1000000);
  observed.set_last_us(kIssuedAt);
  observed.add_owed_by("pillar-2");
  observed.add_done_by(kPillar);
  observed.set_messages(7);
  wire::ObservedMessage& message = *observed.add_timeline();
  message.set_at_us(kIssuedAt);
  message.set_kind(wire::FINAL);
  message.set_from(kPillar);
  message.set_to(kSession);
  message.set_message_id(Id('f'));
  message.set_answers(Id('q'));
  message.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  samples.push_back(MakeSample("get-conversation-final-observed", wire::FINAL, kOperation, body));
}

void AddAlarms(std::vector<Sample>& samples) {
  constexpr wire::Operation kOperation = wire::GET_ALARMS;
  wire::Body body;
  body.mutable_get_alarms_request()->mutable_at()->set_from_us(kIssuedAt - 1000000);
  body.mutable_get_alarms_request()->set_code("data-loss");
  body.mutable_get_alarms_request()->set_from(kPillar);
  body.mutable_page()->set_limit_items(20);
  samples.push_back(MakeSample("get-alarms-request", wire::REQUEST, kOperation, body));

  body = Response(wire::OPERATION_COMPLETED);
  wire::AlarmItem& item = *body.mutable_get_alarms_final()->add_items();
  item.mutable_alarm()->set_code("data-loss");
  item.mutable_alarm()->set_text("block 4 fails its digest");
  item.mutable_alarm()->set_file_id(kFile);
  item.set_from(kPillar);
  item.set_collection_id(kCollection);
  item.set_first_us(kIssuedAt - 1000);
  item.set_last_us(kIssuedAt);
  item.set_count(2);
  samples.push_back(MakeSample("get-alarms-final", wire::FINAL, kOperation, body));
}

}  // namespace

void AddLists(std::vector<Sample>& samples) {
  AddChecksums(samples);
  AddFileIds(samples);
  AddFileInfos(samples);
  AddAuditTrails(samples);
  AddConversation(samples);
  AddAlarms(samples);
}

}  // namespace bitrepo::protocol::samples
