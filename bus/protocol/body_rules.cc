// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/body_rules.h"

#include "absl/strings/str_cat.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

bool CodeFits(wire::Kind kind, wire::ResponseCode code) {
  switch (kind) {
    case wire::IDENTIFY_REPLY:
      return code == wire::IDENTIFICATION_POSITIVE || IsRefusal(code);
    case wire::PROGRESS:
      return code == wire::OPERATION_PROGRESS || code == wire::OPERATION_ACCEPTED_PROGRESS;
    case wire::FINAL:
      return code == wire::OPERATION_COMPLETED || IsRefusal(code);
    case wire::UNDELIVERED:
      return code == wire::UNREACHABLE || code == wire::GONE;
    default:
      return IsRefusal(code);
  }
}

// A refusal may come without content: an old component cannot make that of a newer operation.
bool MayBeEmpty(const wire::Header& header, const wire::Body& body) {
  return (header.kind() == wire::IDENTIFY_REPLY || header.kind() == wire::FINAL) &&
         IsRefusal(body.response().code());
}

}  // namespace

void ExamineOperation(const wire::Header& header, FieldRules& rules) {
  if (header.kind() != wire::IDENTIFY && header.kind() != wire::REQUEST) {
    return;
  }
  const OperationRow* operation = FindOperation(header.operation());
  if (operation == nullptr || operation->request == Content::CONTENT_NOT_SET) {
    rules.Require(false, "operation",
                  {"the operation ", OperationWord(header.operation()), " is not supported here"},
                  wire::REQUEST_NOT_SUPPORTED);
  }
}

void ExamineShared(const wire::Header& header, const wire::Body& body, FieldRules& rules) {
  const KindRow& kind = *FindKind(header.kind());
  rules.Require(body.has_response() == kind.response, "field",
                {"a ", kind.name, kind.response ? " needs" : " has no", " response"});
  if (kind.response) {
    const wire::ResponseCode code = body.response().code();
    rules.Require(code != wire::RESPONSE_CODE_UNSPECIFIED && CodeFits(header.kind(), code), "field",
                  {"a ", kind.name, " is not answered ", NameOf(code)});
    rules.Text("response.text", body.response().text(), kTextBytesMax);
  }
  const bool progress = header.kind() == wire::PROGRESS;
  rules.Require(body.has_progress() == progress, "field",
                {"a ", kind.name, progress ? " needs" : " has no", " progress part"});
  rules.Require(!progress || body.progress().phase() != wire::PHASE_UNSPECIFIED, "field",
                "progress.phase is missing");
  const OperationRow* operation = FindOperation(header.operation());
  const bool may_page = header.kind() == wire::REQUEST && operation != nullptr && operation->paged;
  rules.Require(!body.has_page() || may_page, "page", "page is set where there is no list");
  if (body.page().cursor().size() > kCursorBytesMax) {
    rules.Require(false, "page", "page.cursor is too long");
  }
  const bool pages = !body.page().cursor().empty() || body.page().limit_items() != 0 ||
                     body.page().limit_bytes() != 0;
  rules.Require(!body.page().by_token() || operation == nullptr || operation->by_token, "page",
                {"the list of ", OperationWord(header.operation()), " goes by pages, not by token"},
                wire::REQUEST_NOT_SUPPORTED);
  rules.Require(!body.page().by_token() || !pages, "page",
                "a list by token is whole: no cursor, no limit");
  rules.Require(body.reason().empty() || header.kind() == wire::REQUEST, "field",
                {"a ", kind.name, " has no reason"});
  rules.Text("reason", body.reason(), kTextBytesMax);
  rules.Require(body.secret_sha256().empty() || kind.secret, "secret",
                {"a ", kind.name, " carries no secret"});
}

void ExamineBody(const wire::Header& header, const wire::Body& body, FieldRules& rules) {
  ExamineShared(header, body, rules);
  const Content expected = ContentOf(header.kind(), header.operation());
  if (body.content_case() == Content::CONTENT_NOT_SET && MayBeEmpty(header, body)) {
    return;
  }
  rules.Require(expected != Content::CONTENT_NOT_SET && body.content_case() == expected,
                "content-mismatch",
                {"the content is not that of a ", FindKind(header.kind())->name, " of ",
                 OperationWord(header.operation())});
  if (rules.ok()) {
    ExamineContent(header, body, rules);
  }
}

}  // namespace bitrepo::protocol
