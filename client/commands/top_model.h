// SPDX-License-Identifier: Apache-2.0
// How busy the bus is, who is on it and what takes long: what top shows, gathered and laid out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "bus/watch_stream.h"
#include "client/commands/json_lines.h"

namespace bitrepo::commands {

enum class TopOrder { kRate, kAge, kErrors };

inline constexpr size_t kTopConversationsMax = 5000;  // beyond, the one silent longest is dropped
// A conversation that nobody owes anything is shown no longer; nor is one of which nothing was
// heard for so long.
inline constexpr absl::Duration kTopSilentLongest = absl::Minutes(2);

// What is known at one moment. Rates are a second's, over the time since the frame before.
struct TopFrame {
  struct Pillar {
    wire::RosterMember member = {};
    uint64_t errors = 0;  // refusals and failures it has answered since the beginning
  };
  struct Conversation {
    std::string id = {};  // 16 bytes
    absl::Duration age = {};
    absl::Duration silent = {};
    wire::Operation operation = wire::OPERATION_UNSPECIFIED;
    std::string file = {};
    std::string principal = {};
    std::vector<std::string> owed_by = {};
    std::string phase = {};  // of the last progress
    double messages_per_second = 0;
    uint64_t errors = 0;
  };
  absl::Time at = {};
  double messages_per_second = 0;
  double bytes_per_second = 0;
  uint64_t missed = 0;  // since the beginning
  uint64_t alarms = 0;  // since the beginning
  bool coordinator_answers = true;
  std::vector<Pillar> pillars = {};
  std::vector<Conversation> conversations = {};
};

// A pure machine. Loop-confined.
class TopModel {
 public:
  explicit TopModel(absl::Time now) : frame_begun_(now) {}

  void OnCopy(const bus::WatchCopy& copy, absl::Time at);
  void OnMissed(uint64_t missed) { missed_ = missed; }
  // Who is on the bus; without an answer of the coordinator what was known before stands.
  void OnRoster(const wire::RosterReply& roster);
  void OnNoRoster() { coordinator_answers_ = false; }

  // Ends the time over which rates are counted.
  TopFrame TakeFrame(absl::Time now, TopOrder order);

 private:
  struct Seen {
    absl::Time begun;
    absl::Time heard;
    wire::Operation operation = wire::OPERATION_UNSPECIFIED;
    std::string file;
    std::string principal;
    std::string phase;
    absl::btree_map<std::string, std::string> owed;  // message id of the request -> addressee
    bool is_settled = false;                         // finals came for all that was asked
    uint64_t messages = 0;                           // of this frame
    uint64_t errors = 0;
  };
  void DropSilent(absl::Time now);

  absl::btree_map<std::string, Seen> conversations_;
  absl::btree_map<std::string, uint64_t> errors_;  // by pillar
  wire::RosterReply roster_;
  bool coordinator_answers_ = true;
  absl::Time frame_begun_;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  uint64_t missed_ = 0;
  uint64_t alarms_ = 0;
};

// Lines for a screen of `columns` x `rows`; rows 0: as many as there are.
std::vector<std::string> TopLines(const TopFrame& frame, size_t columns, size_t rows);
// A record for the bus, each pillar and each conversation.
void EmitTop(const TopFrame& frame, const std::function<JsonRecord()>& make,
             const std::function<void(const JsonRecord&)>& emit);

}  // namespace bitrepo::commands
