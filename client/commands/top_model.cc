// SPDX-License-Identifier: Apache-2.0
#include "client/commands/top_model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "bus/protocol/subject.h"
#include "client/commands/console.h"
#include "client/commands/roster_words.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

using protocol::Destination;

// A UUIDv7 begins with the milliseconds of its making; the clock of who made it may differ.
absl::Time MadeAt(const std::string& conversation_id) {
  int64_t milliseconds = 0;
  for (size_t i = 0; i < 6 && i < conversation_id.size(); ++i) {
    milliseconds = milliseconds << 8 | static_cast<unsigned char>(conversation_id[i]);
  }
  return absl::FromUnixMillis(milliseconds);
}

bool IsRefused(const bus::WatchCopy& copy) {
  return copy.body.has_response() && protocol::IsRefusal(copy.body.response().code());
}

uint64_t BytesOf(const bus::WatchCopy& copy) {
  return copy.destination.ToString().size() + copy.header.ByteSizeLong() + copy.body.ByteSizeLong();
}

void SortPillars(std::vector<TopFrame::Pillar>& pillars, TopOrder order) {
  std::stable_sort(pillars.begin(), pillars.end(), [order](const auto& a, const auto& b) {
    const wire::Load& load_a = a.member.load();
    const wire::Load& load_b = b.member.load();
    switch (order) {
      case TopOrder::kRate:
        return load_a.in_bytes_per_second() + load_a.out_bytes_per_second() >
               load_b.in_bytes_per_second() + load_b.out_bytes_per_second();
      case TopOrder::kErrors:
        return a.errors > b.errors;
      case TopOrder::kAge:
        break;
    }
    return false;  // by name, as the roster has them
  });
}

void SortConversations(std::vector<TopFrame::Conversation>& conversations, TopOrder order) {
  std::stable_sort(
      conversations.begin(), conversations.end(), [order](const auto& a, const auto& b) {
        if (order == TopOrder::kRate && a.messages_per_second != b.messages_per_second) {
          return a.messages_per_second > b.messages_per_second;
        }
        if (order == TopOrder::kErrors && a.errors != b.errors) {
          return a.errors > b.errors;
        }
        return a.age > b.age;
      });
}

std::string PillarLine(const TopFrame::Pillar& pillar) {
  const wire::RosterMember& member = pillar.member;
  std::string line = absl::StrCat(Fit(Shown(member.component_id()), 13), " ",
                                  Fit(KindWord(member), 9), Fit(StateWord(member), 10));
  if (member.present()) {
    const wire::Load& load = member.load();
    absl::StrAppend(&line, Fit(absl::StrCat(load.queue()), 6),
                    Fit(Rate(static_cast<double>(load.in_bytes_per_second())), 12),
                    Fit(Rate(static_cast<double>(load.out_bytes_per_second())), 12),
                    Fit(absl::StrCat(pillar.errors), 7),
                    ShortDuration(absl::Microseconds(member.silent_us())));
  } else {
    absl::StrAppend(&line, std::string(30, ' '), pillar.errors);
  }
  return line;
}

std::string ConversationLine(const TopFrame::Conversation& each) {
  const auto id = base::ConversationId::FromBytes(each.id);
  std::string owed = absl::StrJoin(each.owed_by, ",");
  return absl::StrCat(Fit(ShortDuration(each.age), 9), Fit(id.ok() ? ShortId(*id) : "", 9),
                      Fit(protocol::OperationWord(each.operation), 12),
                      Fit(Shown(each.principal), 10), " ", Fit(each.phase, 10),
                      Fit(Shown(owed.empty() ? "-" : owed), 13), " ", Shown(each.file));
}

}  // namespace

void TopModel::OnCopy(const bus::WatchCopy& copy, absl::Time at) {
  ++messages_;
  bytes_ += BytesOf(copy);
  const wire::Header& header = copy.header;
  if (header.kind() == wire::ALARM) ++alarms_;
  const bool refused = IsRefused(copy);
  const protocol::KindRow* row = protocol::FindKind(header.kind());
  const bool is_answer = row != nullptr && row->speaker == protocol::Speaker::kContributor;
  if (refused && is_answer) ++errors_[header.from()];
  if (header.conversation_id().empty()) return;
  Seen& seen = conversations_[header.conversation_id()];
  if (seen.heard == absl::Time()) seen.begun = std::min(at, MadeAt(header.conversation_id()));
  seen.heard = at;
  ++seen.messages;
  if (refused) ++seen.errors;
  if (seen.operation == wire::OPERATION_UNSPECIFIED) seen.operation = header.operation();
  if (seen.file.empty()) seen.file = protocol::FileIdOf(copy.body);
  if (row != nullptr && row->speaker == protocol::Speaker::kAsker) {
    if (seen.principal.empty()) seen.principal = header.from();
    seen.is_settled = false;
  }
  switch (header.kind()) {
    case wire::REQUEST:
      seen.owed[header.message_id()] = copy.destination.kind == Destination::Kind::kCoordinator
                                           ? std::string("coordinator")
                                           : copy.destination.id;
      break;
    case wire::PROGRESS:
      seen.phase = std::string(PhaseWord(copy.body.progress().phase()));
      break;
    case wire::FINAL:
    case wire::UNDELIVERED:
    case wire::REFUSED:
      seen.owed.erase(header.answers());
      seen.is_settled = seen.owed.empty();
      break;
    default:
      break;
  }
  if (conversations_.size() > kTopConversationsMax) {
    conversations_.erase(std::min_element(
        conversations_.begin(), conversations_.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
  }
}

void TopModel::OnRoster(const wire::RosterReply& roster) {
  roster_ = roster;
  coordinator_answers_ = true;
}

void TopModel::DropSilent(absl::Time now) {
  for (auto it = conversations_.begin(); it != conversations_.end();) {
    const bool over = it->second.is_settled || now - it->second.heard > kTopSilentLongest;
    it = over ? conversations_.erase(it) : std::next(it);
  }
}

TopFrame TopModel::TakeFrame(absl::Time now, TopOrder order) {
  const double seconds = std::max(1e-3, absl::ToDoubleSeconds(now - frame_begun_));
  TopFrame frame;
  frame.at = now;
  frame.messages_per_second = static_cast<double>(std::exchange(messages_, 0)) / seconds;
  frame.bytes_per_second = static_cast<double>(std::exchange(bytes_, 0)) / seconds;
  frame.missed = missed_;
  frame.alarms = alarms_;
  frame.coordinator_answers = coordinator_answers_;
  for (const wire::RosterMember& member : roster_.members()) {
    if (member.kind() != wire::PILLAR) continue;
    const auto errors = errors_.find(member.component_id());
    frame.pillars.push_back({member, errors == errors_.end() ? 0 : errors->second});
  }
  DropSilent(now);
  for (auto& [id, seen] : conversations_) {
    TopFrame::Conversation& each = frame.conversations.emplace_back();
    each.id = id;
    each.age = now - seen.begun;
    each.silent = now - seen.heard;
    each.operation = seen.operation;
    each.file = seen.file;
    each.principal = seen.principal;
    each.phase = seen.phase;
    for (const auto& [request, addressee] : seen.owed) each.owed_by.push_back(addressee);
    std::sort(each.owed_by.begin(), each.owed_by.end());
    each.owed_by.erase(std::unique(each.owed_by.begin(), each.owed_by.end()), each.owed_by.end());
    each.messages_per_second = static_cast<double>(std::exchange(seen.messages, 0)) / seconds;
    each.errors = seen.errors;
  }
  frame_begun_ = now;
  SortPillars(frame.pillars, order);
  SortConversations(frame.conversations, order);
  return frame;
}

std::vector<std::string> TopLines(const TopFrame& frame, size_t columns, size_t rows) {
  std::vector<std::string> lines = {
      absl::StrCat(absl::FormatTime("%H:%M:%S", frame.at, absl::LocalTimeZone()), "  ",
                   absl::StrFormat("%.1f", frame.messages_per_second), " messages/s  ",
                   Rate(frame.bytes_per_second), "  ",
                   CountedOf(frame.conversations.size(), "conversation"), "  ",
                   CountedOf(frame.alarms, "alarm"), "  missed ", Counted(frame.missed)),
      frame.coordinator_answers ? "" : "the coordinator does not answer; pillars as last known",
      absl::StrCat(Fit("pillar", 14), Fit("kind", 9), Fit("state", 10), Fit("queue", 6),
                   Fit("in", 12), Fit("out", 12), Fit("errors", 7), "heard")};
  for (const TopFrame::Pillar& pillar : frame.pillars) lines.push_back(PillarLine(pillar));
  lines.emplace_back();
  lines.push_back(absl::StrCat(Fit("age", 9), Fit("conv", 9), Fit("operation", 12),
                               Fit("client", 11), Fit("phase", 10), Fit("owed by", 14), "file"));
  const size_t head = lines.size();
  for (const TopFrame::Conversation& each : frame.conversations) {
    lines.push_back(ConversationLine(each));
  }
  if (rows > 0 && lines.size() > rows) {
    const size_t hidden = lines.size() - rows + 1;
    lines.resize(std::max<size_t>(rows, 1) - 1);
    lines.push_back(rows > head ? absl::StrCat("... and ", Counted(hidden), " more") : "...");
  }
  for (std::string& line : lines) {
    if (columns > 0 && ColumnsOf(line) > columns) line = Fit(line, columns);
    absl::StripTrailingAsciiWhitespace(&line);
  }
  return lines;
}

void EmitTop(const TopFrame& frame, const std::function<JsonRecord()>& make,
             const std::function<void(const JsonRecord&)>& emit) {
  JsonRecord bus = make();
  bus.Set("result", "bus").Set("messages_per_s", frame.messages_per_second);
  bus.Set("bytes_per_s", frame.bytes_per_second);
  bus.Set("conversations", static_cast<uint64_t>(frame.conversations.size()));
  bus.Set("alarms", frame.alarms).Set("missed", frame.missed);
  bus.Set("coordinator_answers", frame.coordinator_answers);
  emit(bus);
  for (const TopFrame::Pillar& each : frame.pillars) {
    const wire::Load& load = each.member.load();
    JsonRecord record = make();
    record.Set("result", StateWord(each.member)).Set("pillar", each.member.component_id());
    record.Set("kind", KindWord(each.member)).Set("queue", static_cast<uint64_t>(load.queue()));
    record.Set("in_bps", static_cast<uint64_t>(load.in_bytes_per_second()));
    record.Set("out_bps", static_cast<uint64_t>(load.out_bytes_per_second()));
    record.Set("errors", each.errors);
    record.Set("silent_s", static_cast<double>(each.member.silent_us()) / 1e6);
    emit(record);
  }
  for (const TopFrame::Conversation& each : frame.conversations) {
    const auto id = base::ConversationId::FromBytes(each.id);
    if (!id.ok()) continue;
    JsonRecord record = make();
    record.Set("result", "conversation").Set("conversation", id->ToString());
    record.Set("operation", protocol::OperationWord(each.operation));
    record.Set("age_s", absl::ToDoubleSeconds(each.age));
    record.Set("silent_s", absl::ToDoubleSeconds(each.silent));
    if (!each.file.empty()) record.Set("file_id", each.file);
    if (!each.principal.empty()) record.Set("principal", each.principal);
    if (!each.phase.empty()) record.Set("phase", each.phase);
    record.Set("owed_by", each.owed_by).Set("errors", each.errors);
    emit(record);
  }
}

}  // namespace bitrepo::commands
