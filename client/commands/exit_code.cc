// SPDX-License-Identifier: Apache-2.0
#include "client/commands/exit_code.h"

#include "bus/protocol/response_code.h"

namespace bitrepo::commands {

void ExitTally::Add(ExitCode code) {
  if (code != ExitCode::kDone) seen_.insert(code);
}

ExitCode ExitTally::Result() const {
  if (seen_.count(ExitCode::kUsage) > 0) return ExitCode::kUsage;
  if (seen_.count(ExitCode::kIntegrity) > 0) return ExitCode::kIntegrity;
  for (const ExitCode signal :
       {ExitCode::kInterrupted, ExitCode::kTerminated, ExitCode::kBrokenPipe}) {
    if (seen_.count(signal) > 0) return signal;
  }
  for (const ExitCode code : kPrecedence) {
    if (seen_.count(code) > 0) return code;
  }
  return ExitCode::kDone;
}

ExitCode ExitCodeFor(const absl::Status& status) {
  return static_cast<ExitCode>(protocol::ExitCodeOf(protocol::CodeFor(status)));
}

bool WasNotAsked(const protocol::ContributorResult& contributor) {
  return contributor.state == protocol::ContributorResult::State::kWaiting &&
         (contributor.passed_over || contributor.code == wire::IDENTIFICATION_POSITIVE);
}

void AddOutcome(const protocol::Outcome& outcome, ExitTally& tally) {
  using State = protocol::ContributorResult::State;
  if (outcome.verdict == protocol::Verdict::kSuccess) return;
  bool some_done = false;
  bool some_failed = false;
  for (const auto& [component, contributor] : outcome.contributors) {
    if (contributor.state == State::kDone) {
      some_done = true;
      continue;
    }
    if (WasNotAsked(contributor)) continue;
    some_failed = true;
    // An unknown outcome is that of a pillar which did not answer.
    tally.Add(contributor.state == State::kUnknown ||
                      contributor.code == wire::OPERATION_COMPLETED ||
                      contributor.code == wire::RESPONSE_CODE_UNSPECIFIED
                  ? ExitCode::kUnreachable
                  : static_cast<ExitCode>(protocol::ExitCodeOf(contributor.code)));
  }
  if (some_done && some_failed) tally.Add(ExitCode::kPartial);
  if (!some_failed) {
    tally.Add(outcome.code == wire::RESPONSE_CODE_UNSPECIFIED
                  ? ExitCode::kUnreachable
                  : static_cast<ExitCode>(protocol::ExitCodeOf(outcome.code)));
  }
}

absl::string_view WordOf(ExitCode code) {
  switch (code) {
    case ExitCode::kDone:
      return "done";
    case ExitCode::kFailed:
      return "failed";
    case ExitCode::kUsage:
      return "usage";
    case ExitCode::kPartial:
      return "partial";
    case ExitCode::kNotFound:
      return "not-found";
    case ExitCode::kUnreachable:
      return "unreachable";
    case ExitCode::kIntegrity:
      return "integrity";
    case ExitCode::kRefused:
      return "refused";
    case ExitCode::kLimit:
      return "limit";
    case ExitCode::kStillRunning:
      return "still-running";
    case ExitCode::kLocal:
      return "local";
    case ExitCode::kInterrupted:
      return "interrupted";
    case ExitCode::kBrokenPipe:
      return "broken-pipe";
    case ExitCode::kTerminated:
      return "terminated";
  }
  return "failed";
}

}  // namespace bitrepo::commands
