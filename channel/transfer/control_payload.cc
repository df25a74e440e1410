// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/control_payload.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "base/status.h"
#include "base/utf8.h"
#include "channel/transfer/frame.h"
#include "channel/transfer/token.h"

namespace bitrepo::transfer {
namespace {

template <typename Message>
absl::StatusOr<Message> Parse(absl::string_view payload, absl::string_view name) {
  Message message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError(absl::StrCat("the payload of ", name, " is not readable"));
  }
  return message;
}

// Which code stands for which status; the first with a status is what it is told as.
struct CodePair {
  wire::ResponseCode code;
  absl::StatusCode status;
};
constexpr CodePair kCodes[] = {
    {wire::OPERATION_COMPLETED, absl::StatusCode::kOk},
    {wire::EXPIRED, absl::StatusCode::kDeadlineExceeded},
    {wire::DENIED, absl::StatusCode::kPermissionDenied},
    {wire::RANGE_ERROR, absl::StatusCode::kOutOfRange},
    {wire::NO_SPACE, absl::StatusCode::kResourceExhausted},
    {wire::BUSY, absl::StatusCode::kResourceExhausted},
    {wire::DATA_LOSS, absl::StatusCode::kDataLoss},
    {wire::SOURCE_CHANGED, absl::StatusCode::kAborted},
    {wire::CANCELLED, absl::StatusCode::kCancelled},
    {wire::FILE_NOT_FOUND_FAILURE, absl::StatusCode::kNotFound},
    {wire::DUPLICATE_FILE_FAILURE, absl::StatusCode::kAlreadyExists},
    {wire::CONFLICT, absl::StatusCode::kFailedPrecondition},
    {wire::NEW_FILE_CHECKSUM_FAILURE, absl::StatusCode::kFailedPrecondition},
    {wire::EXISTING_FILE_CHECKSUM_FAILURE, absl::StatusCode::kFailedPrecondition},
    {wire::BASE_MISMATCH, absl::StatusCode::kFailedPrecondition},
    {wire::REQUEST_NOT_UNDERSTOOD_FAILURE, absl::StatusCode::kInvalidArgument},
    {wire::INVALID_TOKEN, absl::StatusCode::kInvalidArgument},
    {wire::REQUEST_NOT_SUPPORTED, absl::StatusCode::kUnimplemented},
    {wire::VERSION_NOT_SUPPORTED, absl::StatusCode::kUnimplemented},
    {wire::NOT_AUTHORISED, absl::StatusCode::kPermissionDenied},
    {wire::GONE, absl::StatusCode::kUnavailable},
    {wire::UNREACHABLE, absl::StatusCode::kUnavailable},
};

absl::Status ReadRanges(const google::protobuf::RepeatedPtrField<wire::Range>& from,
                        std::vector<base::ByteRange>& into) {
  if (static_cast<size_t>(from.size()) > kRangesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(from.size(), " ranges at once, more than ", kRangesMax));
  }
  for (const wire::Range& range : from) {
    absl::StatusOr<base::ByteRange> made = base::ByteRange::Make(range.offset(), range.length());
    if (!made.ok() || made->empty()) {
      return absl::InvalidArgumentError(absl::StrCat("the range ", range.offset(), "+",
                                                     range.length(), " is empty or overflows"));
    }
    into.push_back(*made);
  }
  return absl::OkStatus();
}

void WriteRange(const base::ByteRange& range, wire::Range* into) {
  into->set_offset(range.offset());
  into->set_length(range.length());
}

// A report as a peer tells it, which may be anything.
absl::StatusOr<wire::TransferReport> CheckReport(wire::TransferReport report) {
  if (report.state() < wire::TRANSFER_WAITING || report.state() > wire::TRANSFER_ENDED) {
    return absl::InvalidArgumentError(
        absl::StrCat("a report has the state ", static_cast<int>(report.state())));
  }
  const bool ended = report.state() == wire::TRANSFER_ENDED;
  if (ended != (report.response().code() != wire::RESPONSE_CODE_UNSPECIFIED)) {
    return absl::InvalidArgumentError(
        "a report has a response exactly when the transfer has ended");
  }
  if (report.bytes_total() != 0 && report.bytes_done() > report.bytes_total()) {
    return absl::InvalidArgumentError(absl::StrCat("a report has ", report.bytes_done(),
                                                   " bytes done of ", report.bytes_total()));
  }
  if (report.expires_in_us() < 0) {
    return absl::InvalidArgumentError("a report has a negative time until the token expires");
  }
  std::vector<base::ByteRange> missing;
  BITREPO_RETURN_IF_ERROR(base::Annotate(ReadRanges(report.missing(), missing), "a report"));
  report.mutable_response()->set_text(base::Printable(report.response().text(), kReasonBytesMax));
  return report;
}

template <typename Greeting>
absl::StatusOr<Greeting> CheckGreeting(absl::StatusOr<Greeting> greeting, absl::string_view name) {
  if (!greeting.ok()) {
    return greeting;
  }
  if (greeting->version() != kSessionVersion) {
    return absl::UnimplementedError(absl::StrCat(name, " is of session version ",
                                                 greeting->version(), ", not ", kSessionVersion));
  }
  BITREPO_RETURN_IF_ERROR(
      base::Annotate(base::ComponentId::Parse(greeting->node()).status(), name));
  if (greeting->segment_bytes_max() < kSegmentBytesMin) {
    return absl::InvalidArgumentError(absl::StrCat(name, " takes segments of ",
                                                   greeting->segment_bytes_max(),
                                                   " bytes, fewer than ", kSegmentBytesMin));
  }
  return greeting;
}

}  // namespace

absl::StatusOr<wire::SessionHello> ReadHello(absl::string_view payload) {
  return CheckGreeting(Parse<wire::SessionHello>(payload, "HELLO"), "HELLO");
}

absl::StatusOr<wire::SessionWelcome> ReadWelcome(absl::string_view payload) {
  return CheckGreeting(Parse<wire::SessionWelcome>(payload, "WELCOME"), "WELCOME");
}

absl::StatusOr<OpenRequest> ReadOpen(absl::string_view payload) {
  BITREPO_ASSIGN_OR_RETURN(wire::Open message, Parse<wire::Open>(payload, "OPEN"));
  if (message.token().empty() || message.token().size() > kTokenTextBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("OPEN has a token of ", message.token().size(), " bytes"));
  }
  OpenRequest open;
  open.token = std::move(*message.mutable_token());
  open.verb = message.verb();
  open.holds_all = message.holds_all();
  BITREPO_RETURN_IF_ERROR(base::Annotate(ReadRanges(message.ranges(), open.ranges), "OPEN"));
  if (open.holds_all && !open.ranges.empty()) {
    return absl::InvalidArgumentError("OPEN asks for ranges and says that all is there");
  }
  return open;
}

absl::StatusOr<OpenAnswer> ReadOpenOk(absl::string_view payload) {
  BITREPO_ASSIGN_OR_RETURN(wire::OpenOk message, Parse<wire::OpenOk>(payload, "OPEN_OK"));
  OpenAnswer answer;
  answer.credit = message.credit();
  answer.size_bytes = message.size_bytes();
  BITREPO_RETURN_IF_ERROR(base::Annotate(ReadRanges(message.missing(), answer.missing), "OPEN_OK"));
  if (message.has_report()) {
    BITREPO_ASSIGN_OR_RETURN(answer.report, CheckReport(std::move(*message.mutable_report())));
  }
  return answer;
}

absl::StatusOr<CommitRequest> ReadCommit(absl::string_view payload) {
  BITREPO_ASSIGN_OR_RETURN(const wire::Commit message, Parse<wire::Commit>(payload, "COMMIT"));
  if (message.digest().algorithm() != wire::SHA256) {
    return absl::InvalidArgumentError("COMMIT has no SHA-256");
  }
  BITREPO_ASSIGN_OR_RETURN(base::Digest sha256, base::Digest::FromBytes(base::Algorithm::kSha256,
                                                                        message.digest().value()));
  return CommitRequest{message.size_bytes(), std::move(sha256)};
}

absl::StatusOr<wire::ResponseInfo> ReadStreamEnd(absl::string_view payload) {
  BITREPO_ASSIGN_OR_RETURN(wire::StreamEnd end, Parse<wire::StreamEnd>(payload, "an ending"));
  wire::ResponseInfo response = std::move(*end.mutable_response());
  if (response.code() == wire::RESPONSE_CODE_UNSPECIFIED) {
    return absl::InvalidArgumentError("an ending has no response code");
  }
  response.set_text(base::Printable(response.text(), kReasonBytesMax));
  return response;
}

std::string WriteOpen(const OpenRequest& open) {
  wire::Open message;
  message.set_token(open.token);
  message.set_verb(static_cast<wire::TokenVerb>(open.verb));
  message.set_holds_all(open.holds_all);
  for (const base::ByteRange& range : open.ranges) {
    WriteRange(range, message.add_ranges());
  }
  return message.SerializeAsString();
}

std::string WriteOpenOk(const OpenAnswer& answer) {
  wire::OpenOk message;
  message.set_credit(answer.credit);
  message.set_size_bytes(answer.size_bytes);
  for (const base::ByteRange& range : answer.missing) {
    WriteRange(range, message.add_missing());
  }
  if (answer.report.has_value()) {
    *message.mutable_report() = *answer.report;
  }
  return message.SerializeAsString();
}

std::string WriteCommit(const CommitRequest& commit) {
  wire::Commit message;
  message.set_size_bytes(commit.size_bytes);
  message.mutable_digest()->set_algorithm(wire::SHA256);
  message.mutable_digest()->set_value(commit.sha256.bytes());
  return message.SerializeAsString();
}

std::string WriteStreamEnd(const wire::ResponseInfo& response) {
  wire::StreamEnd message;
  *message.mutable_response() = response;
  message.mutable_response()->set_text(base::Printable(response.text(), kReasonBytesMax));
  return message.SerializeAsString();
}

wire::ResponseInfo ResponseOf(const absl::Status& status) {
  wire::ResponseInfo response;
  response.set_code(wire::FILE_TRANSFER_FAILURE);
  for (const CodePair& pair : kCodes) {
    if (pair.status == status.code()) {
      response.set_code(pair.code);
      break;
    }
  }
  response.set_text(std::string(status.message()));
  return response;
}

absl::Status StatusOf(const wire::ResponseInfo& response) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  for (const CodePair& pair : kCodes) {
    if (pair.code == response.code()) {
      code = pair.status;
    }
  }
  if (code == absl::StatusCode::kOk) {
    return absl::OkStatus();
  }
  return absl::Status(code, absl::StrCat(wire::ResponseCode_Name(response.code()),
                                         response.text().empty() ? "" : ": ", response.text()));
}

}  // namespace bitrepo::transfer
