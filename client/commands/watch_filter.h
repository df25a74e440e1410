// SPDX-License-Identifier: Apache-2.0
// Which messages of the bus a watcher wants to see.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/commands/grammar.h"
#include "client/commands/watch_memory.h"

namespace bitrepo::commands {

// Immutable once it is made; pure. A message passes when for each key that was given one of its
// values fits, and nothing that was excluded does.
class WatchFilter {
 public:
  // Keys: conv, pillar, client, type, phase, file, slower-than, and errors (without a value).
  // kInvalidArgument names the key or the value, and says which there are.
  absl::Status Require(absl::string_view key, absl::string_view value);
  absl::Status Exclude(absl::string_view key, absl::string_view value);

  bool Passes(const Heard& heard) const;

 private:
  using Test = std::function<bool(const Heard&)>;
  static absl::StatusOr<Test> MakeTest(absl::string_view key, absl::string_view value);

  absl::btree_map<std::string, std::vector<Test>> required_;  // by key
  std::vector<Test> excluded_;
};

// True for a conversation that `text` means: its id, or the first or last characters of it.
bool MeansConversation(absl::string_view text, const std::string& conversation_id);

// The flags of a filter as a command takes them.
struct FilterFlags {
  std::vector<std::string> conv = {};
  std::vector<std::string> pillar = {};
  std::vector<std::string> client = {};
  std::vector<std::string> type = {};
  std::vector<std::string> phase = {};
  std::vector<std::string> file = {};
  std::vector<std::string> exclude = {};  // "key=value", "errors"
  std::string slower_than = {};
  bool errors = false;

  std::vector<FlagRow> rows();
  // kInvalidArgument names the flag.
  absl::StatusOr<WatchFilter> Read() const;
};

}  // namespace bitrepo::commands
