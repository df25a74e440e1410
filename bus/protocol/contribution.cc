// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/contribution.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::protocol {

RequestKey KeyOf(const Envelope& request) {
  return {request.header.from(), request.conversation(), request.message_id()};
}

struct Contribution::State {
  State(ContributionSpec the_spec, Envelope the_request, absl::Time now, base::Random& the_random)
      : spec(std::move(the_spec)),
        request(std::move(the_request)),
        asked(request),
        body_digest(BodyDigest(request)),
        started(now),
        told_at(now),
        random(the_random) {
    SetEmptyContent(report, ContentOf(wire::PROGRESS, request.header.operation()));
    report.mutable_response()->set_code(wire::OPERATION_PROGRESS);
    report.mutable_progress()->set_phase(wire::QUEUED);
  }

  ContributionAction Step(ContributionEvent event) {
    const ContributionCell cell = CellOf(state, event);
    state = cell.next;
    ignored += cell.action == ContributionAction::kIgnore ? 1 : 0;
    return cell.action;
  }

  absl::Time WallAt(absl::Time now) const { return spec.wall_start + (now - started); }

  void Send(wire::Kind kind, wire::Body body, std::string token, const Envelope& to, absl::Time now,
            ContributionOutbox& out) {
    out.messages.push_back(
        MakeReply(spec, to, kind, std::move(body), std::move(token), WallAt(now), random));
  }

  void Tell(const Envelope& to, absl::Time now, ContributionOutbox& out) {
    told_at = now;
    untold = false;
    if (report.content_case() == Content::CONTENT_NOT_SET) {
      return;  // an operation without progress
    }
    report.mutable_progress()->set_sequence(++sequence);
    Send(wire::PROGRESS, report, secret, to, now, out);
    report.mutable_response()->set_code(wire::OPERATION_PROGRESS);
    report.mutable_response()->clear_text();
  }

  void Keep(wire::Progress progress, bool at_once, absl::Time now, ContributionOutbox& out) {
    wire::Progress& kept = *report.mutable_progress();
    progress.set_bytes_done(std::max(progress.bytes_done(), kept.bytes_done()));
    if (state == ContributionState::kNew || progress.phase() == wire::PHASE_UNSPECIFIED) {
      progress.set_phase(
          kept.phase());  // before it is accepted it waits, whatever the host calls it
    }
    at_once = at_once && progress.phase() != kept.phase();
    kept = std::move(progress);
    untold = true;
    if (at_once || now >= told_at + kProgressGap) {
      Tell(asked, now, out);
    }
  }

  void LastWord(const Envelope& to, absl::Time now, ContributionOutbox& out) {
    if (state == ContributionState::kFinished) {
      Send(wire::FINAL, Final(), "", to, now, out);
    } else {
      Tell(to, now, out);
    }
  }

  void Finish(wire::Body final, absl::Time now, ContributionOutbox& out) {
    state = ContributionState::kFinished;
    finished_at = now;
    Send(wire::FINAL, std::move(final), "", asked, now, out);
    final_bytes = out.messages.back().body_bytes;
  }

  wire::Body Final() const {
    wire::Body final;
    BITREPO_CHECK(final.ParseFromString(final_bytes), "a final that was sent can be read");
    return final;
  }

  void Conflict(const Envelope& to, absl::Time now, ContributionOutbox& out) {
    wire::Body body;
    body.mutable_response()->set_code(wire::CONFLICT);
    body.mutable_response()->set_text("another request was made under this message id");
    Send(wire::FINAL, std::move(body), "", to, now, out);
  }

  ContributionSpec spec;
  Envelope request;
  Envelope asked;  // the request as last repeated, or its cancel: where replies go
  std::string body_digest;
  absl::Time started;
  absl::Time told_at;
  base::Random& random;

  ContributionState state = ContributionState::kNew;
  wire::Body report;
  std::string secret;
  uint32_t sequence = 0;
  bool untold = false;
  std::string final_bytes;  // as sent: a page of a list takes several times as much when it is read
  absl::Time finished_at = absl::InfinitePast();
  uint64_t ignored = 0;
};

Contribution::Contribution(std::unique_ptr<State> state) : state_(std::move(state)) {}
Contribution::Contribution(Contribution&&) noexcept = default;
Contribution::~Contribution() = default;

Contribution::Contribution(ContributionSpec spec, Envelope request, absl::Time now,
                           base::Random& random, ContributionOutbox& out)
    : state_(std::make_unique<State>(std::move(spec), std::move(request), now, random)) {
  out.start_work = true;
}

Contribution Contribution::Recorded(ContributionSpec spec, Envelope request, wire::Body final,
                                    absl::Time now, base::Random& random, ContributionOutbox& out) {
  auto state = std::make_unique<State>(std::move(spec), std::move(request), now, random);
  state->Finish(std::move(final), now, out);
  return Contribution(std::move(state));
}

void Contribution::OnRepeat(const Envelope& repeat, absl::Time now, ContributionOutbox& out) {
  const bool same =
      KeyOf(repeat) == KeyOf(state_->request) && BodyDigest(repeat) == state_->body_digest;
  if (state_->Step(same ? ContributionEvent::kRepeat : ContributionEvent::kConflict) ==
      ContributionAction::kRefuse) {
    state_->Conflict(repeat, now, out);
    return;
  }
  state_->asked = repeat;
  state_->LastWord(state_->asked, now, out);
}

void Contribution::OnAccepted(wire::Body body, std::string secret, absl::Time now,
                              ContributionOutbox& out) {
  const bool first = state_->state == ContributionState::kNew;
  if (state_->Step(ContributionEvent::kAccepted) != ContributionAction::kTell) {
    return;
  }
  body.mutable_response()->set_code(first ? wire::OPERATION_ACCEPTED_PROGRESS
                                          : wire::OPERATION_PROGRESS);
  if (body.progress().phase() == wire::PHASE_UNSPECIFIED) {
    body.mutable_progress()->set_phase(first ? wire::ACCEPTED : wire::SENDING);
  }
  if (body.content_case() == Content::CONTENT_NOT_SET) {
    SetEmptyContent(body, ContentOf(wire::PROGRESS, state_->request.header.operation()));
  }
  state_->report = std::move(body);
  state_->secret = std::move(secret);
  state_->Tell(state_->asked, now, out);
}

void Contribution::OnProgress(wire::Progress progress, absl::Time now, ContributionOutbox& out) {
  if (state_->Step(ContributionEvent::kProgress) == ContributionAction::kKeep) {
    state_->Keep(std::move(progress), /*at_once=*/false, now, out);
  }
}

void Contribution::OnPhase(wire::Progress progress, absl::Time now, ContributionOutbox& out) {
  if (state_->Step(ContributionEvent::kProgress) == ContributionAction::kKeep) {
    state_->Keep(std::move(progress), /*at_once=*/true, now, out);
  }
}

void Contribution::OnFinished(wire::Body final, absl::Time now, ContributionOutbox& out) {
  if (state_->Step(ContributionEvent::kFinished) != ContributionAction::kEnd) {
    return;
  }
  state_->Finish(std::move(final), now, out);
}

void Contribution::OnCancel(const Envelope& cancel, absl::Time now, ContributionOutbox& out) {
  state_->asked.header.set_reply_to(cancel.header.reply_to());
  if (state_->Step(ContributionEvent::kCancel) == ContributionAction::kStop) {
    out.stop_work = true;
    return;
  }
  state_->LastWord(state_->asked, now, out);
}

void Contribution::OnTime(absl::Time now, ContributionOutbox& out) {
  if (now < WakeAt()) {
    return;
  }
  if (state_->Step(ContributionEvent::kTimeToTell) == ContributionAction::kTell) {
    state_->Tell(state_->asked, now, out);
  }
}

absl::Time Contribution::WakeAt() const {
  if (done()) {
    return absl::InfiniteFuture();
  }
  return state_->told_at + (state_->untold ? kProgressGap : state_->spec.heartbeat);
}

bool Contribution::done() const { return state_->state == ContributionState::kFinished; }

absl::Time Contribution::finished_at() const {
  BITREPO_CHECK(done(), "a contribution has an end only when it is done");
  return state_->finished_at;
}

const Envelope& Contribution::request() const { return state_->request; }

wire::Body Contribution::final_body() const {
  BITREPO_CHECK(done(), "a contribution has a final only when it is done");
  return state_->Final();
}

size_t Contribution::kept_bytes() const {
  return state_->final_bytes.size() + state_->request.body_bytes.size();
}

ContributionState Contribution::state() const { return state_->state; }
uint64_t Contribution::ignored() const { return state_->ignored; }

}  // namespace bitrepo::protocol
