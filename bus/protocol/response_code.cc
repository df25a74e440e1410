// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/response_code.h"

#include <algorithm>
#include <array>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/limits.h"

namespace bitrepo::protocol {
namespace {

using absl::StatusCode;
using wire::ResponseCode;

constexpr absl::string_view kPayloadName = "bitrepo/response-code";
constexpr CodeMeaning kWell = CodeMeaning::kWell;
constexpr CodeMeaning kRefusal = CodeMeaning::kRefusal;

constexpr std::array kRows = {
    ResponseCodeRow{wire::RESPONSE_CODE_UNSPECIFIED, "RESPONSE_CODE_UNSPECIFIED", kRefusal, 1,
                    StatusCode::kUnknown, false, "never; a reply that carries it is not valid"},
    ResponseCodeRow{wire::IDENTIFICATION_POSITIVE, "IDENTIFICATION_POSITIVE", kWell, 0,
                    StatusCode::kOk, false, "identify: this contributor can serve the operation"},
    ResponseCodeRow{wire::IDENTIFICATION_NEGATIVE, "IDENTIFICATION_NEGATIVE", kRefusal, 1,
                    StatusCode::kFailedPrecondition, true,
                    "identify: it cannot serve now, for a reason that no other code names"},
    ResponseCodeRow{wire::OPERATION_PROGRESS, "OPERATION_PROGRESS", kWell, 0, StatusCode::kOk,
                    false, "progress: the work goes on"},
    ResponseCodeRow{wire::OPERATION_ACCEPTED_PROGRESS, "OPERATION_ACCEPTED_PROGRESS", kWell, 0,
                    StatusCode::kOk, false,
                    "progress: the request is validated and accepted; a token comes with it where "
                    "bytes are to move"},
    ResponseCodeRow{wire::OPERATION_COMPLETED, "OPERATION_COMPLETED", kWell, 0, StatusCode::kOk,
                    false, "final: done; for what changes a store: on stable storage there"},
    ResponseCodeRow{wire::FAILURE, "FAILURE", kRefusal, 1, StatusCode::kInternal, false,
                    "something failed at the contributor for which there is no other code"},
    ResponseCodeRow{wire::DUPLICATE_FILE_FAILURE, "DUPLICATE_FILE_FAILURE", kRefusal, 7,
                    StatusCode::kAlreadyExists, false,
                    "put: the file id exists with another digest; undelete: a file stands there"},
    ResponseCodeRow{
        wire::FILE_NOT_FOUND_FAILURE, "FILE_NOT_FOUND_FAILURE", kRefusal, 4, StatusCode::kNotFound,
        false,
        "there is no such file, or not the generation asked for; in a list: named and not held"},
    ResponseCodeRow{wire::NEW_FILE_CHECKSUM_FAILURE, "NEW_FILE_CHECKSUM_FAILURE", kRefusal, 6,
                    StatusCode::kDataLoss, false,
                    "the bytes that came do not have the digest that was named for them; nothing "
                    "was stored"},
    ResponseCodeRow{
        wire::EXISTING_FILE_CHECKSUM_FAILURE, "EXISTING_FILE_CHECKSUM_FAILURE", kRefusal, 7,
        StatusCode::kFailedPrecondition, false,
        "the file does not have the digest that the request names as the present one, or the "
        "request names none"},
    ResponseCodeRow{wire::FILE_TRANSFER_FAILURE, "FILE_TRANSFER_FAILURE", kRefusal, 5,
                    StatusCode::kUnavailable, true,
                    "the bytes could not be moved to their end on the data channel"},
    ResponseCodeRow{wire::REQUEST_NOT_UNDERSTOOD_FAILURE, "REQUEST_NOT_UNDERSTOOD_FAILURE",
                    kRefusal, 7, StatusCode::kInvalidArgument, false,
                    "the message is not valid, or not for this component"},
    ResponseCodeRow{wire::REQUEST_NOT_SUPPORTED, "REQUEST_NOT_SUPPORTED", kRefusal, 7,
                    StatusCode::kUnimplemented, false,
                    "the operation, algorithm or must_understand feature is not known here"},
    ResponseCodeRow{
        wire::NOT_AUTHORISED, "NOT_AUTHORISED", kRefusal, 7, StatusCode::kPermissionDenied, false,
        "this component may not say or do that: it is no pillar, or not the coordinator"},
    ResponseCodeRow{wire::VERSION_NOT_SUPPORTED, "VERSION_NOT_SUPPORTED", kRefusal, 7,
                    StatusCode::kUnimplemented, false,
                    "no protocol version is understood by both sides"},
    ResponseCodeRow{wire::BUSY, "BUSY", kRefusal, 7, StatusCode::kResourceExhausted, true,
                    "a limit on work or connections is reached; ask again later"},
    ResponseCodeRow{wire::NO_SPACE, "NO_SPACE", kRefusal, 7, StatusCode::kResourceExhausted, false,
                    "the store has no room for the bytes announced or sent"},
    ResponseCodeRow{wire::CONFLICT, "CONFLICT", kRefusal, 7, StatusCode::kAborted, false,
                    "another request stands in the way: other bytes under the same ids, a change "
                    "of the same file under way, a component id that is taken"},
    ResponseCodeRow{wire::BASE_MISMATCH, "BASE_MISMATCH", kRefusal, 7,
                    StatusCode::kFailedPrecondition, false,
                    "reserved for update: the newest generation is not the base that was named"},
    ResponseCodeRow{
        wire::BLOCK_SIZE_MISMATCH, "BLOCK_SIZE_MISMATCH", kRefusal, 7,
        StatusCode::kFailedPrecondition, false,
        "reserved for update: the two sides divide the file into blocks of different sizes"},
    ResponseCodeRow{wire::SOURCE_CHANGED, "SOURCE_CHANGED", kRefusal, 10, StatusCode::kAborted,
                    false, "the file to be stored changed or ended while it was read"},
    ResponseCodeRow{wire::RANGE_ERROR, "RANGE_ERROR", kRefusal, 7, StatusCode::kOutOfRange, false,
                    "the range passes the end of the file, or its end passes 2^64"},
    ResponseCodeRow{wire::INVALID_TOKEN, "INVALID_TOKEN", kRefusal, 7, StatusCode::kUnauthenticated,
                    false, "the token was altered, or was not issued here"},
    ResponseCodeRow{
        wire::DENIED, "DENIED", kRefusal, 7, StatusCode::kPermissionDenied, false,
        "the token does not allow this verb, or takes no bytes; a delete would leave too few "
        "copies; or the sender may not speak so (its header is not that of its HELLO)"},
    ResponseCodeRow{wire::CANCELLED, "CANCELLED", kRefusal, 1, StatusCode::kCancelled, false,
                    "the asker withdrew the request"},
    ResponseCodeRow{wire::EXPIRED, "EXPIRED", kRefusal, 7, StatusCode::kDeadlineExceeded, false,
                    "the request or the token is past its time"},
    ResponseCodeRow{wire::UNREACHABLE, "UNREACHABLE", kRefusal, 5, StatusCode::kUnavailable, true,
                    "the component addressed is not connected"},
    ResponseCodeRow{wire::GONE, "GONE", kRefusal, 5, StatusCode::kUnavailable, true,
                    "the connection of the component was lost, or it fell silent"},
    ResponseCodeRow{wire::DATA_LOSS, "DATA_LOSS", kRefusal, 6, StatusCode::kDataLoss, false,
                    "stored bytes fail their recorded digest, or a recorded file is missing"},
};

constexpr bool InOrderOfNumber() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].code) != i) {
      return false;
    }
  }
  return true;
}
static_assert(InOrderOfNumber() && kRows.size() == wire::ResponseCode_ARRAYSIZE);

// How exit codes outrank one another when several apply: the first of these wins.
constexpr std::array kExitCodeOrder = {2, 6, 7, 3, 10, 5, 9, 8, 4, 1, 0};

size_t ExitCodePlace(int exit_code) {
  return static_cast<size_t>(std::find(kExitCodeOrder.begin(), kExitCodeOrder.end(), exit_code) -
                             kExitCodeOrder.begin());
}

ResponseCode NearestCode(StatusCode status) {
  switch (status) {
    case StatusCode::kOk:
      return wire::OPERATION_COMPLETED;
    case StatusCode::kCancelled:
      return wire::CANCELLED;
    case StatusCode::kInvalidArgument:
      return wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
    case StatusCode::kDeadlineExceeded:
      return wire::EXPIRED;
    case StatusCode::kNotFound:
      return wire::FILE_NOT_FOUND_FAILURE;
    case StatusCode::kAlreadyExists:
      return wire::DUPLICATE_FILE_FAILURE;
    case StatusCode::kPermissionDenied:
      return wire::DENIED;
    case StatusCode::kResourceExhausted:
      return wire::NO_SPACE;
    case StatusCode::kFailedPrecondition:
      return wire::FAILURE;
    case StatusCode::kAborted:
      return wire::CONFLICT;
    case StatusCode::kOutOfRange:
      return wire::RANGE_ERROR;
    case StatusCode::kUnimplemented:
      return wire::REQUEST_NOT_SUPPORTED;
    case StatusCode::kUnavailable:
      return wire::FILE_TRANSFER_FAILURE;
    case StatusCode::kDataLoss:
      return wire::DATA_LOSS;
    case StatusCode::kUnauthenticated:
      return wire::INVALID_TOKEN;
    default:
      return wire::FAILURE;
  }
}

}  // namespace

std::span<const ResponseCodeRow> ResponseCodes() { return kRows; }

const ResponseCodeRow& RowOf(ResponseCode code) {
  const auto index = static_cast<size_t>(code);
  return kRows[index < kRows.size() ? index : static_cast<size_t>(wire::FAILURE)];
}

absl::string_view NameOf(ResponseCode code) { return RowOf(code).name; }
int ExitCodeOf(ResponseCode code) { return RowOf(code).exit_code; }
bool IsRefusal(ResponseCode code) { return RowOf(code).meaning == CodeMeaning::kRefusal; }

ResponseCode CodeFor(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kPayloadName)) {
    int number = 0;
    if (absl::SimpleAtoi(std::string(*payload), &number) && wire::ResponseCode_IsValid(number)) {
      return static_cast<ResponseCode>(number);
    }
  }
  return NearestCode(status.code());
}

absl::Status ToStatus(const wire::ResponseInfo& info) {
  return StatusWith(info.code(), info.text());
}

absl::Status StatusWith(ResponseCode code, absl::string_view text) {
  const ResponseCodeRow& row = RowOf(code);
  if (row.meaning == CodeMeaning::kWell) {
    return absl::OkStatus();
  }
  absl::Status status(row.status, text.empty() ? row.name : text);
  status.SetPayload(kPayloadName, absl::Cord(absl::StrCat(static_cast<int>(row.code))));
  return status;
}

wire::ResponseInfo ToResponse(const absl::Status& status) {
  wire::ResponseInfo info;
  info.set_code(CodeFor(status));
  if (!status.ok()) {
    info.set_text(FittingText(status.message(), kTextBytesMax));
  }
  return info;
}

bool TellsMore(ResponseCode a, ResponseCode b) {
  const size_t place_a = ExitCodePlace(ExitCodeOf(a));
  const size_t place_b = ExitCodePlace(ExitCodeOf(b));
  return place_a != place_b ? place_a < place_b
                            : static_cast<int>(RowOf(a).code) > static_cast<int>(RowOf(b).code);
}

}  // namespace bitrepo::protocol
