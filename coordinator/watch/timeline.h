// SPDX-License-Identifier: Apache-2.0
// The conversations that were seen on the bus lately, each with who still owes a final and its
// messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::watch {

struct TimelineLimits {
  size_t conversations_max = 4096;
  // Of one conversation; what lies between the first and the last is only counted.
  size_t first_messages_max = 24;
  size_t last_messages_max = 40;
  size_t contributors_max = 256;        // of one conversation
  size_t bytes_max = 32 * 1024 * 1024;  // of all of them
};
inline constexpr size_t kObservedTextBytesMax = 256;  // of one message's response

// A pure machine: observed, bounded, decides nothing. The conversation that has been silent longest
// is forgotten first. Keeps no secret: copies have none. Loop-confined.
class Timeline {
 public:
  explicit Timeline(std::string coordinator_id, TimelineLimits limits = {})
      : coordinator_id_(std::move(coordinator_id)), limits_(limits) {}

  // A copy of what the broker passed on or said. What is asked of the coordinator itself is left
  // out: whoever polls it would push the rest out.
  void OnCopy(const protocol::Envelope& copy, absl::Time wall_now);

  // One with its messages; nothing for one that was not seen, or is forgotten.
  std::optional<wire::ObservedConversation> Describe(const base::ConversationId& id) const;
  // Those that began before `place`, without their messages, the newest first, at most `count`;
  // each with its place.
  struct Placed {
    uint64_t place = 0;
    wire::ObservedConversation observed;
  };
  std::vector<Placed> List(uint64_t place, size_t count) const;

  size_t conversations() const { return conversations_.size(); }
  size_t bytes() const { return bytes_; }
  uint64_t forgotten() const { return forgotten_; }

 private:
  enum class State { kOwed, kDone, kFailed };
  struct Contributor {
    std::string request;  // message id of the request that it was asked last
    State state = State::kOwed;
  };
  struct Seen {
    uint64_t place = 0;  // by beginning
    uint64_t touch = 0;  // by last word
    wire::ObservedConversation facts;
    std::vector<wire::ObservedMessage> first;
    std::deque<wire::ObservedMessage> last;
    absl::btree_map<std::string, Contributor> contributors;
    size_t bytes = 0;
  };

  Seen* Open(const protocol::Envelope& copy, absl::Time wall_now);
  void Touch(const base::ConversationId& id, Seen& seen);
  void NoteParties(const protocol::Envelope& copy, Seen& seen);
  void Keep(const protocol::Envelope& copy, absl::Time wall_now, Seen& seen);
  void Grow(Seen& seen, size_t bytes);
  void Shrink(Seen& seen, size_t bytes);
  void ForgetOldest();
  static wire::ObservedConversation Facts(const Seen& seen);

  const std::string coordinator_id_;
  const TimelineLimits limits_;
  absl::btree_map<base::ConversationId, Seen> conversations_;
  absl::btree_map<uint64_t, base::ConversationId> by_place_;
  absl::btree_map<uint64_t, base::ConversationId> by_touch_;
  uint64_t next_place_ = 1;
  uint64_t next_touch_ = 1;
  size_t bytes_ = 0;
  uint64_t forgotten_ = 0;
};

}  // namespace bitrepo::watch
