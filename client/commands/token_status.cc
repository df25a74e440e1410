// SPDX-License-Identifier: Apache-2.0
#include "client/commands/token_status.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "bus/protocol/response_code.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr int kRangesShown = 8;

std::string StateWord(const wire::TransferReport& report) {
  switch (report.state()) {
    case wire::TRANSFER_WAITING:
      return "waiting";
    case wire::TRANSFER_MOVING:
      return "moving";
    case wire::TRANSFER_BROKEN:
      return "broken";
    case wire::TRANSFER_COMMITTING:
      return "committing";
    case wire::TRANSFER_ENDED:
      return protocol::IsRefusal(report.response().code()) ? "failed" : "done";
    default:
      return "unknown";
  }
}

absl::string_view Explained(wire::TransferState state) {
  switch (state) {
    case wire::TRANSFER_WAITING:
      return ": nobody has used the token yet";
    case wire::TRANSFER_BROKEN:
      return ": the connection broke, the same token goes on with it";
    case wire::TRANSFER_COMMITTING:
      return ": all bytes are there, and are being made durable";
    default:
      return "";
  }
}

std::string TextOf(const HeldToken& token, const wire::TransferReport& report,
                   const std::string& word) {
  const wire::TokenBody& body = token.body;
  std::string text =
      absl::StrCat(Shown(body.file_id()), " at ", Shown(body.issuer()), ": ", word,
                   Explained(report.state()), "\n  ", runtime::FormatBytes(report.bytes_done()));
  if (report.bytes_total() > 0) {
    absl::StrAppend(&text, " of ", runtime::FormatBytes(report.bytes_total()));
  }
  if (report.bytes_per_second() > 0) {
    absl::StrAppend(&text, ", ", Rate(static_cast<double>(report.bytes_per_second())));
  }
  if (report.expires_in_us() > 0) {
    absl::StrAppend(&text, ", the token is good for ",
                    ShortDuration(absl::Microseconds(report.expires_in_us())));
  }
  absl::StrAppend(&text, "\n");
  if (report.missing_size() > 0) {
    absl::StrAppend(&text, "  missing:");
    for (int i = 0; i < std::min(report.missing_size(), kRangesShown); ++i) {
      absl::StrAppend(&text, " ", report.missing(i).offset(), "+", report.missing(i).length());
    }
    if (report.missing_size() > kRangesShown) {
      absl::StrAppend(&text, " and ", report.missing_size() - kRangesShown, " more");
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace

void TellTransmission(Session& session, const HeldToken& token) {
  client::TokenClient* holder = session.ConnectByToken();
  if (holder == nullptr) return;
  const auto report = holder->Inquire(token.text);
  const wire::TokenBody& body = token.body;
  if (!report.ok()) {
    ReportTransfer(session, token, "asked for", report.status(),
                   absl::StrCat("bitrepo status ", token.word));
    return;
  }
  const std::string word = StateWord(*report);
  JsonRecord record = session.report().Record("item");
  record.Set("result", word).Set("pillar", body.issuer());
  if (!body.file_id().empty()) record.Set("file_id", body.file_id());
  if (const auto id = base::ConversationId::FromBytes(body.conversation_id()); id.ok()) {
    record.Set("conversation", id->ToString());
  }
  record.Set("bytes_done", report->bytes_done()).Set("bytes_total", report->bytes_total());
  record.Set("rate_bps", static_cast<double>(report->bytes_per_second()));
  record.Set("expires_in_s", static_cast<double>(report->expires_in_us()) / 1e6);
  std::vector<JsonRecord> missing;
  for (const wire::Range& range : report->missing()) {
    missing.push_back(JsonRecord::Inner());
    missing.back().Set("offset", range.offset()).Set("bytes", range.length());
  }
  record.Set("missing", missing);
  if (report->state() == wire::TRANSFER_ENDED) {
    record.Set("response", protocol::NameOf(report->response().code()));
  }
  session.report().Item(record, TextOf(token, *report, word));
  session.report().Count(word);
  if (word != "failed") return;
  const wire::ResponseInfo& how = report->response();
  session.report().Error(
      {.code = static_cast<ExitCode>(protocol::ExitCodeOf(how.code())),
       .message = absl::StrCat("it ended as ", protocol::NameOf(how.code()),
                               how.text().empty() ? "" : ": ", Shown(how.text())),
       .pillar = Shown(body.issuer()),
       .file_id = Shown(body.file_id()),
       .hint = AskAnew(session, body)});
}

}  // namespace bitrepo::commands
