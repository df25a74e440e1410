// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_tree_lines.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "bus/protocol/primitive.h"
#include "client/commands/console.h"
#include "client/commands/watch_lines.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kKindColumns = 10;
constexpr size_t kNameColumns = 14;
constexpr size_t kWaitedColumns = 9;

std::string Cut(std::string line, size_t columns) {
  if (columns != 0 && ColumnsOf(line) > columns) line = Fit(line, columns);
  return line;
}

std::string HeadText(const TreeGroup& group) {
  const auto id = base::ConversationId::FromBytes(group.conversation_id);
  std::vector<std::string> parts = {
      absl::FormatTime("%H:%M:%E3S", group.first, absl::LocalTimeZone())};
  if (id.ok()) parts.push_back(ShortId(*id));
  if (group.operation != wire::OPERATION_UNSPECIFIED) {
    parts.push_back(protocol::OperationWord(group.operation));
  }
  if (!group.file.empty()) parts.push_back(Shown(group.file));
  if (!group.principal.empty()) parts.push_back(absl::StrCat("by ", Shown(group.principal)));
  if (!group.collection.empty()) parts.push_back(absl::StrCat("in ", Shown(group.collection)));
  return absl::StrJoin(parts, " ");
}

std::string WaitedText(absl::Duration waited) {
  return waited < absl::Seconds(1) ? absl::StrCat("+", absl::ToInt64Milliseconds(waited), " ms")
                                   : absl::StrCat("+", ShortDuration(waited));
}

std::string ReplyText(const Heard& reply) {
  const wire::Header& header = reply.copy.header;
  const std::string waited = reply.waited ? WaitedText(*reply.waited) : "";
  std::string figure = KeyFigure(header, reply.copy.body);
  if (figure.empty()) figure = protocol::KindName(header.kind());
  return absl::StrCat("    ", Fit(Shown(header.from()), kNameColumns), " ",
                      Fit(waited, kWaitedColumns), " ", figure);
}

// The last progress of each phase says what those before it said.
bool IsOvertaken(const std::vector<Heard>& replies, size_t at) {
  const auto is_progress = [](const Heard& reply) {
    return reply.copy.header.kind() == wire::PROGRESS;
  };
  return is_progress(replies[at]) && at + 1 < replies.size() && is_progress(replies[at + 1]) &&
         replies[at].copy.body.progress().phase() == replies[at + 1].copy.body.progress().phase();
}

}  // namespace

std::string VerdictText(const TreeGroup& group) {
  std::vector<std::string> parts;
  const auto add = [&parts](absl::string_view word, const std::vector<std::string>& names) {
    if (!names.empty()) parts.push_back(absl::StrCat(word, Shown(absl::StrJoin(names, ", "))));
  };
  add("done at ", group.done);
  add("failed at ", group.failed);
  add("owed by ", group.owed);
  add("not asked: ", group.not_asked);
  const std::string nobody =
      group.verdict == "late" ? "it has had its verdict" : "nobody was asked to do it";
  std::string text = absl::StrCat(
      "  = ", group.verdict, ": ", parts.empty() ? nobody : absl::StrJoin(parts, "; "), "; ",
      ShortDuration(group.last - group.first), ", ", CountedOf(group.messages, "message"));
  if (group.left_out > 0) absl::StrAppend(&text, ", ", Counted(group.left_out), " not shown");
  return text;
}

std::string TreeText(const TreeGroup& group, size_t columns) {
  if (group.conversation_id.empty()) {
    std::string lines;
    for (const Heard& heard : group.loose) {
      absl::StrAppend(&lines, WatchLine(heard.copy, heard.at, columns));
    }
    return lines;
  }
  std::vector<std::string> lines = {HeadText(group)};
  for (const TreeStep& step : group.steps) {
    const wire::Header& header = step.asked.copy.header;
    std::string line = absl::StrCat("  ", Fit(protocol::KindName(header.kind()), kKindColumns),
                                    " -> ", Shown(step.asked.copy.destination.ToString()), "  ",
                                    KeyFigure(header, step.asked.copy.body));
    if (step.repeats > 0) absl::StrAppend(&line, ", said ", step.repeats + 1, " times");
    lines.push_back(std::move(line));
    for (size_t i = 0; i < step.replies.size(); ++i) {
      if (!IsOvertaken(step.replies, i)) lines.push_back(ReplyText(step.replies[i]));
    }
    if (!step.silent.empty()) {
      lines.push_back(absl::StrCat("    no answer from ", Shown(absl::StrJoin(step.silent, ", "))));
    }
  }
  if (!group.loose.empty() && group.verdict != "late") {
    lines.push_back("  to what was asked before the watch began");
  }
  for (size_t i = 0; i < group.loose.size(); ++i) {
    if (!IsOvertaken(group.loose, i)) lines.push_back(ReplyText(group.loose[i]));
  }
  lines.push_back(VerdictText(group));
  std::string text;
  for (std::string& line : lines) {
    absl::StrAppend(&text, Cut(std::move(line), columns), "\n");
  }
  return text;
}

void EmitTree(const TreeGroup& group, const std::function<JsonRecord()>& make,
              const std::function<void(const JsonRecord&)>& emit) {
  const auto tell = [&](const Heard& heard, std::optional<int> depth) {
    JsonRecord record = make();
    FillWatchRecord(heard, record);
    if (depth) record.Set("depth", *depth);
    emit(record);
  };
  for (const TreeStep& step : group.steps) {
    tell(step.asked, 0);
    for (const Heard& reply : step.replies) tell(reply, 1);
  }
  for (const Heard& heard : group.loose) tell(heard, std::nullopt);
  const auto id = base::ConversationId::FromBytes(group.conversation_id);
  if (!id.ok()) return;
  std::vector<std::string> silent;
  for (const TreeStep& step : group.steps) {
    silent.insert(silent.end(), step.silent.begin(), step.silent.end());
  }
  std::sort(silent.begin(), silent.end());
  silent.erase(std::unique(silent.begin(), silent.end()), silent.end());
  JsonRecord record = make();
  record.Set("result", "verdict").Set("conversation", id->ToString());
  record.Set("verdict", group.verdict);
  record.Set("operation", protocol::OperationWord(group.operation));
  if (!group.file.empty()) record.Set("file_id", group.file);
  if (!group.principal.empty()) record.Set("principal", group.principal);
  record.Set("done_at", group.done).Set("failed_at", group.failed).Set("owed_by", group.owed);
  record.Set("not_asked", group.not_asked).Set("no_answer_from", silent);
  record.Set("seconds", absl::ToDoubleSeconds(group.last - group.first));
  record.Set("messages", group.messages).Set("left_out", group.left_out);
  emit(record);
}

}  // namespace bitrepo::commands
