// SPDX-License-Identifier: Apache-2.0
// Whose turn it is: all at once, the first and then the rest, or one after another until one has
// done it.
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/protocol/conversation_state.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "bus/protocol/selection.h"

namespace bitrepo::protocol {
namespace {

using Result = ContributorResult::State;

// What one contributor says of the file itself, not of its own state: asking the others would split
// them.
bool StopsTheRest(wire::ResponseCode code) {
  return code == wire::DUPLICATE_FILE_FAILURE || code == wire::CONFLICT ||
         code == wire::EXISTING_FILE_CHECKSUM_FAILURE;
}

bool MayBeAsked(const ContributorResult& result) {
  return result.state == Result::kWaiting && !result.passed_over;
}

}  // namespace

// Who is to be asked, in which order.
void Conversation::State::Queue() {
  const ConversationSpec& spec = asker.spec;
  std::vector<Candidate> candidates;
  for (const auto& [component, result] : outcome.contributors) {
    if (!MayBeAsked(result)) {
      continue;
    }
    Candidate candidate{component, {}};
    if (result.identify_reply != nullptr) {
      candidate.time_to_deliver = TimeToDeliverOf(result.identify_reply->body);
      if (result.code == wire::BUSY) {  // after all that can
        candidate.time_to_deliver.set_first_byte_us(std::numeric_limits<uint64_t>::max());
      }
    }
    candidates.push_back(std::move(candidate));
  }
  const bool one = IsOneByOne(spec.reach);
  const std::vector<base::ComponentId> order =
      RankCandidates(std::move(candidates), one ? spec.prefer : std::nullopt);
  if (one) {
    queue.assign(order.begin(), order.end());
  } else {
    for (const auto& [component, result] : outcome.contributors) {
      if (MayBeAsked(result)) {
        queue.push_back(component);
      }
    }
  }
  if (one && !spec.fail_over && !queue.empty()) {
    const bool usable = !spec.prefer.has_value() || queue.front() == *spec.prefer;
    queue.erase(queue.begin() + (usable ? 1 : 0), queue.end());
  }
}

void Conversation::State::Proceed(absl::Time now, ConversationOutbox& out) {
  if (phase == Phase::kAsking) {
    switch (asker.spec.reach) {
      case Reach::kAll:
        AskAll(now, out);
        break;
      case Reach::kFirstThenRest:
        ProceedInOrder(now, out);
        break;
      case Reach::kOne:
        ProceedOneByOne(now, out);
        break;
      case Reach::kSome:
        ProceedAsNamed(now, out);
        break;
    }
  }
  if (phase != Phase::kEnded && queue.empty() && OpenLegs(true) == 0 && !OnlyListens() &&
      !AwaitsWord()) {
    FailTheUnheard(out);
    phase = Phase::kEnded;
    End(out);
  }
}

bool Conversation::State::OnlyListens() const {
  return phase == Phase::kAsking && listening && queue.empty() && OpenLegs(true) == 0;
}

bool Conversation::State::AwaitsWord() const {
  return asker.spec.reach == Reach::kSome && phase == Phase::kAsking && !enough &&
         std::any_of(legs.begin(), legs.end(),
                     [](const auto& entry) { return entry.second->state() == LegState::kDone; });
}

// Whoever was passed over as long as another could serve, and has not been heard when none could.
void Conversation::State::FailTheUnheard(ConversationOutbox& out) {
  if (!asker.spec.fail_over || cancelled || enough) {
    return;
  }
  for (const auto& [component, result] : outcome.contributors) {
    if (result.passed_over && !result.identified) {
      Fail(component, MakeInfo(wire::UNREACHABLE, kNoIdentifyReply), out);
    }
  }
}

void Conversation::State::ProceedInOrder(absl::Time now, ConversationOutbox& out) {
  for (const auto& [component, result] : outcome.contributors) {
    if (!gate_open && result.state == Result::kFailed && StopsTheRest(result.code)) {
      RefuseRest(component, result.code, out);
      return;
    }
  }
  for (const auto& [component, leg] : legs) {
    gate_open = gate_open || leg->accepted() || leg->state() == LegState::kDone;
  }
  if (gate_open) {
    AskAll(now, out);
  }
  while (!queue.empty() && OpenLegs(false) == 0) {
    AskNext(now, out);
  }
}

void Conversation::State::ProceedOneByOne(absl::Time now, ConversationOutbox& out) {
  bool served = false;
  bool paged = false;
  for (const auto& [component, leg] : legs) {
    served = served || leg->state() == LegState::kDone;
    paged = paged || leg->has_paged();
  }
  if (served) {
    queue.clear();
    phase = Phase::kEnded;
    End(out);
    return;
  }
  if (paged || (!legs.empty() && !asker.spec.fail_over)) {
    listening = false;
    queue.clear();  // what one lists cannot be taken over by another in the middle
  }
  while (!queue.empty() && OpenLegs(false) == 0) {
    AskNext(now, out);
  }
}

void Conversation::State::ProceedAsNamed(absl::Time now, ConversationOutbox& out) {
  if (enough || (!legs.empty() && !asker.spec.fail_over)) {
    listening = false;
    queue.clear();
  }
  while (!queue.empty() && OpenLegs(false) == 0 && !AwaitsWord()) {
    AskNext(now, out);
  }
}

void Conversation::State::AskNamed(absl::Time now, ConversationOutbox& out) {
  const auto& [component, body] = *named;
  const Leg* leg = FindLeg(component);
  const auto result = outcome.contributors.find(component);
  const bool can_be_asked =
      leg != nullptr ? IsOver(leg->state())
                     : result != outcome.contributors.end() && MayBeAsked(result->second);
  if (asker.spec.reach != Reach::kSome || enough || !can_be_asked) {
    ++asker.counters.ignored;
    return;
  }
  std::erase(queue, component);
  absl::StatusOr<Envelope> request = MakeRequest(component, body, now);
  if (!request.ok()) {
    Fail(component, MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, request.status().message()),
         out);
    Proceed(now, out);
    return;
  }
  Ask(component, *std::move(request), now, out, false);
}

void Conversation::State::AskAll(absl::Time now, ConversationOutbox& out) {
  while (!queue.empty()) {
    AskNext(now, out);
  }
}

void Conversation::State::AskNext(absl::Time now, ConversationOutbox& out) {
  const base::ComponentId component = queue.front();
  queue.pop_front();
  absl::StatusOr<Envelope> request = MakeRequest(component, asker.spec.request, now);
  if (!request.ok()) {
    Fail(component, MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, request.status().message()),
         out);
    return;
  }
  Ask(component, *std::move(request), now, out, false);
}

void Conversation::State::Ask(const base::ComponentId& component, Envelope request, absl::Time now,
                              ConversationOutbox& out, bool resumed) {
  const bool holds_on = !IsOneByOne(asker.spec.reach) ||
                        (queue.empty() && !listening && !OthersCouldServe(component));
  auto leg =
      std::make_unique<Leg>(component, std::move(request), holds_on, asker, now, out, resumed);
  Record(*leg);
  legs.insert_or_assign(component, std::move(leg));
}

bool Conversation::State::OthersCouldServe(const base::ComponentId& component) const {
  return asker.spec.reach == Reach::kSome &&
         std::any_of(legs.begin(), legs.end(), [&](const auto& entry) {
           const LegState state = entry.second->state();
           return entry.first != component && (state == LegState::kDone || !IsOver(state));
         });
}

// The requests of the process before this one first, then whoever it had not asked.
void Conversation::State::TakeUp(absl::Time now, ConversationOutbox& out) {
  const ConversationRemains& remains = *asker.spec.resumed;
  phase = Phase::kAsking;
  attendance_known = remains.attendance_known;
  trouble = MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, "nobody was asked");
  for (const base::ComponentId& component : remains.unasked) {
    outcome.contributors[component];
    queue.push_back(component);
  }
  for (const Envelope& request : remains.requests) {
    const absl::StatusOr<base::ComponentId> component =
        asker.spec.to_coordinator ? TheCoordinator()
                                  : base::ComponentId::Parse(request.header.to());
    absl::StatusOr<Envelope> again = FromSession(request, asker.spec.session);
    if (component.ok() && again.ok() && request.conversation() == asker.spec.id) {
      Ask(*component, *std::move(again), now, out, true);
    } else {
      trouble = MakeInfo(wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                         "what is kept of the conversation holds no request of it");
    }
  }
  Proceed(now, out);
}

absl::StatusOr<Envelope> Conversation::State::MakeRequest(const base::ComponentId& component,
                                                          wire::Body body, absl::Time now) {
  const Destination destination = asker.spec.to_coordinator
                                      ? Destination{Destination::Kind::kCoordinator, ""}
                                      : Destination{Destination::Kind::kPillar, component.text()};
  const auto secret = asker.spec.secrets.find(component);
  return asker.Make(wire::REQUEST, destination, std::move(body), now,
                    secret == asker.spec.secrets.end() ? "" : secret->second);
}

void Conversation::State::RefuseRest(const base::ComponentId& who, wire::ResponseCode code,
                                     ConversationOutbox& out) {
  const std::string text =
      absl::StrCat("not asked, since ", who.text(), " answered ", NameOf(code));
  while (!queue.empty()) {
    const base::ComponentId component = queue.front();
    queue.pop_front();
    Fail(component, MakeInfo(code, text), out);
  }
}

size_t Conversation::State::OpenLegs(bool with_withdrawn) const {
  return static_cast<size_t>(std::count_if(legs.begin(), legs.end(), [&](const auto& entry) {
    const LegState state = entry.second->state();
    return !IsOver(state) && (with_withdrawn || state != LegState::kWithdrawn);
  }));
}

}  // namespace bitrepo::protocol
