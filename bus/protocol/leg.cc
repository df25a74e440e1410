// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/leg.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/field_rules.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

// Then nothing that a final says brings what was asked for: a file, or a list by token.
bool BytesComeToUs(const Envelope& request) {
  const OperationRow* row = FindOperation(request.header.operation());
  return (row != nullptr && row->moves == Moves::kDown) || request.body.page().by_token();
}

bool AsksHowItIs(wire::Operation operation) {
  return operation == wire::GET_STATUS || operation == wire::GET_CONVERSATION ||
         operation == wire::GET_ALARMS;
}

}  // namespace

Leg::Leg(base::ComponentId component, Envelope request, bool holds_on, Asker& asker, absl::Time now,
         ConversationOutbox& out, bool resumed)
    : component_(std::move(component)),
      asker_(&asker),
      request_(std::move(request)),
      holds_on_(holds_on),
      last_word_(now) {
  resends_.Restart(asker_->spec.patience.resend_first, now, asker_->random);
  copies_ = resumed ? 2 : 1;
  out.messages.push_back(request_);
  Tell(EventKind::kRequestSent, nullptr, out);
}

bool Leg::Owns(const Envelope& message) const {
  const std::string& answers = message.header.answers();
  return answers == request_.header.message_id() ||
         (cancel_.has_value() && answers == cancel_->header.message_id());
}

void Leg::OnMessage(Envelope message, absl::Time now, ConversationOutbox& out) {
  if (message.header.kind() == wire::PROGRESS && IsStale(message)) {
    ++asker_->counters.stale;
    OnActivity(now, out);  // nothing new, but it lives: one that has begun again counts from 1
    return;
  }
  if (message.header.kind() == wire::UNDELIVERED) {
    away_ = true;
    NoteInVain(message);
  }
  if (message.header.kind() == wire::FINAL && message.body.response().code() == wire::BUSY) {
    NoteInVain(message);
  }
  const LegEvent event = EventOf(message, now);
  Fire(event, std::make_shared<const Envelope>(std::move(message)), now, out);
}

// What is said of a CANCEL says nothing of the request; nor does the same word twice.
void Leg::NoteInVain(const Envelope& message) {
  if (message.header.answers() == request_.header.message_id() && in_vain_.size() < copies_) {
    in_vain_.insert(message.header.message_id());
  }
}

// Withdrawn, it may still have taken up another copy. Else: where another would be asked in its
// place that one is better than waiting, where some are enough it is not waited for, and who asks
// how things are is told.
bool Leg::MayPostpone(absl::Time now) const {
  if (state_ == LegState::kWithdrawn) {
    return in_vain_.size() < copies_;
  }
  return (holds_on_ || has_paged_) && asker_->spec.quorum == 0 &&
         !AsksHowItIs(request_.header.operation()) &&
         now - busy_since_.value_or(now) < kBusyPatience;
}

LegEvent Leg::EventOf(const Envelope& message, absl::Time now) const {
  switch (message.header.kind()) {
    case wire::PROGRESS:
      return LegEvent::kProgress;
    case wire::FINAL: {
      const wire::ResponseCode code = message.body.response().code();
      if (IsRefusal(code)) {
        return code == wire::BUSY && MayPostpone(now) ? LegEvent::kBusy : LegEvent::kRefusal;
      }
      const wire::PageEnd* end = PageEndOf(message.body);
      return end != nullptr && !end->next_cursor().empty() ? LegEvent::kPage : LegEvent::kCompleted;
    }
    case wire::UNDELIVERED:
      return now < asker_->settled_at || (heard_ && holds_on_) || state_ == LegState::kAway
                 ? LegEvent::kAwayForNow
                 : Unreachable();
    default:
      return RowOf(message.body.response().code()).retryable ? LegEvent::kPostponed
                                                             : LegEvent::kTurnedAway;
  }
}

LegEvent Leg::Unreachable() const {
  return !heard_ && in_vain_.size() >= copies_ ? LegEvent::kUnreached : LegEvent::kLost;
}

bool Leg::BringsNewSecret(const Envelope& message) const {
  return !message.secret.empty() && !told_secrets_.contains(message.secret) &&
         told_secrets_.size() < kTokensMax;
}

bool Leg::IsStale(const Envelope& message) const {
  return message.body.progress().sequence() <= last_sequence_ && !BringsNewSecret(message);
}

void Leg::OnBusUp(absl::Time now, ConversationOutbox& out) {
  if (state_ == LegState::kAway) {
    away_until_ = std::max(away_until_, asker_->settled_at);
  }
  Fire(LegEvent::kBusUp, nullptr, now, out);
}

void Leg::OnActivity(absl::Time now, ConversationOutbox& out) {
  if (!IsOver(state_) && state_ != LegState::kWithdrawn) {
    Heard(now);
    away_until_ = std::max(away_until_, now + kReturnGrace);
  }
  Fire(LegEvent::kActivity, nullptr, now, out);
}

void Leg::OnTransferFailed(const absl::Status& why, absl::Time now, ConversationOutbox& out) {
  if (!IsOver(state_) && !why_.has_value()) {
    why_ = ToResponse(why);
  }
  Fire(BytesComeToUs(request_) ? LegEvent::kFetchFailed : LegEvent::kTransferFailed, nullptr, now,
       out);
}

void Leg::OnCancel(absl::string_view reason, absl::Time now, ConversationOutbox& out) {
  if (!IsOver(state_) && !why_.has_value()) {
    why_.emplace();
    why_->set_code(wire::CANCELLED);
    why_->set_text(FittingText(reason, kTextBytesMax));
  }
  Fire(LegEvent::kCancel, nullptr, now, out);
}

void Leg::OnAlternative(absl::Time now, ConversationOutbox& out) {
  holds_on_ = false;
  if (state_ == LegState::kAsked && busy_since_.has_value() && !has_paged_) {
    Fire(LegEvent::kRefusal, nullptr, now, out);
  }
}

void Leg::OnNextPage(Envelope request, absl::Time now, ConversationOutbox& out) {
  BITREPO_CHECK(state_ == LegState::kPaged, "a next page follows a page");
  request_ = std::move(request);
  cancel_.reset();
  copies_ = 0;
  in_vain_.clear();
  last_sequence_ = 0;
  Fire(LegEvent::kNextPage, nullptr, now, out);
}

void Leg::OnTime(absl::Time now, ConversationOutbox& out) {
  if (now >= Deadline()) {
    Fire(state_ == LegState::kAway ? Unreachable() : LegEvent::kPatienceOver, nullptr, now, out);
  } else if (now >= WakeAt()) {
    Fire(LegEvent::kResendDue, nullptr, now, out);
  }
}

absl::Time Leg::Deadline() const {
  const Patience& patience = asker_->spec.patience;
  switch (state_) {
    case LegState::kAsked:
    case LegState::kWorking:
      return asker_->Deadline(last_word_, patience.silence);
    case LegState::kAway:
      return std::min(away_until_, asker_->Deadline(last_word_, patience.silence));
    case LegState::kWithdrawn:
      return withdrawn_at_ + std::min(patience.silence, kWithdrawPatience);
    default:
      return absl::InfiniteFuture();
  }
}

absl::Time Leg::WakeAt() const {
  const absl::Time deadline = Deadline();
  const bool resends = asker_->bus_up && !IsOver(state_) && state_ != LegState::kPaged;
  return resends ? std::min(deadline, resends_.at()) : deadline;
}

void Leg::Fire(LegEvent event, std::shared_ptr<const Envelope> message, absl::Time now,
               ConversationOutbox& out) {
  const LegCell cell = CellOf(state_, event);
  const Patience& patience = asker_->spec.patience;
  state_ = cell.next;
  switch (cell.action) {
    case LegAction::kIgnore:
      ++asker_->counters.ignored;
      return;
    case LegAction::kWait:
      return;
    case LegAction::kReport:
      Heard(now);
      Report(*message, out);
      return;
    case LegAction::kComplete:
    case LegAction::kTurnPage:
      Heard(now);
      final_ = message;
      code_ = message->body.response().code();
      text_ = message->body.response().text();
      if (cell.action == LegAction::kTurnPage) {
        has_paged_ = true;
        next_cursor_ = PageEndOf(message->body)->next_cursor();
        Tell(EventKind::kPage, std::move(message), out);
      } else {
        Tell(EventKind::kComponentComplete, std::move(message), out);
      }
      return;
    case LegAction::kGiveUp:
    case LegAction::kDrop:
      SendCancel(now, out);
      [[fallthrough]];
    case LegAction::kFail:
    case LegAction::kLose:
      ExplainEnd(event, message);
      if (event == LegEvent::kRefusal) {
        final_ = message;
      }
      Tell(EventKind::kComponentFailed, std::move(message), out);
      return;
    case LegAction::kHold:
      away_until_ = std::max(asker_->settled_at, now + kReturnGrace);
      resends_.Restart(patience.resend_first, now, asker_->random);
      Explain(message->body.response().code(), message->body.response().text());
      Tell(EventKind::kWarning, std::move(message), out);
      return;
    case LegAction::kPostpone:
      busy_since_ = busy_since_.value_or(now);
      last_word_ = now;
      away_ = false;
      last_sequence_ = 0;  // whatever was done is undone
      Explain(message->body.response().code(), message->body.response().text());
      Tell(EventKind::kWarning, std::move(message), out);
      return;
    case LegAction::kWarn:
      Explain(message->body.response().code(), message->body.response().text());
      Tell(EventKind::kWarning, std::move(message), out);
      return;
    case LegAction::kResend:
      SendAgain(out);
      if (event == LegEvent::kBusUp || state_ == LegState::kAway) {
        resends_.Restart(patience.resend_first, now, asker_->random);
      } else {
        resends_.Next(patience.resend_longest, now, asker_->random);
      }
      return;
    case LegAction::kWithdraw:
      withdrawn_at_ = now;
      resends_.Restart(patience.resend_first, now, asker_->random);
      SendCancel(now, out);
      return;
    case LegAction::kAsk:
      last_word_ = now;
      copies_ = 1;
      resends_.Restart(patience.resend_first, now, asker_->random);
      out.messages.push_back(request_);
      Tell(EventKind::kRequestSent, nullptr, out);
      return;
  }
}

void Leg::Heard(absl::Time now) {
  heard_ = true;
  away_ = false;
  busy_since_.reset();
  last_word_ = now;
  resends_.Restart(std::max(asker_->spec.patience.resend_first, kWorkingResend), now,
                   asker_->random);
}

// A secret is told once: each further progress carries it again, in case the first was lost.
void Leg::Report(const Envelope& message, ConversationOutbox& out) {
  const wire::Progress& progress = message.body.progress();
  auto told = std::make_shared<Envelope>(message);
  if (BringsNewSecret(message)) {
    told_secrets_.insert(message.secret);
    last_sequence_ = progress.sequence();
  } else {
    told->secret.clear();
    last_sequence_ = std::max(last_sequence_, progress.sequence());
  }
  accepted_ = accepted_ || !message.secret.empty() || progress.phase() > wire::QUEUED ||
              message.body.response().code() == wire::OPERATION_ACCEPTED_PROGRESS;
  code_ = message.body.response().code();
  text_ = message.body.response().text();
  Tell(EventKind::kProgress, std::move(told), out);
}

void Leg::Explain(wire::ResponseCode code, std::string text) {
  code_ = code;
  text_ = std::move(text);
}

// The code and text of an end without success: of several that apply, the one that tells most.
void Leg::ExplainEnd(LegEvent event, const std::shared_ptr<const Envelope>& message) {
  if (message != nullptr && event != LegEvent::kPage) {
    Explain(message->body.response().code(), message->body.response().text());
  } else if (event == LegEvent::kPatienceOver) {
    Explain(heard_ ? wire::GONE : wire::UNREACHABLE,
            absl::StrCat("no word for ", absl::FormatDuration(asker_->spec.patience.silence)));
  } else if (event == LegEvent::kUnreached || event == LegEvent::kLost) {
    Explain(heard_ ? wire::GONE : wire::UNREACHABLE, "it is not connected and has not come back");
  }
  if (why_.has_value() && (message == nullptr || TellsMore(why_->code(), code_) ||
                           code_ == wire::CANCELLED || event == LegEvent::kPage)) {
    Explain(why_->code(), why_->text());
  }
}

void Leg::SendAgain(ConversationOutbox& out) {
  ++asker_->counters.resent;
  if (state_ == LegState::kWithdrawn) {
    out.messages.push_back(*cancel_);
    return;
  }
  ++copies_;
  out.messages.push_back(request_);
}

void Leg::SendCancel(absl::Time now, ConversationOutbox& out) {
  wire::Body body;
  body.mutable_cancel()->set_request_id(request_.header.message_id());
  body.mutable_cancel()->set_reason(why_.has_value() ? why_->text() : "the asker gives up");
  absl::StatusOr<Envelope> cancel =
      asker_->Make(wire::CANCEL, request_.destination, std::move(body), now);
  BITREPO_CHECK(cancel.ok(), "a request that could be made can be cancelled");
  cancel_ = *std::move(cancel);
  out.messages.push_back(*cancel_);
}

void Leg::Tell(EventKind kind, std::shared_ptr<const Envelope> message,
               ConversationOutbox& out) const {
  out.events.push_back({kind, component_.text(), code_, text_, std::move(message)});
}

ContributorResult Leg::Result() const {
  using State = ContributorResult::State;
  ContributorResult result;
  switch (state_) {
    case LegState::kAsked:
    case LegState::kWorking:
    case LegState::kAway:
    case LegState::kPaged:
      result.state = State::kWorking;
      break;
    case LegState::kDone:
      result.state = State::kDone;
      break;
    case LegState::kFailed:
      result.state = State::kFailed;
      break;
    case LegState::kWithdrawn:
    case LegState::kUnknown:
      result.state = State::kUnknown;
      break;
  }
  const bool withdrawn = state_ == LegState::kWithdrawn && why_.has_value();
  result.away = away_;
  result.code = withdrawn ? why_->code() : code_;
  result.text = withdrawn ? why_->text() : text_;
  result.final = final_;
  return result;
}

}  // namespace bitrepo::protocol
