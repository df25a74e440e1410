// SPDX-License-Identifier: Apache-2.0
// One primitive with one contributor, seen from the asker: sent, sent again, kept alive by every
// word, ended once.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bus/protocol/asker.h"
#include "bus/protocol/conversation.h"
#include "bus/protocol/conversation_table.h"

namespace bitrepo::protocol {

// A pure machine; its table is leg_table.
// Threads:  loop-confined.
// Lifetime: `asker` outlives it.
class Leg {
 public:
  // Sends `request`. `holds_on`: once heard, a contributor that is lost is waited for a little,
  // since no other would be asked. `resumed`: an earlier process has sent it before, so that it can
  // never be said that no copy has arrived.
  Leg(base::ComponentId component, Envelope request, bool holds_on, Asker& asker, absl::Time now,
      ConversationOutbox& out, bool resumed = false);

  // True when `message` answers the request of now, or its cancel.
  bool Owns(const Envelope& message) const;
  // PROGRESS, FINAL, UNDELIVERED or REFUSED. Requires: Owns(message).
  void OnMessage(Envelope message, absl::Time now, ConversationOutbox& out);
  void OnBusUp(absl::Time now, ConversationOutbox& out);
  void OnActivity(absl::Time now, ConversationOutbox& out);
  void OnTransferFailed(const absl::Status& why, absl::Time now, ConversationOutbox& out);
  void OnCancel(absl::string_view reason, absl::Time now, ConversationOutbox& out);
  // Another can be asked in its place: it is not held on to, nor waited for while it is BUSY.
  void OnAlternative(absl::Time now, ConversationOutbox& out);
  // Requires: state() is kPaged.
  void OnNextPage(Envelope request, absl::Time now, ConversationOutbox& out);
  void OnTime(absl::Time now, ConversationOutbox& out);
  absl::Time WakeAt() const;

  const base::ComponentId& component() const { return component_; }
  LegState state() const { return state_; }
  // It is known to have taken the request up: what comes after it may begin.
  bool accepted() const { return accepted_; }
  const Envelope& request() const { return request_; }  // the last one
  // A page of it has been told: what it lists cannot be taken over by another.
  bool has_paged() const { return has_paged_; }
  const std::string& next_cursor() const { return next_cursor_; }
  // What is known of it; state kWaiting never.
  ContributorResult Result() const;

 private:
  void Fire(LegEvent event, std::shared_ptr<const Envelope> message, absl::Time now,
            ConversationOutbox& out);
  LegEvent EventOf(const Envelope& message, absl::Time now) const;
  bool MayPostpone(absl::Time now) const;
  LegEvent Unreachable() const;
  bool IsStale(const Envelope& message) const;
  bool BringsNewSecret(const Envelope& message) const;
  void Heard(absl::Time now);
  void NoteInVain(const Envelope& message);
  void Explain(wire::ResponseCode code, std::string text);
  void ExplainEnd(LegEvent event, const std::shared_ptr<const Envelope>& message);
  void SendAgain(ConversationOutbox& out);
  void SendCancel(absl::Time now, ConversationOutbox& out);
  void Report(const Envelope& message, ConversationOutbox& out);
  void Tell(EventKind kind, std::shared_ptr<const Envelope> message, ConversationOutbox& out) const;
  absl::Time Deadline() const;

  base::ComponentId component_;
  Asker* asker_;
  Envelope request_;
  std::optional<Envelope> cancel_;
  bool holds_on_;
  LegState state_ = LegState::kAsked;

  bool heard_ = false;
  bool accepted_ = false;
  bool has_paged_ = false;
  bool away_ = false;
  std::optional<absl::Time> busy_since_;  // it has said nothing but BUSY since
  absl::Time last_word_;
  absl::Time away_until_;
  absl::Time withdrawn_at_;
  Resends resends_;
  uint32_t copies_ = 0;  // of the request, sent
  // The words on copies that had no effect (UNDELIVERED, BUSY), by message id; no more than copies.
  absl::btree_set<std::string> in_vain_;
  uint32_t last_sequence_ = 0;
  absl::btree_set<std::string> told_secrets_;
  std::string next_cursor_;
  std::optional<wire::ResponseInfo> why_;  // it was withdrawn
  wire::ResponseCode code_ = wire::RESPONSE_CODE_UNSPECIFIED;
  std::string text_;
  std::shared_ptr<const Envelope> final_;
};

}  // namespace bitrepo::protocol
