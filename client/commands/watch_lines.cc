// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_lines.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "base/runtime/settings.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "bus/protocol/subject.h"
#include "client/commands/console.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

// How wide each part of a line is.
struct LineShape {
  const char* time;
  size_t from;
  size_t to;
  size_t type;
};
constexpr LineShape kWide = {"%H:%M:%E3S", 18, 24, 22};
constexpr LineShape kNarrow = {"%H:%M:%S", 12, 12, 16};
constexpr size_t kWideColumns = 120;  // from here on the wide shape leaves room for the rest

base::ConversationId ConversationOf(const wire::Header& header) {
  const std::string& bytes = header.conversation_id();
  return base::ConversationId::FromBytes(absl::string_view(bytes.data(), bytes.size()))
      .value_or(base::ConversationId());
}

std::string TypeOf(const wire::Header& header) {
  const std::string kind = protocol::KindName(header.kind());
  if (header.operation() == wire::OPERATION_UNSPECIFIED) return kind;
  return absl::StrCat(protocol::OperationWord(header.operation()), " ", kind);
}

std::string SelectionText(const wire::FileSelection& files) {
  switch (files.which_case()) {
    case wire::FileSelection::kFileId:
      return files.file_id();
    case wire::FileSelection::kPrefix:
      return absl::StrCat(files.prefix(), "*");
    case wire::FileSelection::kList:
      return CountedOf(static_cast<uint64_t>(files.list().file_ids_size()), "file");
    case wire::FileSelection::kParameters:
      return CountedOf(files.parameters().items(), "file");
    default:
      return "all files";
  }
}

// What is selected, or how much was listed; empty in all else.
std::string ListText(const wire::Body& body) {
  const auto counted = [](int items) { return CountedOf(static_cast<uint64_t>(items), "item"); };
  switch (body.content_case()) {
    case wire::Body::kGetChecksumsIdentify:
      return SelectionText(body.get_checksums_identify().files());
    case wire::Body::kGetChecksumsRequest:
      return SelectionText(body.get_checksums_request().files());
    case wire::Body::kGetFileIdsIdentify:
      return SelectionText(body.get_file_ids_identify().files());
    case wire::Body::kGetFileIdsRequest:
      return SelectionText(body.get_file_ids_request().files());
    case wire::Body::kGetFileInfosIdentify:
      return SelectionText(body.get_file_infos_identify().files());
    case wire::Body::kGetFileInfosRequest:
      return SelectionText(body.get_file_infos_request().files());
    case wire::Body::kGetChecksumsFinal:
      return counted(body.get_checksums_final().items_size());
    case wire::Body::kGetFileIdsFinal:
      return counted(body.get_file_ids_final().items_size());
    case wire::Body::kGetFileInfosFinal:
      return counted(body.get_file_infos_final().items_size());
    case wire::Body::kGetAuditTrailsFinal:
      return counted(body.get_audit_trails_final().items_size());
    case wire::Body::kGetAlarmsFinal:
      return counted(body.get_alarms_final().items_size());
    default:
      return "";
  }
}

// The file a message is about, or what it selects; empty where it is about none.
std::string SubjectOf(const wire::Body& body) {
  std::string list = ListText(body);
  return Shown(list.empty() ? protocol::FileIdOf(body) : list);
}

std::string HexOf(const std::string& bytes) {
  const auto id = base::MessageId::FromBytes(absl::string_view(bytes.data(), bytes.size()));
  return id.ok() ? id->ToString() : "";
}

std::string RoutedText(const wire::Routed& routed) {
  std::string text = absl::StrCat("to ", Shown(absl::StrJoin(routed.sent_to(), ", ")));
  if (routed.away_size() > 0) {
    absl::StrAppend(&text, ", away: ", Shown(absl::StrJoin(routed.away(), ", ")));
  }
  return text;
}

}  // namespace

std::string KeyFigure(const wire::Header& header, const wire::Body& body) {
  std::vector<std::string> parts;
  if (std::string subject = SubjectOf(body); !subject.empty()) parts.push_back(std::move(subject));
  if (body.has_progress()) {
    const wire::Progress& progress = body.progress();
    std::string text(PhaseWord(progress.phase()));
    if (progress.bytes_total() > 0) {
      absl::StrAppend(&text, " ", runtime::FormatBytes(progress.bytes_done()), " of ",
                      runtime::FormatBytes(progress.bytes_total()));
    }
    parts.push_back(std::move(text));
  }
  switch (body.content_case()) {
    case wire::Body::kRouted:
      parts.push_back(RoutedText(body.routed()));
      break;
    case wire::Body::kCancel:
      parts.push_back(Shown(body.cancel().reason()));
      break;
    case wire::Body::kAlarm:
      parts.push_back(absl::StrCat(Shown(body.alarm().code()), ": ", Shown(body.alarm().text())));
      break;
    case wire::Body::kPutFileRequest:
      if (body.put_file_request().has_size_bytes()) {
        parts.push_back(runtime::FormatBytes(body.put_file_request().size_bytes()));
      }
      break;
    case wire::Body::kPutFileFinal:
      if (body.put_file_final().already_held()) parts.push_back("already held");
      break;
    case wire::Body::kGetFileFinal:
      parts.push_back(runtime::FormatBytes(body.get_file_final().bytes_sent()));
      break;
    case wire::Body::kUndelivered:
      parts.push_back(absl::StrCat("to ", Shown(body.undelivered().to())));
      break;
    case wire::Body::kHello:
      parts.push_back(absl::StrCat("version ", Shown(body.hello().program_version())));
      break;
    default:
      break;
  }
  if (body.has_response() && header.kind() != wire::PROGRESS && header.kind() != wire::ROUTED) {
    parts.push_back(std::string(protocol::NameOf(body.response().code())));
    if (!body.response().text().empty()) parts.push_back(Shown(body.response().text()));
  }
  return absl::StrJoin(parts, ", ");
}

std::string WatchLine(const bus::WatchCopy& copy, absl::Time at, size_t columns) {
  const LineShape& shape = columns == 0 || columns >= kWideColumns ? kWide : kNarrow;
  const base::ConversationId conversation = ConversationOf(copy.header);
  std::string line =
      absl::StrCat(absl::FormatTime(shape.time, at, absl::LocalTimeZone()), " ",
                   conversation.is_zero() ? std::string(8, ' ') : ShortId(conversation), " ",
                   Fit(Shown(copy.header.from()), shape.from), " -> ",
                   Fit(Shown(copy.destination.ToString()), shape.to), " ",
                   Fit(TypeOf(copy.header), shape.type), " ", KeyFigure(copy.header, copy.body));
  if (columns != 0 && ColumnsOf(line) > columns) line = Fit(line, columns);
  absl::StripTrailingAsciiWhitespace(&line);
  return absl::StrCat(line, "\n");
}

void FillWatchRecord(const Heard& heard, JsonRecord& record) {
  const bus::WatchCopy& copy = heard.copy;
  const base::ConversationId conversation = ConversationOf(copy.header);
  record.Set("result", "message").Set("sequence", copy.sequence).Set("missed", copy.missed);
  record.SetTime("heard_at", heard.at).Set("message", HexOf(copy.header.message_id()));
  if (!copy.header.answers().empty()) record.Set("answers", HexOf(copy.header.answers()));
  if (heard.waited) record.Set("waited_s", absl::ToDoubleSeconds(*heard.waited));
  if (!heard.file.empty()) record.Set("file_id", heard.file);
  if (!conversation.is_zero()) record.Set("conversation", conversation.ToString());
  record.Set("from", copy.header.from()).Set("destination", copy.destination.ToString());
  record.Set("kind", protocol::KindName(copy.header.kind()));
  if (copy.header.operation() != wire::OPERATION_UNSPECIFIED) {
    record.Set("operation", protocol::OperationWord(copy.header.operation()));
  }
  if (const std::string subject = SubjectOf(copy.body); !subject.empty()) {
    record.Set("subject", subject);
  }
  if (copy.body.has_response()) {
    record.Set("response", protocol::NameOf(copy.body.response().code()));
    record.Set("text", copy.body.response().text());
  }
  if (copy.body.has_progress()) {
    record.Set("phase", PhaseWord(copy.body.progress().phase()));
    record.Set("bytes_done", static_cast<uint64_t>(copy.body.progress().bytes_done()));
    record.Set("bytes_total", static_cast<uint64_t>(copy.body.progress().bytes_total()));
  }
}

}  // namespace bitrepo::commands
