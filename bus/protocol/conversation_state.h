// SPDX-License-Identifier: Apache-2.0
// The inside of a conversation, for its own sources alone: phase, legs, and whose turn it is.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "bus/protocol/asker.h"
#include "bus/protocol/conversation.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/identification.h"
#include "bus/protocol/leg.h"
#include "bus/protocol/limits.h"

namespace bitrepo::protocol {

inline wire::ResponseInfo MakeInfo(wire::ResponseCode code, absl::string_view text) {
  wire::ResponseInfo info;
  info.set_code(code);
  info.set_text(FittingText(text, kTextBytesMax));
  return info;
}

// The name under which the coordinator's answers stand in the outcome: its id is not known before
// it answers.
inline const base::ComponentId& TheCoordinator() {
  static const base::ComponentId kName = *base::ComponentId::Parse("coordinator");
  return kName;
}

struct Conversation::State {
  // kSome: whom the asker has named, and for what; while OnAsk is carried out.
  struct Named {
    base::ComponentId component;
    wire::Body request;
  };

  State(ConversationSpec spec, absl::Time now, base::Random& random)
      : asker{std::move(spec), now, random, true, now, absl::InfinitePast(), {}},
        identification(asker) {}

  void Begin(absl::Time now, ConversationOutbox& out);
  void Fire(PhaseEvent event, absl::Time now, ConversationOutbox& out,
            const Envelope* message = nullptr);
  void Note(PhaseEvent event, const Envelope& message, absl::Time now, ConversationOutbox& out);
  void NoteReply(const Envelope& message, ConversationOutbox& out);
  void NoteLate(const Envelope& message, absl::Time now, ConversationOutbox& out);
  void Select(bool late, absl::Time now, ConversationOutbox& out);
  // In conversation_asking.cc: whom to ask, when, and what if they fail.
  void TakeUp(absl::Time now, ConversationOutbox& out);
  void Queue();
  void Proceed(absl::Time now, ConversationOutbox& out);
  void ProceedInOrder(absl::Time now, ConversationOutbox& out);
  void ProceedOneByOne(absl::Time now, ConversationOutbox& out);
  void ProceedAsNamed(absl::Time now, ConversationOutbox& out);
  void AskNamed(absl::Time now, ConversationOutbox& out);
  void AskAll(absl::Time now, ConversationOutbox& out);
  void AskNext(absl::Time now, ConversationOutbox& out);
  absl::StatusOr<Envelope> MakeRequest(const base::ComponentId& component, wire::Body body,
                                       absl::Time now);
  void RefuseRest(const base::ComponentId& who, wire::ResponseCode code, ConversationOutbox& out);
  void Fail(const base::ComponentId& component, wire::ResponseInfo why, ConversationOutbox& out);
  void Ask(const base::ComponentId& component, Envelope request, absl::Time now,
           ConversationOutbox& out, bool resumed);
  // Nothing is under way, and the turn of whoever identifies late would be at once.
  bool OnlyListens() const;
  // kSome: one is done, and the asker has not said whether it is to do more.
  bool AwaitsWord() const;
  // Another could go on where `component` is lost.
  bool OthersCouldServe(const base::ComponentId& component) const;
  void FailTheUnheard(ConversationOutbox& out);
  void Record(const Leg& leg);
  void End(ConversationOutbox& out);
  // Those legs whose primitive is not over, those withdrawn among them or not.
  size_t OpenLegs(bool with_withdrawn) const;
  Leg* FindLeg(const base::ComponentId& component);
  // Runs `step` on the leg, takes over what became of it, and goes on.
  template <typename Step>
  void OnLeg(Leg* leg, absl::Time now, ConversationOutbox& out, Step step) {
    if (leg == nullptr) {
      ++asker.counters.ignored;
      return;
    }
    step(*leg);
    Record(*leg);
    Fire(PhaseEvent::kLegMoved, now, out);
  }
  void OnLegMessage(Envelope message, absl::Time now, ConversationOutbox& out);
  void OnIdentifyMessage(const Envelope& message, absl::Time now, ConversationOutbox& out);

  Asker asker;
  Identification identification;
  Phase phase = Phase::kIdentifying;
  absl::btree_map<base::ComponentId, std::unique_ptr<Leg>> legs;
  std::deque<base::ComponentId> queue;  // to be asked, in this order
  std::optional<Named> named;
  bool gate_open = false;  // kFirstThenRest: the first has taken it up
  bool cancelled = false;
  bool enough = false;     // kSome: the asker has what it wanted
  bool listening = false;  // chosen before all had answered: another may yet identify, and serve
  bool attendance_known = true;  // else there may be contributors that nobody has told of
  wire::ResponseInfo trouble;    // what to tell where no contributor has anything to tell
  Outcome outcome;
};

}  // namespace bitrepo::protocol
