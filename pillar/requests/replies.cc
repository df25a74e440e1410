// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/replies.h"

#include <utility>

#include "bus/protocol/field_rules.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::requests {

namespace {

wire::Body BodyOf(wire::Kind kind, wire::Operation operation, wire::ResponseCode code,
                  absl::string_view text) {
  wire::Body body;
  *body.mutable_response() = MakeResponse(code, text);
  protocol::SetEmptyContent(body, protocol::ContentOf(kind, operation));
  return body;
}

}  // namespace

wire::ResponseInfo MakeResponse(wire::ResponseCode code, absl::string_view text) {
  wire::ResponseInfo response;
  response.set_code(code);
  response.set_text(protocol::FittingText(text, protocol::kTextBytesMax));
  return response;
}

wire::Body IdentifyReplyBody(wire::Operation operation, wire::ResponseCode code,
                             absl::string_view text) {
  return BodyOf(wire::IDENTIFY_REPLY, operation, code, text);
}

wire::Body AcceptedBody(wire::Operation operation) {
  wire::Body body = BodyOf(wire::PROGRESS, operation, wire::OPERATION_ACCEPTED_PROGRESS, "");
  body.mutable_progress()->set_phase(wire::ACCEPTED);
  return body;
}

wire::Body FinalBody(wire::Operation operation, wire::ResponseCode code, absl::string_view text) {
  return BodyOf(wire::FINAL, operation, code, text);
}

std::string FileNamedIn(const wire::Body& request) {
  switch (request.content_case()) {
    case wire::Body::kPutFileRequest:
      return request.put_file_request().file_id();
    case wire::Body::kReplaceFileRequest:
      return request.replace_file_request().file_id();
    case wire::Body::kDeleteFileRequest:
      return request.delete_file_request().file_id();
    case wire::Body::kUndeleteFileRequest:
      return request.undelete_file_request().file_id();
    case wire::Body::kGetFileRequest:
      return request.get_file_request().range().file_id();
    default:
      return "";
  }
}

bool ChangesFiles(wire::Operation operation) {
  return operation == wire::PUT_FILE || operation == wire::REPLACE_FILE ||
         operation == wire::DELETE_FILE || operation == wire::UNDELETE_FILE;
}

wire::ResponseCode CodeOfStore(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return wire::NO_SPACE;
    case absl::StatusCode::kDataLoss:
      return wire::DATA_LOSS;
    case absl::StatusCode::kNotFound:
      return wire::FILE_NOT_FOUND_FAILURE;
    case absl::StatusCode::kAlreadyExists:
      return wire::DUPLICATE_FILE_FAILURE;
    case absl::StatusCode::kAborted:
      return wire::EXISTING_FILE_CHECKSUM_FAILURE;
    case absl::StatusCode::kOutOfRange:
      return wire::RANGE_ERROR;
    case absl::StatusCode::kInvalidArgument:
      return wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
    case absl::StatusCode::kUnimplemented:
      return wire::REQUEST_NOT_SUPPORTED;
    case absl::StatusCode::kCancelled:
      return wire::CANCELLED;
    case absl::StatusCode::kDeadlineExceeded:
      return wire::EXPIRED;
    default:
      return wire::FAILURE;
  }
}

wire::FileInfo InfoOf(const store::FileRecord& record) {
  wire::FileInfo info;
  info.set_file_id(record.file_id.text());
  info.set_size_bytes(record.size_bytes);
  *info.mutable_digest() = ToWire(record.sha256);
  info.set_generation_id(record.generation.ToBytes());
  info.set_stored_at_us(absl::ToUnixMicros(record.stored_at));
  if (!record.trouble.empty()) {
    *info.mutable_trouble() =
        MakeResponse(wire::DATA_LOSS, absl::StrCat("the file is ", record.trouble));
  }
  return info;
}

wire::DigestAlgorithm ToWire(base::Algorithm algorithm) {
  switch (algorithm) {
    case base::Algorithm::kMd5:
      return wire::MD5;
    case base::Algorithm::kSha1:
      return wire::SHA1;
    case base::Algorithm::kSha256:
      return wire::SHA256;
    case base::Algorithm::kSha384:
      return wire::SHA384;
    case base::Algorithm::kSha512:
      return wire::SHA512;
  }
  return wire::DIGEST_ALGORITHM_UNSPECIFIED;
}

wire::Digest ToWire(const base::Digest& digest) {
  wire::Digest out;
  out.set_algorithm(ToWire(digest.algorithm()));
  out.set_value(digest.bytes());
  return out;
}

absl::StatusOr<base::Digest> FromWire(const wire::Digest& digest) {
  switch (digest.algorithm()) {
    case wire::MD5:
      return base::Digest::FromBytes(base::Algorithm::kMd5, digest.value());
    case wire::SHA1:
      return base::Digest::FromBytes(base::Algorithm::kSha1, digest.value());
    case wire::SHA256:
      return base::Digest::FromBytes(base::Algorithm::kSha256, digest.value());
    case wire::SHA384:
      return base::Digest::FromBytes(base::Algorithm::kSha384, digest.value());
    case wire::SHA512:
      return base::Digest::FromBytes(base::Algorithm::kSha512, digest.value());
    default:
      return absl::InvalidArgumentError("the digest of a file is one without a salt");
  }
}

store::Answer AnswerFor(const protocol::Envelope& request, absl::Time wall_now) {
  store::Answer answer;
  answer.key = {request.header.from(), request.conversation(), request.message_id()};
  answer.body_sha256 = protocol::BodyDigest(request);
  answer.recorded_at = wall_now;
  return answer;
}

store::AuditEvent AuditOf(const protocol::Envelope& request, const wire::ResponseInfo& response) {
  store::AuditEvent event;
  event.action = wire::Operation_Name(request.header.operation());
  event.collection = request.header.collection_id();
  event.file_id = FileNamedIn(request.body);
  event.principal = request.header.from();
  event.conversation = request.conversation().ToString();
  event.result = wire::ResponseCode_Name(response.code());
  event.detail = response.text();
  if (!request.body.reason().empty()) {
    absl::StrAppend(&event.detail, event.detail.empty() ? "" : "; ",
                    "reason: ", request.body.reason());
  }
  return event;
}

store::AuditEvent AuditOfFault(const protocol::EnvelopeFault& fault) {
  const auto word = [](const std::string& text) {
    return protocol::FittingText(text, protocol::kWordBytesMax);
  };
  store::AuditEvent event;
  event.action = wire::Operation_Name(fault.header.operation());
  event.collection = word(fault.header.collection_id());
  event.principal = word(fault.header.from());
  const auto conversation = base::ConversationId::FromBytes(fault.header.conversation_id());
  if (conversation.ok()) event.conversation = conversation->ToString();
  event.result = wire::ResponseCode_Name(fault.code);
  event.detail = protocol::FittingText(fault.text, protocol::kTextBytesMax);
  return event;
}

}  // namespace bitrepo::requests
