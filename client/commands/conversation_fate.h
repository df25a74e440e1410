// SPDX-License-Identifier: Apache-2.0
// What became of a conversation, judged from what the pillars have on record of it and what the
// coordinator saw; pure.
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "client/commands/exit_code.h"
#include "proto/operations.pb.h"

namespace bitrepo::commands {

enum class Fate {
  kDone,
  kFailed,       // a refusal or failure is on record
  kWorking,      // under way now
  kInterrupted,  // a crash cut it short: the same command again completes it
  kNothing,      // nothing is on record: it was not asked, or the operation leaves no record
  kSilent,       // it did not answer now
};

// Of one pillar.
struct PillarFate {
  Fate fate = Fate::kSilent;
  wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED;
  std::string text = {};
  wire::Progress progress = {};  // where it works
};

// By the records of one pillar: of several requests one that was done counts before one under way,
// and that before those that were not.
PillarFate FateOf(const wire::GetConversationFinal& records);

struct ConversationFate {
  std::string
      word;  // "done", "partial", "failed", "running", "interrupted", "unknown", "not-found"
  ExitCode code = ExitCode::kDone;
};
// `observed`: what the coordinator saw, where it did. Records of pillars outrank it.
ConversationFate Judge(const std::map<std::string, PillarFate>& pillars,
                       const wire::ObservedConversation* observed);

absl::string_view WordOf(Fate fate);

// Of one in the coordinator's list: "running", "done", "partial", "failed"; "no-request" where it
// ended with its identify.
absl::string_view SeenState(const wire::ObservedConversation& seen);

}  // namespace bitrepo::commands
