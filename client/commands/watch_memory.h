// SPDX-License-Identifier: Apache-2.0
// What a watcher remembers of the messages before, to say more of each: how long its answer took,
// which file its conversation is about.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "bus/watch_stream.h"

namespace bitrepo::commands {

inline constexpr size_t kRememberedMax =
    20000;  // messages that were asked, and conversations, each

// One message as it was heard.
struct Heard {
  bus::WatchCopy copy = {};
  absl::Time at = {};                         // when, by the clock of who heard it
  std::optional<absl::Duration> waited = {};  // of a reply: since what it answers was heard
  std::string file = {};                      // of its conversation; empty where none is known
  bool repeated = false;                      // an asker's message that was heard before
};

// Loop-confined. Beyond the limit the oldest is forgotten first.
class WatchMemory {
 public:
  explicit WatchMemory(size_t remembered_max = kRememberedMax) : remembered_max_(remembered_max) {}
  Heard Note(bus::WatchCopy copy, absl::Time at);

 private:
  template <typename Value>
  struct Kept {
    absl::btree_map<std::string, Value> values;
    std::deque<std::string> order;
    // False, and nothing changes, where the key is kept already.
    bool Keep(const std::string& key, Value value, size_t most);
  };
  const size_t remembered_max_;
  Kept<absl::Time> asked_;   // by message id
  Kept<std::string> files_;  // by conversation id
};

}  // namespace bitrepo::commands
