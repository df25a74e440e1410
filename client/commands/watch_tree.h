// SPDX-License-Identifier: Apache-2.0
// The messages of the bus by conversation: replies under what they answer, who has not answered,
// and what became of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "client/commands/watch_memory.h"

namespace bitrepo::commands {

struct TreeLimits {
  size_t groups_max = 2000;            // open at once; beyond, the first to end is closed
  size_t messages_of_group_max = 200;  // more are only counted
  size_t ended_max = 20000;            // remembered, so that each has one end
  absl::Duration settled_quiet = absl::Seconds(1);  // after which nothing more is to come
  // A pillar is away, is busy, or could and was not asked: its asker may yet ask it.
  absl::Duration absent_quiet = absl::Seconds(10);
  absl::Duration open_quiet = absl::Seconds(30);  // somebody still owes an answer
};

// One message of an asker and what answers it.
struct TreeStep {
  Heard asked = {};
  uint64_t repeats = 0;  // the same message said again
  std::vector<Heard> replies = {};
  std::vector<std::string> silent = {};  // asked, and no last word from it
};

// "done": all that there are, or for a get one of them, gave what was wanted; "partial": some;
// "failed": none; "open": one still owes its final; "no-request": nobody was asked to do it;
// "late": a message said again, or an answer, after the conversation has had its verdict.
struct TreeGroup {
  std::string conversation_id = {};  // 16 bytes; empty for a message that belongs to none
  wire::Operation operation = wire::OPERATION_UNSPECIFIED;
  std::string principal = {};
  std::string collection = {};
  std::string file = {};
  absl::Time first = {};
  absl::Time last = {};
  uint64_t messages = 0;
  uint64_t left_out = 0;  // beyond messages_of_group_max
  std::vector<TreeStep> steps = {};
  std::vector<Heard> loose = {};  // whose request was not heard
  std::vector<std::string> done = {};
  std::vector<std::string> failed = {};
  std::vector<std::string> owed = {};
  std::vector<std::string> not_asked = {};  // said no, was silent or is away; never of a get
  std::string verdict = {};
  bool wanted = false;  // one of its messages passed the filter
};

// A pure machine. Groups close when they are settled and quiet, or at the end. Loop-confined.
class WatchTree {
 public:
  explicit WatchTree(TreeLimits limits = {}) : limits_(limits) {}

  // `wanted`: the message passes the filter. Closed groups are appended, in the order they closed.
  void OnHeard(Heard heard, bool wanted, std::vector<TreeGroup>& closed);
  void OnTime(absl::Time now, std::vector<TreeGroup>& closed);
  // When OnTime has something to do next; InfiniteFuture when nothing is open.
  absl::Time WakeAt() const;
  // Closes all, the oldest first.
  void Finish(std::vector<TreeGroup>& closed);
  size_t open() const { return groups_.size(); }

 private:
  struct Open {
    TreeGroup group = {};
    absl::Time end = absl::InfinitePast();  // it closes then, if nothing more is heard
  };
  using Groups = absl::btree_map<std::string, Open>;
  absl::Time EndOf(const TreeGroup& group) const;
  // Out of the open ones, with its verdict.
  TreeGroup Close(Groups::iterator open);
  void Place(Heard heard, TreeGroup& group) const;
  void NoteEnd(const std::string& id);

  const TreeLimits limits_;
  Groups groups_;  // by conversation
  absl::btree_set<std::pair<absl::Time, std::string>> ends_;
  absl::btree_set<std::string> ended_;  // conversations
  std::deque<std::string> ended_order_;
};

}  // namespace bitrepo::commands
