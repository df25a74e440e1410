// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/primitive.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

using wire::Body;
constexpr Content kNone = Body::CONTENT_NOT_SET;

// A reserved operation: its number and words are taken, its messages are not there yet.
constexpr OperationRow Reserved(wire::Operation operation, absl::string_view name,
                                absl::string_view word, absl::string_view permission) {
  return {operation,       name,  word,  permission, kNone,
          kNone,           kNone, kNone, kNone,      Presence::kAlways,
          Moves::kNothing, false, false, false,      true};
}

constexpr std::array kOperations = {
    OperationRow{wire::PUT_FILE, "PutFile", "put", "write", Body::kPutFileIdentify,
                 Body::kPutFileIdentifyReply, Body::kPutFileRequest, Body::kPutFileProgress,
                 Body::kPutFileFinal, Presence::kAlways, Moves::kUp, false, false, false, true},
    OperationRow{wire::GET_FILE, "GetFile", "get", "read", Body::kGetFileIdentify,
                 Body::kGetFileIdentifyReply, Body::kGetFileRequest, Body::kGetFileProgress,
                 Body::kGetFileFinal, Presence::kAlways, Moves::kDown, false, false, false, false},
    OperationRow{wire::REPLACE_FILE, "ReplaceFile", "replace", "write", Body::kReplaceFileIdentify,
                 Body::kReplaceFileIdentifyReply, Body::kReplaceFileRequest,
                 Body::kReplaceFileProgress, Body::kReplaceFileFinal, Presence::kAlways, Moves::kUp,
                 false, false, false, true},
    Reserved(wire::UPDATE_FILE, "UpdateFile", "update", "write"),
    OperationRow{wire::DELETE_FILE, "DeleteFile", "delete", "delete", Body::kDeleteFileIdentify,
                 Body::kDeleteFileIdentifyReply, Body::kDeleteFileRequest,
                 Body::kDeleteFileProgress, Body::kDeleteFileFinal, Presence::kAlways,
                 Moves::kNothing, false, false, false, true},
    OperationRow{wire::GET_CHECKSUMS, "GetChecksums", "checksums", "read",
                 Body::kGetChecksumsIdentify, Body::kGetChecksumsIdentifyReply,
                 Body::kGetChecksumsRequest, Body::kGetChecksumsProgress, Body::kGetChecksumsFinal,
                 Presence::kAlways, Moves::kNothing, true, false, true, false},
    OperationRow{wire::GET_FILE_IDS, "GetFileIDs", "file-ids", "read", Body::kGetFileIdsIdentify,
                 Body::kGetFileIdsIdentifyReply, Body::kGetFileIdsRequest,
                 Body::kGetFileIdsProgress, Body::kGetFileIdsFinal, Presence::kAlways,
                 Moves::kNothing, true, false, true, false},
    OperationRow{wire::GET_FILE_INFOS, "GetFileInfos", "file-infos", "read",
                 Body::kGetFileInfosIdentify, Body::kGetFileInfosIdentifyReply,
                 Body::kGetFileInfosRequest, Body::kGetFileInfosProgress, Body::kGetFileInfosFinal,
                 Presence::kAlways, Moves::kNothing, true, false, true, false},
    OperationRow{wire::GET_STATUS, "GetStatus", "status", "status", Body::kGetStatusIdentify,
                 Body::kGetStatusIdentifyReply, Body::kGetStatusRequest, Body::kGetStatusProgress,
                 Body::kGetStatusFinal, Presence::kOptional, Moves::kNothing, false, true, false,
                 false},
    OperationRow{wire::GET_AUDIT_TRAILS, "GetAuditTrails", "audit", "audit",
                 Body::kGetAuditTrailsIdentify, Body::kGetAuditTrailsIdentifyReply,
                 Body::kGetAuditTrailsRequest, Body::kGetAuditTrailsProgress,
                 Body::kGetAuditTrailsFinal, Presence::kOptional, Moves::kNothing, true, true,
                 false, false},
    OperationRow{wire::GET_CONVERSATION, "GetConversation", "conversation", "status",
                 Body::kGetConversationIdentify, Body::kGetConversationIdentifyReply,
                 Body::kGetConversationRequest, Body::kGetConversationProgress,
                 Body::kGetConversationFinal, Presence::kOptional, Moves::kNothing, true, true,
                 false, false},
    OperationRow{wire::GET_ROSTER, "GetRoster", "pillars", "status", kNone, kNone,
                 Body::kRosterRequest, kNone, Body::kRosterReply, Presence::kNever, Moves::kNothing,
                 false, true, false, false},
    OperationRow{wire::UNDELETE_FILE, "UndeleteFile", "undelete", "delete",
                 Body::kUndeleteFileIdentify, Body::kUndeleteFileIdentifyReply,
                 Body::kUndeleteFileRequest, Body::kUndeleteFileProgress, Body::kUndeleteFileFinal,
                 Presence::kAlways, Moves::kNothing, false, false, false, true},
    OperationRow{wire::GET_ALARMS, "GetAlarms", "alarms", "status", kNone, kNone,
                 Body::kGetAlarmsRequest, kNone, Body::kGetAlarmsFinal, Presence::kNever,
                 Moves::kNothing, true, true, false, false},
    OperationRow{wire::SET_RATES, "SetRates", "rate", "operate", Body::kSetRatesIdentify,
                 Body::kSetRatesIdentifyReply, Body::kSetRatesRequest, Body::kSetRatesProgress,
                 Body::kSetRatesFinal, Presence::kOptional, Moves::kNothing, false, false, false,
                 false},
};

constexpr Presence kNever = Presence::kNever;
constexpr Presence kOptional = Presence::kOptional;
constexpr Presence kAlways = Presence::kAlways;
constexpr Speaker kAsker = Speaker::kAsker;
constexpr Speaker kContributor = Speaker::kContributor;
constexpr Speaker kMember = Speaker::kMember;
constexpr Speaker kBroker = Speaker::kBroker;

constexpr unsigned kCollection = BitOf(Destination::Kind::kCollection);
constexpr unsigned kPillar = BitOf(Destination::Kind::kPillar);
constexpr unsigned kClient = BitOf(Destination::Kind::kClient);
constexpr unsigned kCoordinator = BitOf(Destination::Kind::kCoordinator);
constexpr unsigned kOperators = BitOf(Destination::Kind::kOperators);

// clang-format off
// kind, name, speaker, reply, in conversation, response, secret, goes to, content
constexpr std::array kKinds = {
    KindRow{wire::IDENTIFY, "identify", kAsker, false, kAlways, false, false,
            kCollection | kPillar, kNone},
    KindRow{wire::IDENTIFY_REPLY, "identify reply", kContributor, true, kAlways, true, false,
            kClient, kNone},
    KindRow{wire::REQUEST, "request", kAsker, false, kAlways, false, true,
            kPillar | kCoordinator, kNone},
    KindRow{wire::PROGRESS, "progress", kContributor, true, kAlways, true, true,
            kClient, kNone},
    KindRow{wire::FINAL, "final", kContributor, true, kAlways, true, false,
            kClient, kNone},
    KindRow{wire::CANCEL, "cancel", kAsker, false, kAlways, false, false,
            kPillar | kCoordinator, Body::kCancel},
    KindRow{wire::ALARM, "alarm", kMember, false, kOptional, false, false,
            kOperators, Body::kAlarm},
    KindRow{wire::HELLO, "hello", kMember, false, kNever, false, false,
            kCoordinator, Body::kHello},
    KindRow{wire::HEARTBEAT, "heartbeat", kMember, false, kNever, false, false,
            kCoordinator | kPillar | kClient, Body::kHeartbeat},  // the broker's go to members
    KindRow{wire::BYE, "bye", kMember, false, kNever, false, false,
            kCoordinator, Body::kBye},
    KindRow{wire::WELCOME, "welcome", kBroker, true, kNever, false, false,
            kPillar | kClient, Body::kWelcome},
    KindRow{wire::ROUTED, "routed", kBroker, true, kAlways, false, false,
            kPillar | kClient, Body::kRouted},
    KindRow{wire::UNDELIVERED, "undelivered", kBroker, true, kOptional, true, false,
            kPillar | kClient, Body::kUndelivered},
    KindRow{wire::REFUSED, "refused", kBroker, true, kOptional, true, false,
            kPillar | kClient, Body::kRefused},
};
// clang-format on

}  // namespace

std::span<const OperationRow> Operations() { return kOperations; }
std::span<const KindRow> Kinds() { return kKinds; }

const OperationRow* FindOperation(wire::Operation operation) {
  for (const OperationRow& row : kOperations) {
    if (row.operation == operation) {
      return &row;
    }
  }
  return nullptr;
}

const KindRow* FindKind(wire::Kind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) {
      return &row;
    }
  }
  return nullptr;
}

const OperationRow* FindOperation(absl::string_view name) {
  for (const OperationRow& row : kOperations) {
    if (row.name == name || row.word == name) {
      return &row;
    }
  }
  return nullptr;
}

Content ContentOf(wire::Kind kind, wire::Operation operation) {
  const KindRow* kind_row = FindKind(kind);
  if (kind_row == nullptr || kind_row->content != kNone) {
    return kind_row == nullptr ? kNone : kind_row->content;
  }
  const OperationRow* row = FindOperation(operation);
  if (row == nullptr) {
    return kNone;
  }
  switch (kind) {
    case wire::IDENTIFY:
      return row->identify;
    case wire::IDENTIFY_REPLY:
      return row->identify_reply;
    case wire::REQUEST:
      return row->request;
    case wire::PROGRESS:
      return row->progress;
    case wire::FINAL:
      return row->final;
    default:
      return kNone;
  }
}

std::string OperationWord(wire::Operation operation) {
  const OperationRow* row = FindOperation(operation);
  return row != nullptr ? std::string(row->word)
                        : absl::StrCat("operation-", static_cast<int>(operation));
}

std::string KindName(wire::Kind kind) {
  const KindRow* row = FindKind(kind);
  return row != nullptr ? std::string(row->name) : absl::StrCat("kind-", static_cast<int>(kind));
}

void SetEmptyContent(wire::Body& body, Content content) {
  const google::protobuf::Reflection& reflection = *body.GetReflection();
  if (content == kNone) {
    body.clear_content();
    return;
  }
  const google::protobuf::FieldDescriptor* field =
      body.GetDescriptor()->FindFieldByNumber(static_cast<int>(content));
  reflection.ClearField(&body, field);
  reflection.MutableMessage(&body, field);
}

wire::TimeToDeliver TimeToDeliverOf(const wire::Body& body) {
  switch (body.content_case()) {
    case Body::kPutFileIdentifyReply:
      return body.put_file_identify_reply().time_to_deliver();
    case Body::kGetFileIdentifyReply:
      return body.get_file_identify_reply().time_to_deliver();
    case Body::kReplaceFileIdentifyReply:
      return body.replace_file_identify_reply().time_to_deliver();
    case Body::kDeleteFileIdentifyReply:
      return body.delete_file_identify_reply().time_to_deliver();
    case Body::kUndeleteFileIdentifyReply:
      return body.undelete_file_identify_reply().time_to_deliver();
    case Body::kGetChecksumsIdentifyReply:
      return body.get_checksums_identify_reply().time_to_deliver();
    case Body::kGetFileIdsIdentifyReply:
      return body.get_file_ids_identify_reply().time_to_deliver();
    case Body::kGetFileInfosIdentifyReply:
      return body.get_file_infos_identify_reply().time_to_deliver();
    case Body::kGetStatusIdentifyReply:
      return body.get_status_identify_reply().time_to_deliver();
    case Body::kGetAuditTrailsIdentifyReply:
      return body.get_audit_trails_identify_reply().time_to_deliver();
    case Body::kGetConversationIdentifyReply:
      return body.get_conversation_identify_reply().time_to_deliver();
    case Body::kSetRatesIdentifyReply:
      return body.set_rates_identify_reply().time_to_deliver();
    default:
      return {};
  }
}

bool IsDoneAlready(const Envelope& identify_reply) {
  const wire::Body& body = identify_reply.body;
  switch (identify_reply.header.operation()) {
    case wire::PUT_FILE:
      return !IsRefusal(body.response().code()) && body.put_file_identify_reply().already_held();
    case wire::REPLACE_FILE:
      return !IsRefusal(body.response().code()) &&
             body.replace_file_identify_reply().already_held();
    case wire::DELETE_FILE:
      return body.response().code() == wire::FILE_NOT_FOUND_FAILURE;
    default:
      return false;
  }
}

wire::TimeToDeliver* MutableTimeToDeliver(wire::Body& body) {
  switch (body.content_case()) {
    case Body::kPutFileIdentifyReply:
      return body.mutable_put_file_identify_reply()->mutable_time_to_deliver();
    case Body::kGetFileIdentifyReply:
      return body.mutable_get_file_identify_reply()->mutable_time_to_deliver();
    case Body::kReplaceFileIdentifyReply:
      return body.mutable_replace_file_identify_reply()->mutable_time_to_deliver();
    case Body::kDeleteFileIdentifyReply:
      return body.mutable_delete_file_identify_reply()->mutable_time_to_deliver();
    case Body::kUndeleteFileIdentifyReply:
      return body.mutable_undelete_file_identify_reply()->mutable_time_to_deliver();
    case Body::kGetChecksumsIdentifyReply:
      return body.mutable_get_checksums_identify_reply()->mutable_time_to_deliver();
    case Body::kGetFileIdsIdentifyReply:
      return body.mutable_get_file_ids_identify_reply()->mutable_time_to_deliver();
    case Body::kGetFileInfosIdentifyReply:
      return body.mutable_get_file_infos_identify_reply()->mutable_time_to_deliver();
    case Body::kGetStatusIdentifyReply:
      return body.mutable_get_status_identify_reply()->mutable_time_to_deliver();
    case Body::kGetAuditTrailsIdentifyReply:
      return body.mutable_get_audit_trails_identify_reply()->mutable_time_to_deliver();
    case Body::kGetConversationIdentifyReply:
      return body.mutable_get_conversation_identify_reply()->mutable_time_to_deliver();
    case Body::kSetRatesIdentifyReply:
      return body.mutable_set_rates_identify_reply()->mutable_time_to_deliver();
    default:
      return nullptr;
  }
}

const wire::PageEnd* PageEndOf(const wire::Body& body) {
  switch (body.content_case()) {
    case Body::kGetChecksumsFinal:
      return &body.get_checksums_final().page();
    case Body::kGetFileIdsFinal:
      return &body.get_file_ids_final().page();
    case Body::kGetFileInfosFinal:
      return &body.get_file_infos_final().page();
    case Body::kGetAuditTrailsFinal:
      return &body.get_audit_trails_final().page();
    case Body::kGetConversationFinal:
      return &body.get_conversation_final().page();
    case Body::kGetAlarmsFinal:
      return &body.get_alarms_final().page();
    default:
      return nullptr;
  }
}

}  // namespace bitrepo::protocol
