// SPDX-License-Identifier: Apache-2.0
#include "client/commands/report.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "bus/protocol/response_code.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

using State = protocol::ContributorResult::State;

// What one contributor says, but for who says it; the words follow a list of names.
struct Answer {
  ExitCode code = ExitCode::kFailed;
  bool retryable = false;
  std::string words;
};

Answer AnswerOf(const Attempted& attempted, const protocol::ContributorResult& contributor) {
  const std::string deed =
      absl::StrCat(attempted.what, attempted.file_id.empty() ? "" : " ", Shown(attempted.file_id));
  if (contributor.away) {
    return {ExitCode::kUnreachable, true, absl::StrCat("did not ", deed, " (away)")};
  }
  const protocol::ResponseCodeRow& row = protocol::RowOf(contributor.code);
  if (contributor.state == State::kUnknown || contributor.state == State::kWorking) {
    return {ExitCode::kUnreachable, true,
            absl::StrCat("may or may not have come to ", deed, " (no final word)")};
  }
  const bool nameless = contributor.code == wire::RESPONSE_CODE_UNSPECIFIED;
  return {nameless ? ExitCode::kUnreachable : static_cast<ExitCode>(row.exit_code), row.retryable,
          absl::StrCat("did not ", deed, nameless ? "" : absl::StrCat(" (", row.name, ")"))};
}

std::string HintFor(const Attempted& attempted, ExitCode code, bool retryable) {
  const bool blocked =
      code == ExitCode::kRefused || code == ExitCode::kNotFound || code == ExitCode::kIntegrity;
  if (blocked && !retryable) return attempted.look;
  return attempted.again;
}

}  // namespace

Report::Report(Console& console, std::string command, bool json)
    : console_(console), command_(std::move(command)), json_(json), begun_(absl::Now()) {}

void Report::SetCollection(std::string collection) {
  base::MutexLock lock(mutex_);
  collection_ = std::move(collection);
}

JsonRecord Report::Record(absl::string_view type) const {
  JsonRecord record(type);
  record.SetTime("time", absl::Now());
  record.Set("command", command_);
  base::MutexLock lock(mutex_);
  if (!collection_.empty()) record.Set("collection", collection_);
  return record;
}

void Report::Emit(const JsonRecord& record) {
  if (!json_) return;
  console_.Result(absl::StrCat(record.ToString(), "\n"));
}

void Report::Start(const std::vector<std::string>& words, absl::string_view version) {
  if (!json_) return;
  JsonRecord record = Record("start");
  record.Set("arguments", words).Set("host", HostName()).Set("version", version);
  Emit(record);
  console_.Flush();
}

void Report::Item(const JsonRecord& record, absl::string_view text) {
  if (json_) {
    Emit(record);
  } else {
    console_.Result(text);
  }
}

void Report::Count(absl::string_view result, uint64_t bytes) {
  base::MutexLock lock(mutex_);
  ++counts_[std::string(result)];
  bytes_ += bytes;
}

uint64_t Report::CountOf(const std::string& result) const {
  base::MutexLock lock(mutex_);
  const auto it = counts_.find(result);
  return it == counts_.end() ? 0 : it->second;
}

ExitCode Report::PartlyFound() const {
  const bool some_there = CountOf("agreed") + CountOf("disagreed") > 0;
  return some_there && CountOf("not-found") > 0 ? ExitCode::kPartial : ExitCode::kDone;
}

void Report::ErrorRecord(const Problem& problem) {
  Add(problem.code);
  if (!json_) return;
  JsonRecord record = Record("error");
  record.Set("code", WordOf(problem.code));
  if (!problem.pillar.empty()) record.Set("pillar", problem.pillar);
  if (!problem.file_id.empty()) record.Set("file_id", problem.file_id);
  if (!problem.conversation.empty()) record.Set("conversation", problem.conversation);
  record.Set("retryable", problem.retryable).Set("message", problem.message);
  if (!problem.hint.empty()) record.Set("hint", problem.hint);
  Emit(record);
}

void Report::Error(const Problem& problem) {
  ErrorRecord(problem);
  console_.Error(absl::StrCat(problem.message, problem.retryable ? "; trying again may help" : "",
                              problem.hint.empty() ? "" : absl::StrCat("; next: ", problem.hint)));
}

void Report::Add(ExitCode code) {
  base::MutexLock lock(mutex_);
  tally_.Add(code);
}

void Report::SetResume(std::string resume) {
  base::MutexLock lock(mutex_);
  resume_ = std::move(resume);
}

ExitCode Report::result() const {
  base::MutexLock lock(mutex_);
  return tally_.Result();
}

ExitCode Report::Finish() {
  console_.Flush();
  if (const int error = console_.output_error(); error == EPIPE) {
    Add(ExitCode::kBrokenPipe);
  } else if (error != 0) {
    console_.Error(absl::StrCat("standard output cannot be written: ", ErrnoText(error)));
    Add(ExitCode::kLocal);
  }
  const ExitCode code = result();
  if (!json_) return code;
  JsonRecord record = Record("summary");
  {
    base::MutexLock lock(mutex_);
    JsonRecord counts = JsonRecord::Inner();
    for (const auto& [result, count] : counts_) counts.Set(result, count);
    record.Set("counts", counts).Set("bytes", bytes_);
    record.Set("seconds", absl::ToDoubleSeconds(absl::Now() - begun_));
    record.Set("exit_code", static_cast<int>(code));
    if (!resume_.empty()) record.Set("resume", resume_);
  }
  Emit(record);
  console_.Flush();
  return code;
}

void ReportOutcome(Report& report, const Attempted& attempted, const protocol::Outcome& outcome) {
  if (outcome.verdict == protocol::Verdict::kSuccess) return;
  ExitTally tally;
  AddOutcome(outcome, tally);
  report.Add(tally.Result());
  Problem problem;
  problem.file_id = attempted.file_id;
  problem.conversation = attempted.conversation.ToString();
  // In the order in which the answers first come: the names of those that gave it, and one's own
  // text.
  struct Group {
    Answer answer;
    std::vector<std::string> pillars;
    std::string text;
  };
  std::vector<Group> groups;
  std::vector<std::string> not_asked;
  for (const auto& [component, contributor] : outcome.contributors) {
    if (contributor.state == State::kDone) continue;
    if (WasNotAsked(contributor)) {
      if (contributor.code == wire::IDENTIFICATION_POSITIVE) not_asked.push_back(component.text());
      continue;
    }
    Answer answer = AnswerOf(attempted, contributor);
    problem.code = answer.code;
    problem.pillar = component.text();
    problem.retryable = answer.retryable;
    problem.message = absl::StrCat(component.text(), " ", answer.words,
                                   contributor.text.empty() ? "" : ": ", Shown(contributor.text));
    problem.hint = HintFor(attempted, answer.code, answer.retryable);
    report.ErrorRecord(problem);
    auto group = std::find_if(groups.begin(), groups.end(), [&answer](const Group& each) {
      return each.answer.words == answer.words;
    });
    if (group == groups.end()) {
      groups.push_back({std::move(answer), {}, Shown(contributor.text)});
      group = groups.end() - 1;
    }
    group->pillars.push_back(component.text());
  }
  for (const Group& group : groups) {
    const std::string hint = HintFor(attempted, group.answer.code, group.answer.retryable);
    report.console().Error(absl::StrCat(absl::StrJoin(group.pillars, ", "), " ", group.answer.words,
                                        group.text.empty() ? "" : ": ", group.text,
                                        group.answer.retryable ? "; trying again may help" : "",
                                        hint.empty() ? "" : absl::StrCat("; next: ", hint)));
  }
  if (!not_asked.empty()) {
    report.console().Note(absl::StrCat("bitrepo: not asked, though they said that they could: ",
                                       absl::StrJoin(not_asked, ", ")));
  }
  if (!groups.empty()) return;
  problem.pillar.clear();
  problem.code = tally.Result();
  problem.retryable = protocol::RowOf(outcome.code).retryable;
  problem.message =
      absl::StrCat("nobody could ", attempted.what, attempted.file_id.empty() ? "" : " ",
                   Shown(attempted.file_id), outcome.text.empty() ? "" : ": ", Shown(outcome.text));
  problem.hint = HintFor(attempted, problem.code, problem.retryable);
  report.Error(problem);
}

}  // namespace bitrepo::commands
