// SPDX-License-Identifier: Apache-2.0
// The answering side of one request, decided without I/O: any number of progress, then exactly one
// final, whatever happens.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/random.h"
#include "bus/protocol/contribution_table.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::protocol {

// One effect is judged by these three; the body's digest tells a repeat from a conflict.
struct RequestKey {
  std::string principal;
  base::ConversationId conversation;
  base::MessageId message_id;
  auto operator<=>(const RequestKey&) const = default;
};
RequestKey KeyOf(const Envelope& request);

struct ContributionSpec {
  std::string repository_id;
  base::ComponentId self;
  absl::Time wall_start;
  absl::Duration heartbeat = absl::Seconds(2);  // a progress at least this often while it works
};

struct ContributionOutbox {
  bool start_work = false;  // the host begins the effect
  bool stop_work = false;   // the host ends it; it then calls OnFinished with what became of it
  std::vector<Envelope> messages;  // replies, to the newest reply_to
};

// A pure machine; its table stands in contribution_table.h and, generated from it, in docs/spec/.
// Threads:  loop-confined.
// Lifetime: `random` outlives it.
class Contribution {
 public:
  // Born of a request that has no recorded answer: start_work is set.
  Contribution(ContributionSpec spec, Envelope request, absl::Time now, base::Random& random,
               ContributionOutbox& out);
  // Born of a request whose final is on record: it is sent again, nothing else happens.
  static Contribution Recorded(ContributionSpec spec, Envelope request, wire::Body final,
                               absl::Time now, base::Random& random, ContributionOutbox& out);
  Contribution(Contribution&&) noexcept;
  ~Contribution();

  // The same key again. Same body: the last word again (with its secret), to the new reply_to.
  // Other body: CONFLICT.
  void OnRepeat(const Envelope& request, absl::Time now, ContributionOutbox& out);
  // The work is accepted; `body` is the content of a PROGRESS, `secret` the token where there is
  // one. Both go with every PROGRESS from now on, so that no single loss can keep the token from
  // the asker. Called again it hands out a further token of the same work (a list by token: the way
  // up for its parameters, then, in phase SENDING, the way down for its items), which takes the
  // place of the one before.
  void OnAccepted(wire::Body body, std::string secret, absl::Time now, ContributionOutbox& out);
  void OnProgress(wire::Progress progress, absl::Time now,
                  ContributionOutbox& out);  // at most one message a second leaves
  // The one final. Later calls are ignored and counted.
  // As OnProgress, of work whose phases themselves are news: each new one is told at once.
  void OnPhase(wire::Progress progress, absl::Time now, ContributionOutbox& out);
  void OnFinished(wire::Body final, absl::Time now, ContributionOutbox& out);
  // The asker withdraws it: stop_work when it works; after its final: the final again.
  void OnCancel(const Envelope& cancel, absl::Time now, ContributionOutbox& out);
  void OnTime(absl::Time now, ContributionOutbox& out);
  absl::Time WakeAt() const;

  bool done() const;               // the final has been given
  absl::Time finished_at() const;  // Requires: done()
  const Envelope& request() const;
  wire::Body final_body() const;  // Requires: done()
  size_t kept_bytes() const;      // of what is kept to answer a repeat
  ContributionState state() const;
  uint64_t ignored() const;  // calls that came too late to matter

 private:
  struct State;
  explicit Contribution(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// A reply to `request`, sealed: answers, conversation, operation, collection, to and destination
// are taken from it. A reply to a CANCEL answers the request that the cancel names. Requires:
// content within the limits (handlers build pages that are); a reply that is not valid becomes a
// FAILURE.
Envelope MakeReply(const ContributionSpec& spec, const Envelope& request, wire::Kind kind,
                   wire::Body body, std::string secret, absl::Time wall_now, base::Random& random);

// The refusal of frames that were no valid IDENTIFY or REQUEST: their fault's code and text, and no
// content. kInvalidArgument where there is nobody to answer: drop it.
absl::StatusOr<Envelope> MakeRefusal(const ContributionSpec& spec, const EnvelopeFault& fault,
                                     absl::Time wall_now, base::Random& random);

}  // namespace bitrepo::protocol
