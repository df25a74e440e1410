// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/conversation.h"

#include <algorithm>
#include <utility>

#include "bus/protocol/conversation_state.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/outcome.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

using Result = ContributorResult::State;

}  // namespace

void Conversation::State::Begin(absl::Time now, ConversationOutbox& out) {
  const ConversationSpec& spec = asker.spec;
  if (spec.resumed.has_value()) {
    TakeUp(now, out);
    return;
  }
  const bool identifies = spec.identify_first && !spec.to_coordinator;
  if (identifies) {
    if (const absl::Status begun = identification.Begin(now, out); !begun.ok()) {
      out.messages.clear();
      trouble = MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, begun.message());
      phase = Phase::kEnded;
      End(out);
    }
    return;
  }
  trouble = MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, "nobody is named to be asked");
  phase = Phase::kAsking;
  if (spec.to_coordinator) {
    outcome.contributors[TheCoordinator()];
  }
  for (const base::ComponentId& component : spec.named) {
    outcome.contributors[component];
  }
  Queue();
  Proceed(now, out);
}

void Conversation::State::Fire(PhaseEvent event, absl::Time now, ConversationOutbox& out,
                               const Envelope* message) {
  const PhaseCell cell = CellOf(phase, event);
  phase = cell.next;
  switch (cell.action) {
    case PhaseAction::kIgnore:
      asker.counters.ignored +=
          event == PhaseEvent::kLegMoved || event == PhaseEvent::kBusUp ? 0 : 1;
      return;
    case PhaseAction::kNote:
      return Note(event, *message, now, out);
    case PhaseAction::kNoteLate:
      return NoteLate(*message, now, out);
    case PhaseAction::kResend:
      return event == PhaseEvent::kBusUp ? identification.OnBusUp(now, out)
                                         : identification.Resend(now, out);
    case PhaseAction::kSelect:
      return Select(false, now, out);
    case PhaseAction::kSelectLate:
      return Select(true, now, out);
    case PhaseAction::kListenNoMore:
      listening = false;
      return Proceed(now, out);
    case PhaseAction::kProceed:
      return Proceed(now, out);
    case PhaseAction::kResendAll:
      for (auto& [component, leg] : legs) {
        leg->OnBusUp(now, out);
        Record(*leg);
      }
      return;
    case PhaseAction::kWithdrawAll:
      queue.clear();
      listening = false;
      for (auto& [component, leg] : legs) {
        leg->OnCancel(trouble.text(), now, out);
        Record(*leg);
      }
      return Proceed(now, out);
    case PhaseAction::kWarn:
      out.events.push_back({EventKind::kWarning, "", message->body.response().code(),
                            message->body.response().text(), nullptr});
      return;
    case PhaseAction::kEnd:
      if (message != nullptr) {
        trouble = message->body.response();
      }
      return End(out);
    case PhaseAction::kAskNamed:
      return AskNamed(now, out);
    case PhaseAction::kAskNoMore:
      enough = enough || asker.spec.reach == Reach::kSome;
      return Proceed(now, out);
  }
}

void Conversation::State::Note(PhaseEvent event, const Envelope& message, absl::Time now,
                               ConversationOutbox& out) {
  switch (event) {
    case PhaseEvent::kRouted:
      identification.OnRouted(message.body.routed(), now);
      break;
    case PhaseEvent::kUndelivered:
      identification.OnUndelivered(message, now);
      break;
    default:
      NoteReply(message, out);
      break;
  }
  if (identification.AllAnswered()) {
    Fire(PhaseEvent::kAllAnswered, now, out);
  }
}

void Conversation::State::NoteReply(const Envelope& message, ConversationOutbox& out) {
  switch (identification.OnReply(message)) {
    case Identification::Reply::kRepeated:
      ++asker.counters.ignored;
      return;
    case Identification::Reply::kForeign:
      ++asker.counters.foreign;
      return;
    case Identification::Reply::kNew:
      break;
  }
  if (identification.IsPassedOver(message)) {
    return;
  }
  const wire::ResponseInfo& response = message.body.response();
  const EventKind kind = response.code() == wire::BUSY ? EventKind::kWarning
                         : IsRefusal(response.code()) && !IsDoneAlready(message)
                             ? EventKind::kComponentFailed
                             : EventKind::kComponentIdentified;
  out.events.push_back({kind, message.header.from(), response.code(), response.text(),
                        std::make_shared<const Envelope>(message)});
}

// Where contributors are tried one after another, one that identifies late is one more to try.
void Conversation::State::NoteLate(const Envelope& message, absl::Time now,
                                   ConversationOutbox& out) {
  const auto component = base::ComponentId::Parse(message.header.from());
  if (!IsOneByOne(asker.spec.reach) || !asker.spec.fail_over || enough || !component.ok() ||
      FindLeg(*component) != nullptr) {
    ++asker.counters.ignored;
    return;
  }
  NoteReply(message, out);
  const auto results = identification.Results(false);
  const auto result = results.find(*component);
  if (result == results.end() || !result->second.identified ||
      std::find(queue.begin(), queue.end(), *component) != queue.end()) {
    return;
  }
  outcome.contributors[*component] = result->second;
  if (result->second.state == Result::kWaiting && !result->second.passed_over) {
    queue.push_back(*component);
    for (auto& [other, leg] : legs) {
      leg->OnAlternative(now, out);
      Record(*leg);
    }
  }
  listening = listening && !identification.AllHeard();
  Proceed(now, out);
}

void Conversation::State::Select(bool late, absl::Time now, ConversationOutbox& out) {
  outcome.contributors = identification.Results(late);
  attendance_known = identification.AttendanceKnown();
  trouble = identification.NobodyThere();
  if (asker.spec.prefer.has_value() && !asker.spec.fail_over &&
      !outcome.contributors.contains(*asker.spec.prefer)) {
    Fail(*asker.spec.prefer, MakeInfo(wire::UNREACHABLE, kNoIdentifyReply), out);
  }
  listening =
      !late && IsOneByOne(asker.spec.reach) && asker.spec.fail_over && !identification.AllHeard();
  if (late) {
    out.events.push_back({EventKind::kIdentifyTimeout, "", wire::UNREACHABLE,
                          "not all have answered the identify", nullptr});
  }
  for (const auto& [component, result] : outcome.contributors) {
    if (result.state == Result::kDone) {
      // To have it already opens the way as to accept it does; not to have it says nothing.
      gate_open = gate_open || !IsRefusal(result.identify_reply->body.response().code());
      out.events.push_back({EventKind::kComponentComplete, component.text(), result.code,
                            result.text, result.identify_reply});
    } else if (result.state == Result::kFailed && !result.identified) {
      out.events.push_back(
          {EventKind::kComponentFailed, component.text(), result.code, result.text, nullptr});
    }
  }
  out.events.push_back({EventKind::kIdentificationComplete, "", {}, "", nullptr});
  Queue();
  Proceed(now, out);
}

void Conversation::State::Fail(const base::ComponentId& component, wire::ResponseInfo why,
                               ConversationOutbox& out) {
  ContributorResult& result = outcome.contributors[component];
  result.state = Result::kFailed;
  result.passed_over = false;
  result.code = why.code();
  result.text = why.text();
  out.events.push_back(
      {EventKind::kComponentFailed, component.text(), why.code(), why.text(), nullptr});
}

void Conversation::State::Record(const Leg& leg) {
  ContributorResult& result = outcome.contributors[leg.component()];
  ContributorResult news = leg.Result();
  news.identified = result.identified;
  news.identify_reply = std::move(result.identify_reply);
  result = std::move(news);
}

void Conversation::State::End(ConversationOutbox& out) {
  Judge(asker.spec, {cancelled, attendance_known, enough}, trouble, outcome);
  out.events.push_back(
      {outcome.verdict == Verdict::kSuccess ? EventKind::kComplete : EventKind::kFailed, "",
       outcome.code, outcome.text, nullptr});
}

Leg* Conversation::State::FindLeg(const base::ComponentId& component) {
  const auto found = legs.find(component);
  return found == legs.end() ? nullptr : found->second.get();
}

void Conversation::State::OnIdentifyMessage(const Envelope& message, absl::Time now,
                                            ConversationOutbox& out) {
  switch (message.header.kind()) {
    case wire::IDENTIFY_REPLY:
      return Fire(PhaseEvent::kIdentifyReply, now, out, &message);
    case wire::ROUTED:
      return Fire(PhaseEvent::kRouted, now, out, &message);
    case wire::UNDELIVERED:
      return Fire(PhaseEvent::kUndelivered, now, out, &message);
    case wire::REFUSED:
      return Fire(RowOf(message.body.response().code()).retryable ? PhaseEvent::kPostponed
                                                                  : PhaseEvent::kTurnedAway,
                  now, out, &message);
    default:
      ++asker.counters.foreign;
  }
}

void Conversation::State::OnLegMessage(Envelope message, absl::Time now, ConversationOutbox& out) {
  const wire::Kind kind = message.header.kind();
  const bool from_contributor = kind == wire::PROGRESS || kind == wire::FINAL;
  const bool from_broker = kind == wire::UNDELIVERED || kind == wire::REFUSED;
  for (auto& [component, leg] : legs) {
    if (leg->Owns(message) &&
        (from_broker || (from_contributor && (asker.spec.to_coordinator ||
                                              message.header.from() == component.text())))) {
      Leg* const owner = leg.get();
      OnLeg(owner, now, out, [&](Leg& it) { it.OnMessage(std::move(message), now, out); });
      return;
    }
  }
  ++asker.counters.foreign;
}

Conversation::Conversation(ConversationSpec spec, absl::Time now, base::Random& random,
                           ConversationOutbox& out)
    : state_(std::make_unique<State>(std::move(spec), now, random)) {
  state_->Begin(now, out);
}
Conversation::~Conversation() = default;

void Conversation::OnMessage(Envelope message, absl::Time now, ConversationOutbox& out) {
  if (message.conversation() != id()) {
    ++state_->asker.counters.foreign;
  } else if (done()) {
    ++state_->asker.counters.ignored;
  } else if (state_->identification.Owns(message)) {
    state_->OnIdentifyMessage(message, now, out);
  } else {
    state_->OnLegMessage(std::move(message), now, out);
  }
}

void Conversation::OnBusUp(absl::Time now, ConversationOutbox& out) {
  Asker& asker = state_->asker;
  asker.bus_up = true;
  asker.bus_changed = now;
  asker.settled_at = now + kReturnGrace;
  state_->Fire(PhaseEvent::kBusUp, now, out);
}

void Conversation::OnBusDown(absl::Time now, ConversationOutbox& /*out*/) {
  Asker& asker = state_->asker;
  if (asker.bus_up) {
    asker.bus_up = false;
    asker.bus_changed = now;
  }
}

void Conversation::OnActivity(const base::ComponentId& component, absl::Time now) {
  ConversationOutbox nothing;
  if (Leg* leg = state_->FindLeg(component); leg != nullptr) {
    leg->OnActivity(now, nothing);
  }
}

void Conversation::OnTransferFailed(const base::ComponentId& component, absl::Status why,
                                    absl::Time now, ConversationOutbox& out) {
  Leg* const leg = done() ? nullptr : state_->FindLeg(component);
  if (leg != nullptr && leg->state() == LegState::kDone && state_->AwaitsWord()) {
    // It said that it was done, and what it did is of no use to the asker.
    state_->legs.erase(component);
    state_->Fail(component, ToResponse(why), out);
    state_->Fire(PhaseEvent::kLegMoved, now, out);
    return;
  }
  state_->OnLeg(leg, now, out, [&](Leg& it) { it.OnTransferFailed(why, now, out); });
}

void Conversation::SetRequest(wire::Body request) {
  state_->asker.spec.request = std::move(request);
}

void Conversation::OnNextPage(const base::ComponentId& component, absl::Time now,
                              ConversationOutbox& out) {
  Leg* leg = done() ? nullptr : state_->FindLeg(component);
  if (leg == nullptr || leg->state() != LegState::kPaged) {
    ++state_->asker.counters.ignored;
    return;
  }
  wire::Body body = state_->asker.spec.request;
  body.mutable_page()->set_cursor(leg->next_cursor());
  absl::StatusOr<Envelope> request = state_->MakeRequest(component, std::move(body), now);
  state_->OnLeg(leg, now, out, [&](Leg& it) {
    if (request.ok()) {
      it.OnNextPage(*std::move(request), now, out);
    } else {
      it.OnTransferFailed(request.status(), now, out);
    }
  });
}

void Conversation::OnAsk(const base::ComponentId& component, wire::Body request, absl::Time now,
                         ConversationOutbox& out) {
  state_->named = State::Named{component, std::move(request)};
  state_->Fire(PhaseEvent::kAsk, now, out);
  state_->named.reset();
}

void Conversation::OnRelieved(const base::ComponentId& component, absl::Status why, absl::Time now,
                              ConversationOutbox& out) {
  Leg* const leg = done() ? nullptr : state_->FindLeg(component);
  const bool again = state_->asker.spec.reach == Reach::kSome && leg != nullptr &&
                     state_->phase == Phase::kAsking && !IsOver(leg->state());
  if (again) {
    state_->queue.push_back(component);
  }
  state_->OnLeg(leg, now, out, [&](Leg& it) { it.OnTransferFailed(why, now, out); });
}

void Conversation::OnAlarm(wire::Alarm alarm, absl::Time now, ConversationOutbox& out) {
  wire::Body body;
  *body.mutable_alarm() = std::move(alarm);
  absl::StatusOr<Envelope> message =
      done() ? absl::FailedPreconditionError("it has ended")
             : state_->asker.Make(wire::ALARM, {Destination::Kind::kOperators, ""}, std::move(body),
                                  now);
  if (message.ok()) {
    out.messages.push_back(*std::move(message));
  } else {
    ++state_->asker.counters.ignored;
  }
}

void Conversation::OnEnough(absl::Time now, ConversationOutbox& out) {
  state_->Fire(PhaseEvent::kEnough, now, out);
}

void Conversation::OnCancel(absl::string_view reason, absl::Time now, ConversationOutbox& out) {
  if (!done() && !state_->cancelled) {
    state_->cancelled = true;
    state_->trouble = MakeInfo(wire::CANCELLED, reason);
  }
  state_->Fire(PhaseEvent::kCancel, now, out);
}

void Conversation::OnTime(absl::Time now, ConversationOutbox& out) {
  const Identification& identification = state_->identification;
  if (state_->phase == Phase::kIdentifying || state_->OnlyListens()) {
    if (now >= identification.Deadline()) {
      if (!state_->asker.bus_up && state_->phase == Phase::kIdentifying) {
        state_->trouble = MakeInfo(wire::UNREACHABLE, "there is no coordinator");
      }
      state_->Fire(state_->asker.bus_up || state_->phase != Phase::kIdentifying
                       ? PhaseEvent::kIdentifyTimeout
                       : PhaseEvent::kBusAbsent,
                   now, out);
    } else if (now >= identification.resend_at()) {
      state_->Fire(PhaseEvent::kResendDue, now, out);
    }
    return;
  }
  std::vector<Leg*> due;
  for (auto& [component, leg] : state_->legs) {
    if (now >= leg->WakeAt()) {
      due.push_back(leg.get());
    }
  }
  for (Leg* leg : due) {
    if (done()) {
      return;
    }
    state_->OnLeg(leg, now, out, [&](Leg& it) { it.OnTime(now, out); });
  }
}

absl::Time Conversation::WakeAt() const {
  if (done()) {
    return absl::InfiniteFuture();
  }
  if (state_->phase == Phase::kIdentifying || state_->OnlyListens()) {
    return std::min(state_->identification.Deadline(), state_->identification.resend_at());
  }
  absl::Time wake_at = absl::InfiniteFuture();
  for (const auto& [component, leg] : state_->legs) {
    wake_at = std::min(wake_at, leg->WakeAt());
  }
  return wake_at;
}

ConversationRemains Conversation::remains() const {
  const State& state = *state_;
  const bool one = IsOneByOne(state.asker.spec.reach);
  ConversationRemains remains;
  remains.attendance_known = state.attendance_known;
  for (const auto& [component, leg] : state.legs) {
    if (!one || !IsOver(leg->state())) {
      remains.requests.push_back(leg->request());
    }
  }
  if (one) {
    remains.unasked.assign(state.queue.begin(), state.queue.end());
    return remains;
  }
  // Also those that failed or had it when they identified: they say so again.
  for (const auto& [component, result] : state.outcome.contributors) {
    if (!state.legs.contains(component)) {
      remains.unasked.push_back(component);
    }
  }
  return remains;
}

const base::ConversationId& Conversation::id() const { return state_->asker.spec.id; }
bool Conversation::done() const { return state_->phase == Phase::kEnded; }
const Outcome& Conversation::outcome() const { return state_->outcome; }
Phase Conversation::phase() const { return state_->phase; }
const ConversationCounters& Conversation::counters() const { return state_->asker.counters; }

}  // namespace bitrepo::protocol
