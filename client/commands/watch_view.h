// SPDX-License-Identifier: Apache-2.0
// How messages of the bus are shown: through a filter, as lines or by conversation, until an end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/commands/session.h"
#include "client/commands/watch_filter.h"
#include "client/commands/watch_memory.h"
#include "client/commands/watch_tree.h"

namespace bitrepo::commands {

// Notices that a conversation has come to its end: a pure machine. Loop-confined.
class FinalWatch {
 public:
  // `text` as MeansConversation says.
  explicit FinalWatch(std::string text) : text_(std::move(text)) {}
  void OnCopy(const bus::WatchCopy& copy, absl::Time at);
  // From when on it counts as ended; InfiniteFuture while it has not.
  absl::Time ended_at() const { return ended_at_; }

 private:
  const std::string text_;
  absl::btree_set<std::string> owed_;  // message ids of requests
  absl::Time ended_at_ = absl::InfiniteFuture();
};

struct ViewFlags {
  FilterFlags filter;
  std::string count;
  std::string until_final;
  bool tree = false;

  std::vector<FlagRow> rows();
};

// The command's own thread. Lifetime: the session outlives it.
class WatchView {
 public:
  // Nothing, and reported, when a flag is wrong.
  static std::optional<WatchView> Make(Session& session, const ViewFlags& flags);

  void OnCopy(bus::WatchCopy copy, absl::Time at);
  void OnTime(absl::Time now);
  absl::Time WakeAt() const;
  // At the end that was asked for: nothing more is shown.
  bool done() const { return done_; }
  // Shows what is still open, and says how much was shown. `missed`: messages lost on the way.
  void Finish(uint64_t missed);

 private:
  WatchView(Session& session, WatchFilter filter, uint64_t count, std::optional<FinalWatch> end,
            bool tree);
  void ShowGroups();
  void ShowOne(const Heard& heard);
  // One message or conversation more has been shown.
  void CountOne();

  Session* session_;
  WatchFilter filter_;
  uint64_t count_;
  std::optional<FinalWatch> end_;
  std::optional<WatchTree> tree_;
  WatchMemory memory_;
  std::vector<TreeGroup> closed_;
  uint64_t shown_ = 0;
  bool done_ = false;
};

}  // namespace bitrepo::commands
