// SPDX-License-Identifier: Apache-2.0
// Who was asked to identify, who has, and whether it is worth waiting for the others.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bus/protocol/asker.h"
#include "bus/protocol/conversation.h"

namespace bitrepo::protocol {

inline constexpr absl::string_view kNoIdentifyReply = "it did not answer the identify";

// Loop-confined. Lifetime: `asker` outlives it.
class Identification {
 public:
  explicit Identification(Asker& asker) : asker_(&asker) {}

  // The identify to the collection, or one to each named component. kInvalidArgument when the spec
  // makes no valid message.
  absl::Status Begin(absl::Time now, ConversationOutbox& out);
  // True when `message` answers an identify of this conversation.
  bool Owns(const Envelope& message) const;

  enum class Reply { kNew, kRepeated, kForeign };
  // An identify reply. Requires: Owns(message).
  Reply OnReply(const Envelope& message);
  void OnRouted(const wire::Routed& routed, absl::Time now);
  // The identify did not reach the component that it names.
  void OnUndelivered(const Envelope& message, absl::Time now);

  // Nobody is worth waiting for any more.
  bool AllAnswered() const;
  // Nobody who is there has yet to answer.
  bool AllHeard() const;
  // Its refusal concerns nobody: another kind of pillar, where one that serves is looked for.
  bool IsPassedOver(const Envelope& reply) const;
  // To those that have not answered.
  void Resend(absl::Time now, ConversationOutbox& out);
  void OnBusUp(absl::Time now, ConversationOutbox& out);
  absl::Time resend_at() const;
  absl::Time Deadline() const;

  // Everyone known of, answered or not: state kWaiting for positive answers and who is passed over,
  // who is BUSY, kDone where it is done already, else kFailed.
  absl::btree_map<base::ComponentId, ContributorResult> Results(bool timed_out) const;
  // The broker has said who of the collection is there and who is not; those named are known.
  bool AttendanceKnown() const;
  // Where nobody is known of, why.
  wire::ResponseInfo NobodyThere() const;

 private:
  struct Known {
    std::shared_ptr<const Envelope> reply;
    bool expected = false;  // named, or the broker has passed the identify to it
    bool away = false;
  };
  bool MaySelectNow() const;
  bool PreferredIsEnough() const;

  Asker* asker_;
  absl::btree_map<std::string, Envelope> sent_;  // by destination
  absl::btree_map<base::ComponentId, Known> known_;
  bool routed_ = false;  // the broker has said whom it passed the identify to
  bool settling_ = false;
  absl::Time routed_at_ = absl::InfinitePast();  // the last word of the broker
  absl::Time began_;
  Resends resends_;
};

}  // namespace bitrepo::protocol
