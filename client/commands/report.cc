// SPDX-License-Identifier: Apache-2.0
#include "client/commands/report.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/utf8.h"
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

Problem ProblemOf(absl::string_view what, const std::string& file_id, const std::string& pillar,
                  const protocol::ContributorResult& contributor) {
  const std::string subject = file_id.empty() ? "" : absl::StrCat(" ", Shown(file_id));
  Problem problem;
  problem.pillar = pillar;
  problem.file_id = file_id;
  if (contributor.away) {
    problem.code = ExitCode::kUnreachable;
    problem.retryable = true;
    problem.message = absl::StrCat(pillar, " is away and did not ", what, subject);
    return problem;
  }
  if (contributor.state == State::kUnknown) {
    problem.code = ExitCode::kUnreachable;
    problem.retryable = true;
    problem.message = absl::StrCat("it is not known whether ", pillar, " did ", what, subject,
                                   contributor.text.empty() ? "" : ": ", contributor.text);
    return problem;
  }
  const protocol::ResponseCodeRow& row = protocol::RowOf(contributor.code);
  problem.code = contributor.code == wire::RESPONSE_CODE_UNSPECIFIED
                     ? ExitCode::kUnreachable
                     : static_cast<ExitCode>(row.exit_code);
  problem.retryable = row.retryable;
  problem.message = absl::StrCat(pillar, " did not ", what, subject, " (", row.name, ")",
                                 contributor.text.empty() ? "" : ": ",
                                 base::Printable(contributor.text, 512));
  return problem;
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

void Report::Error(const Problem& problem) {
  Add(problem.code);
  if (json_) {
    JsonRecord record = Record("error");
    record.Set("code", WordOf(problem.code));
    if (!problem.pillar.empty()) record.Set("pillar", problem.pillar);
    if (!problem.file_id.empty()) record.Set("file_id", problem.file_id);
    if (!problem.conversation.empty()) record.Set("conversation", problem.conversation);
    record.Set("retryable", problem.retryable).Set("message", problem.message);
    if (!problem.hint.empty()) record.Set("hint", problem.hint);
    Emit(record);
  }
  console_.Error(absl::StrCat(problem.message,
                              problem.retryable ? "; trying again may help" : "",
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

void ReportOutcome(Report& report, absl::string_view what, const std::string& file_id,
                   const base::ConversationId& conversation, const protocol::Outcome& outcome,
                   const std::string& hint) {
  if (outcome.verdict == protocol::Verdict::kSuccess) return;
  ExitTally tally;
  AddOutcome(outcome, tally);
  bool told = false;
  for (const auto& [component, contributor] : outcome.contributors) {
    if (contributor.state == State::kDone) continue;
    Problem problem = ProblemOf(what, file_id, component.text(), contributor);
    problem.conversation = conversation.ToString();
    if (!std::exchange(told, true)) problem.hint = hint;
    report.Error(problem);
  }
  if (!told) {
    const protocol::ResponseCodeRow& row = protocol::RowOf(outcome.code);
    Problem problem;
    problem.code = tally.Result();
    problem.file_id = file_id;
    problem.conversation = conversation.ToString();
    problem.retryable = row.retryable || outcome.code == wire::RESPONSE_CODE_UNSPECIFIED;
    problem.message =
        absl::StrCat("nobody could ", what, file_id.empty() ? "" : " ", Shown(file_id),
                     outcome.text.empty() ? "" : ": ", base::Printable(outcome.text, 512));
    problem.hint = hint;
    report.Error(problem);
  }
  report.Add(tally.Result());
}

}  // namespace bitrepo::commands
