// SPDX-License-Identifier: Apache-2.0
#include "client/commands/conversation_fate.h"

#include "bus/protocol/response_code.h"

namespace bitrepo::commands {
namespace {

// Which of two requests of one conversation tells more of a pillar.
int Rank(Fate fate) {
  switch (fate) {
    case Fate::kDone:
      return 4;
    case Fate::kWorking:
      return 3;
    case Fate::kInterrupted:
      return 2;
    case Fate::kFailed:
      return 1;
    default:
      return 0;
  }
}

PillarFate FateOf(const wire::RequestRecord& record) {
  PillarFate fate;
  fate.code = record.response().code();
  fate.text = record.response().text();
  fate.progress = record.progress();
  switch (record.state()) {
    case wire::REQUEST_WORKING:
      fate.fate = Fate::kWorking;
      break;
    case wire::REQUEST_INTERRUPTED:
      fate.fate = Fate::kInterrupted;
      break;
    case wire::REQUEST_DONE:
      fate.fate = protocol::IsRefusal(fate.code) ? Fate::kFailed : Fate::kDone;
      break;
    default:
      fate.fate = Fate::kNothing;
      break;
  }
  return fate;
}

}  // namespace

PillarFate FateOf(const wire::GetConversationFinal& records) {
  PillarFate most;
  most.fate = Fate::kNothing;
  for (const wire::RequestRecord& record : records.requests()) {
    PillarFate fate = FateOf(record);
    if (Rank(fate.fate) >= Rank(most.fate)) most = std::move(fate);
  }
  return most;
}

ConversationFate Judge(const std::map<std::string, PillarFate>& pillars,
                       const wire::ObservedConversation* observed) {
  std::map<Fate, size_t> count;
  ExitTally failures;
  for (const auto& [pillar, fate] : pillars) {
    ++count[fate.fate];
    if (fate.fate == Fate::kFailed) {
      failures.Add(static_cast<ExitCode>(protocol::ExitCodeOf(fate.code)));
    }
  }
  if (count[Fate::kWorking] > 0) return {"running", ExitCode::kStillRunning};
  const bool some_not = count[Fate::kFailed] + count[Fate::kInterrupted] > 0;
  if (count[Fate::kDone] > 0 && some_not) return {"partial", ExitCode::kPartial};
  const bool on_record = count[Fate::kDone] > 0 || some_not;
  if (on_record && count[Fate::kSilent] > 0) return {"unknown", ExitCode::kUnreachable};
  if (count[Fate::kDone] > 0) return {"done", ExitCode::kDone};
  if (count[Fate::kInterrupted] > 0) return {"interrupted", ExitCode::kFailed};
  if (count[Fate::kFailed] > 0) return {"failed", failures.Result()};
  if (observed == nullptr) {
    return count[Fate::kSilent] > 0 ? ConversationFate{"unknown", ExitCode::kUnreachable}
                                    : ConversationFate{"not-found", ExitCode::kNotFound};
  }
  // Nothing on record, as of reads: what passed on the bus is all there is.
  const std::string seen(SeenState(*observed));
  return {seen, seen == "done" || seen == "no-request" ? ExitCode::kDone
                : seen == "running"                    ? ExitCode::kStillRunning
                : seen == "partial"                    ? ExitCode::kPartial
                                                       : ExitCode::kFailed};
}

absl::string_view WordOf(Fate fate) {
  switch (fate) {
    case Fate::kDone:
      return "done";
    case Fate::kFailed:
      return "failed";
    case Fate::kWorking:
      return "working";
    case Fate::kInterrupted:
      return "interrupted";
    case Fate::kNothing:
      return "no record";
    case Fate::kSilent:
      return "silent";
  }
  return "silent";
}

absl::string_view SeenState(const wire::ObservedConversation& seen) {
  if (seen.owed_by_size() > 0) return "running";
  if (seen.done_by_size() + seen.failed_at_size() == 0) return "no-request";
  if (seen.failed_at_size() == 0) return "done";
  return seen.done_by_size() > 0 ? "partial" : "failed";
}

}  // namespace bitrepo::commands
