// SPDX-License-Identifier: Apache-2.0
// The exit codes of the command line, a contract; and which of several is told.
#pragma once

#include <array>
#include <cstdint>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bus/protocol/conversation.h"

namespace bitrepo::commands {

// Never renumber: scripts rest on them.
enum class ExitCode {
  kDone = 0,     // all that was asked for is done and proved
  kFailed = 1,   // none of those below
  kUsage = 2,    // usage or settings; nothing was sent
  kPartial = 3,  // some items or pillars, not all
  kNotFound = 4,
  kUnreachable = 5,   // or timed out: trying again may help
  kIntegrity = 6,     // mismatch, missing copy
  kRefused = 7,       // precondition, permission, missing confirmation
  kLimit = 8,         // stopped at a limit that was set
  kStillRunning = 9,  // at the pillars, when the wait ended
  kLocal = 10,        // a file or disk of this machine
  kInterrupted = 130,
  kBrokenPipe = 141,  // nobody reads the output any more
  kTerminated = 143,
};

// The first of these that applies is told.
inline constexpr std::array<ExitCode, 10> kPrecedence = {
    ExitCode::kUsage,    ExitCode::kIntegrity,   ExitCode::kRefused,      ExitCode::kPartial,
    ExitCode::kLocal,    ExitCode::kUnreachable, ExitCode::kStillRunning, ExitCode::kLimit,
    ExitCode::kNotFound, ExitCode::kFailed};

// Gathers what became of everything a command did. Loop-confined value.
class ExitTally {
 public:
  void Add(ExitCode code);
  // kDone when nothing else was added; a signal outranks what else was found, except damage.
  ExitCode Result() const;

 private:
  std::set<ExitCode> seen_;
};

// What a refusal or failure at this machine means; never kDone.
ExitCode ExitCodeFor(const absl::Status& status);
// It could have served and was never asked: it has not failed.
bool WasNotAsked(const protocol::ContributorResult& contributor);
// What the outcome of one operation means: every contributor that failed counts, and kPartial when
// others did not. kDone for a success.
void AddOutcome(const protocol::Outcome& outcome, ExitTally& tally);
// For the record of an error: "not-found", "integrity".
absl::string_view WordOf(ExitCode code);

}  // namespace bitrepo::commands
