// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/identification.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"

namespace bitrepo::protocol {
namespace {

using Kind = Destination::Kind;

bool IsPositive(const Envelope& reply) { return !IsRefusal(reply.body.response().code()); }
// That says nothing of the file: it may be asked.
bool IsBusy(const Envelope& reply) { return reply.body.response().code() == wire::BUSY; }

}  // namespace

absl::Status Identification::Begin(absl::Time now, ConversationOutbox& out) {
  const ConversationSpec& spec = asker_->spec;
  began_ = now;
  std::vector<Destination> destinations;
  for (const base::ComponentId& component : spec.named) {
    known_[component].expected = true;
    destinations.push_back({Kind::kPillar, component.text()});
  }
  if (destinations.empty()) {
    destinations.push_back({Kind::kCollection, spec.collection ? spec.collection->text() : ""});
  }
  for (const Destination& destination : destinations) {
    BITREPO_ASSIGN_OR_RETURN(Envelope message,
                             asker_->Make(wire::IDENTIFY, destination, spec.identify, now));
    out.messages.push_back(message);
    sent_.insert_or_assign(destination.ToString(), std::move(message));
  }
  resends_.Restart(spec.patience.resend_first, now, asker_->random);
  out.events.push_back({EventKind::kIdentifyRequestSent, "", {}, "", nullptr});
  return absl::OkStatus();
}

bool Identification::Owns(const Envelope& message) const {
  return std::any_of(sent_.begin(), sent_.end(), [&message](const auto& sent) {
    return message.header.answers() == sent.second.header.message_id();
  });
}

Identification::Reply Identification::OnReply(const Envelope& message) {
  const auto component = base::ComponentId::Parse(message.header.from());
  if (!component.ok()) {
    return Reply::kForeign;
  }
  const auto found = known_.find(*component);
  const bool closed = routed_ || !asker_->spec.named.empty();
  if (found == known_.end() && (closed || known_.size() >= kMembersMax)) {
    return Reply::kForeign;
  }
  Known& known = found != known_.end() ? found->second : known_[*component];
  if (known.reply != nullptr) {
    return Reply::kRepeated;
  }
  known.reply = std::make_shared<const Envelope>(message);
  known.away = false;
  return Reply::kNew;
}

void Identification::OnRouted(const wire::Routed& routed, absl::Time now) {
  routed_ = true;
  settling_ = routed.settling();
  routed_at_ = now;
  if (settling_) {
    asker_->settled_at = std::max(asker_->settled_at, now + kReturnGrace);
  }
  for (auto& [component, known] : known_) {
    known.away = false;
  }
  for (const std::string& name : routed.sent_to()) {
    if (const auto component = base::ComponentId::Parse(name); component.ok()) {
      known_[*component].expected = true;
    }
  }
  for (const std::string& name : routed.away()) {
    if (const auto component = base::ComponentId::Parse(name); component.ok()) {
      Known& known = known_[*component];
      known.away = known.reply == nullptr;
    }
  }
}

void Identification::OnUndelivered(const Envelope& message, absl::Time now) {
  for (const auto& [name, sent] : sent_) {
    const auto component = base::ComponentId::Parse(sent.destination.id);
    if (sent.header.message_id() != message.header.answers() || !component.ok() ||
        sent.destination.kind != Kind::kPillar) {
      continue;
    }
    Known& known = known_[*component];
    known.away = known.reply == nullptr;
    // Outside the grace nobody is waited for who is known not to be there.
    known.expected = now < asker_->settled_at;
  }
}

bool Identification::MaySelectNow() const {
  const ConversationSpec& spec = asker_->spec;
  return IsOneByOne(spec.reach) &&
         std::any_of(known_.begin(), known_.end(), [&spec](const auto& entry) {
           return entry.second.reply != nullptr && IsPositive(*entry.second.reply) &&
                  (spec.fail_over || !spec.prefer.has_value() || spec.prefer == entry.first);
         });
}

bool Identification::PreferredIsEnough() const {
  const ConversationSpec& spec = asker_->spec;
  if (!IsOneByOne(spec.reach) || !spec.prefer.has_value()) {
    return false;
  }
  const auto preferred = known_.find(*spec.prefer);
  return preferred != known_.end() && preferred->second.reply != nullptr &&
         (!spec.fail_over || IsPositive(*preferred->second.reply));
}

bool Identification::AllHeard() const {
  return (!asker_->spec.named.empty() || routed_) &&
         std::none_of(known_.begin(), known_.end(), [](const auto& entry) {
           return entry.second.reply == nullptr && entry.second.expected && !entry.second.away;
         });
}

bool Identification::AllAnswered() const {
  if (PreferredIsEnough()) {
    return true;
  }
  if (!AllHeard()) {
    return false;
  }
  bool nobody_away = !settling_;
  for (const auto& [component, known] : known_) {
    // A named one is away for good unless it is expected back; one of the collection may come back
    // until the time-out.
    nobody_away = nobody_away && !(known.reply == nullptr && known.away &&
                                   (known.expected || asker_->spec.named.empty()));
  }
  return nobody_away || MaySelectNow();
}

bool Identification::IsPassedOver(const Envelope& reply) const {
  const ConversationSpec& spec = asker_->spec;
  return IsOneByOne(spec.reach) && spec.named.empty() &&
         reply.body.response().code() == wire::REQUEST_NOT_SUPPORTED &&
         !(spec.prefer.has_value() && spec.prefer->text() == reply.header.from());
}

void Identification::Resend(absl::Time now, ConversationOutbox& out) {
  for (const auto& [name, message] : sent_) {
    const auto component = base::ComponentId::Parse(message.destination.id);
    const auto known = component.ok() && message.destination.kind == Kind::kPillar
                           ? known_.find(*component)
                           : known_.end();
    if (known == known_.end() || known->second.reply == nullptr) {
      ++asker_->counters.resent;
      out.messages.push_back(message);
    }
  }
  resends_.Next(asker_->spec.patience.resend_longest, now, asker_->random);
}

void Identification::OnBusUp(absl::Time now, ConversationOutbox& out) {
  Resend(now, out);
  resends_.Restart(asker_->spec.patience.resend_first, now, asker_->random);
}

absl::Time Identification::resend_at() const {
  return asker_->bus_up ? resends_.at() : absl::InfiniteFuture();
}

absl::Time Identification::Deadline() const {
  const Patience& patience = asker_->spec.patience;
  const absl::Time deadline = asker_->Deadline(began_, patience.identify);
  // Who is absent is not known before the broker has settled: the next identify that is sent again
  // brings its word.
  return settling_ ? std::max(deadline, asker_->Deadline(routed_at_, patience.resend_longest))
                   : deadline;
}

absl::btree_map<base::ComponentId, ContributorResult> Identification::Results(
    bool timed_out) const {
  using State = ContributorResult::State;
  absl::btree_map<base::ComponentId, ContributorResult> results;
  for (const auto& [component, known] : known_) {
    ContributorResult result;
    result.away = known.away;
    if (known.reply != nullptr) {
      const wire::ResponseInfo& response = known.reply->body.response();
      result.identified = true;
      result.identify_reply = known.reply;
      result.code = response.code();
      result.text = response.text();
      result.passed_over = IsPassedOver(*known.reply);
      if (IsDoneAlready(*known.reply)) {
        result.state = State::kDone;
        result.code = wire::OPERATION_COMPLETED;
      } else if (!IsPositive(*known.reply) && !IsBusy(*known.reply) && !result.passed_over) {
        result.state = State::kFailed;
      }
    } else if (!timed_out && PreferredIsEnough()) {
      result.passed_over = true;
      result.text = "not asked";
    } else {
      result.state = State::kFailed;
      result.code = wire::UNREACHABLE;
      result.text = known.away ? "it is not connected" : std::string(kNoIdentifyReply);
    }
    results.emplace(component, std::move(result));
  }
  return results;
}

bool Identification::AttendanceKnown() const {
  return !asker_->spec.named.empty() || (routed_ && !settling_);
}

wire::ResponseInfo Identification::NobodyThere() const {
  wire::ResponseInfo info;
  info.set_code(wire::UNREACHABLE);
  info.set_text(routed_
                    ? absl::StrCat("nobody serves the collection ",
                                   asker_->spec.collection ? asker_->spec.collection->text() : "")
                    : "the coordinator does not answer");
  return info;
}

}  // namespace bitrepo::protocol
