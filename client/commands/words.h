// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "bus/protocol/conversation.h"
#include "proto/types.pb.h"

namespace bitrepo::commands {

std::string Counted(uint64_t number);                                // "2,000"
std::string CountedOf(uint64_t number, absl::string_view singular);  // "1 file", "2,000 files"
std::string Rate(double bytes_per_second);                           // "118.2 MiB/s"
std::string ShortDuration(absl::Duration duration);  // "0.3 s", "4 s", "2:05", "1:02:05"
std::string Timestamp(absl::Time time);              // "2026-01-31 12:00:00Z"
std::string ErrnoText(int error);
// Safe on a terminal: controls and what is no UTF-8 escaped.
std::string Shown(absl::string_view text);
// The first characters of a conversation's random part, enough to tell those on a screen apart.
std::string ShortId(const base::ConversationId& id);
// "receiving", "storing".
absl::string_view PhaseWord(wire::Phase phase);
// As the bitrepository.org protocol names it: "COMPONENT_COMPLETE".
absl::string_view EventName(protocol::EventKind kind);
// `text` as one word of a POSIX shell.
std::string ShellWord(absl::string_view text);
// As parts of a command line to go on with, each with a blank before it; right also for what begins
// with '-'. ArgumentWords stand last.
std::string FlagWords(absl::string_view flag, absl::string_view value);
std::string ArgumentWords(const std::vector<std::string>& arguments);

}  // namespace bitrepo::commands
