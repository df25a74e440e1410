// SPDX-License-Identifier: Apache-2.0
// What a command tells of its results, errors and end: as words, or as JSON Lines; and the exit
// code that follows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "bus/protocol/conversation.h"
#include "client/commands/console.h"
#include "client/commands/exit_code.h"
#include "client/commands/json_lines.h"

namespace bitrepo::commands {

// Something went wrong: what, with whom, whether trying again may help, and how to go on.
struct Problem {
  ExitCode code = ExitCode::kFailed;
  std::string message;
  std::string pillar = {};
  std::string file_id = {};
  std::string conversation = {};
  bool retryable = false;
  std::string hint = {};  // the next command
};

// Threads: thread-safe.
class Report {
 public:
  Report(Console& console, std::string command, bool json);

  bool json() const { return json_; }
  Console& console() { return console_; }
  void SetCollection(std::string collection);

  void Start(const std::vector<std::string>& words, absl::string_view version);
  // An empty record of this command: type, time, command, collection.
  JsonRecord Record(absl::string_view type) const;
  void Emit(const JsonRecord& record);
  // A result: the record with --json, else the text (with its line ends).
  void Item(const JsonRecord& record, absl::string_view text);
  // Counts in the summary, under a word: "stored", "already-held", "failed".
  void Count(absl::string_view result, uint64_t bytes = 0);
  void Error(const Problem& problem);
  // The record alone, where the words are told together with those of others.
  void ErrorRecord(const Problem& problem);
  // The code alone: for what was told otherwise.
  void Add(ExitCode code);
  // The command that goes on with what is left undone.
  void SetResume(std::string resume);
  // Always the last record.
  ExitCode Finish();
  uint64_t CountOf(const std::string& result) const;
  // kPartial when of several files some are "not-found" and some are there; else kDone.
  ExitCode PartlyFound() const;
  ExitCode result() const;

 private:
  Console& console_;
  const std::string command_;
  const bool json_;
  const absl::Time begun_;
  mutable base::Mutex mutex_;
  std::string collection_ ABSL_GUARDED_BY(mutex_);
  std::string resume_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  ExitTally tally_ ABSL_GUARDED_BY(mutex_);
};

// An operation whose outcome is told when it is no success.
struct Attempted {
  absl::string_view what;    // "store", "deliver"
  std::string file_id = {};  // empty: of no single file
  base::ConversationId conversation;
  std::string again;      // the command that tries again, where that may help
  std::string look = {};  // the command that shows what stands in the way, where something does
};

// One problem for each answer that was given; pillars with the same one are named together.
void ReportOutcome(Report& report, const Attempted& attempted, const protocol::Outcome& outcome);

}  // namespace bitrepo::commands
