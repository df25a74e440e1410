// SPDX-License-Identifier: Apache-2.0
// What the parts of one conversation share: how its messages are made, when they are sent again,
// and how the bus does.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "bus/protocol/conversation.h"

namespace bitrepo::protocol {

// Loop-confined. Lifetime: `random` outlives it.
struct Asker {
  ConversationSpec spec;
  absl::Time started;
  base::Random& random;

  bool bus_up = true;
  absl::Time bus_changed;                        // when it last came or went
  absl::Time settled_at = absl::InfinitePast();  // until then who is not connected may well return
  ConversationCounters counters;

  absl::StatusOr<Envelope> Make(wire::Kind kind, Destination destination, wire::Body body,
                                absl::Time now, std::string secret = "");
  // When `patience` of silence since `last_word` is over: the absence of the coordinator is not
  // held against the contributor, but many short absences do not add up to more than one long one.
  absl::Time Deadline(absl::Time last_word, absl::Duration patience) const;
};

// When to send again: after `first`, then each time twice as long until `longest`, with jitter.
class Resends {
 public:
  void Restart(absl::Duration first, absl::Time now, base::Random& random);
  void Next(absl::Duration longest, absl::Time now, base::Random& random);
  absl::Time at() const { return at_; }

 private:
  absl::Duration pause_;
  absl::Time at_ = absl::InfiniteFuture();
};

}  // namespace bitrepo::protocol
