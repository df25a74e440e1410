// SPDX-License-Identifier: Apache-2.0
#include "client/get_operation.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bus/protocol/primitive.h"

namespace bitrepo::client {

GetOperation::GetOperation(Surroundings surroundings, base::ConversationId id, GetFileSpec spec,
                           EndHandler<GetFileResult> end)
    : OngoingOperation(surroundings, id, spec.events),
      spec_(std::move(spec)),
      reach_(ReachOf(spec_)),
      end_(std::move(end)) {}

GetOperation::~GetOperation() {
  here_.loop.CancelTimer(final_timer_);
  here_.loop.CancelTimer(plan_timer_);
  for (auto& [pillar, attempt] : attempts_) StopFetch(attempt, "the client stops");
}

// One that was left to the pillars goes on as it was begun: with those that were asked then.
protocol::Reach GetOperation::ReachOf(const GetFileSpec& spec) {
  return spec.sources > 1 && spec.fail_over && !spec.taken_up ? protocol::Reach::kSome
                                                              : protocol::Reach::kOne;
}

wire::Body GetOperation::Identify(const GetFileSpec& spec) {
  wire::Body body;
  wire::FileRange& range = *body.mutable_get_file_identify()->mutable_range();
  range.set_file_id(spec.file_id.text());
  range.set_offset(spec.offset);
  if (spec.length) range.set_length(*spec.length);
  return body;
}

wire::Body GetOperation::Request(const base::FileId& file_id, uint64_t offset,
                                 std::optional<uint64_t> length) {
  wire::Body body;
  wire::FileRange& range = *body.mutable_get_file_request()->mutable_range();
  range.set_file_id(file_id.text());
  range.set_offset(offset);
  if (length) range.set_length(*length);
  return body;
}

void GetOperation::OnNews(const protocol::ConversationEvent& event) {
  const auto pillar = base::ComponentId::Parse(event.component);
  if (!pillar.ok()) return;
  switch (event.kind) {
    case protocol::EventKind::kComponentIdentified:
      if (event.code == wire::IDENTIFICATION_POSITIVE) OnIdentified(*pillar, event);
      break;
    case protocol::EventKind::kRequestSent:
      asked_.insert(*pillar);
      done_.erase(*pillar);
      relieved_.erase(*pillar);
      break;
    case protocol::EventKind::kProgress:
      if (event.message != nullptr && !event.message->secret.empty()) {
        OnAccepted(
            {*pillar, event.message->secret, event.message->body.get_file_progress().file()});
      }
      break;
    case protocol::EventKind::kComponentComplete:
      asked_.erase(*pillar);
      done_.insert(*pillar);
      relieved_.erase(*pillar);  // it had done it before it heard
      Settle(*pillar);
      break;
    case protocol::EventKind::kComponentFailed:
      OnFailed(*pillar, event.text);
      break;
    default:
      break;
  }
}

void GetOperation::OnIdentified(const base::ComponentId& pillar,
                                const protocol::ConversationEvent& event) {
  protocol::Candidate candidate{pillar, {}};
  if (event.message != nullptr) {
    candidate.time_to_deliver = protocol::TimeToDeliverOf(event.message->body);
  }
  candidates_.push_back(std::move(candidate));
  if (!plan_ || sources_ == 1) return;
  RangeOutbox orders;
  plan_->OnOffered(pillar, Owed(), here_.loop.Now(), orders);
  Carry(orders);
}

void GetOperation::OnAccepted(Acceptance accepted) {
  if (!sink_.ok() || outcome_ || all_here_) return;
  const auto found = attempts_.find(accepted.pillar);
  if (found != attempts_.end() && found->second.accepted.token == accepted.token) {
    // A repeat of the last word. It says nothing new, unless the fetches with it have all ended.
    Attempt& attempt = found->second;
    if (!plan_ || attempt.running || attempt.delivered || attempt.fetches >= kFetchesPerTokenMax) {
      return;
    }
    here_.loop.CancelTimer(attempt.timer);
    Fetch(attempt);
    return;
  }
  if (found != attempts_.end()) StopFetch(found->second, "another fetch takes over");
  if (AnyStopping()) {
    waiting_.push_back(std::move(accepted));
    return;
  }
  Begin(std::move(accepted));
}

void GetOperation::OnFailed(const base::ComponentId& pillar, const std::string& why) {
  asked_.erase(pillar);
  done_.erase(pillar);
  std::erase_if(waiting_, [&](const auto& accepted) { return accepted.pillar == pillar; });
  if (relieved_.erase(pillar) > 0) return;  // and may be asked again
  std::erase_if(candidates_, [&](const auto& candidate) { return candidate.id == pillar; });
  if (const auto found = attempts_.find(pillar); found != attempts_.end()) {
    StopFetch(found->second, why);
    was_lost_ = true;
  }
  if (all_here_) return;
  if (plan_) {
    RangeOutbox orders;
    plan_->OnLost(pillar, Owed(), here_.loop.Now(), orders);
    Carry(orders);
  }
  AskOneAlone();
}

void GetOperation::OnAllHere(const base::ComponentId& pillar) {
  if (std::exchange(all_here_, true)) return;
  from_ = pillar;
  waiting_.clear();
  here_.loop.CancelTimer(plan_timer_);
  if (outcome_) return;
  here_.desk.Activity(id_, pillar);
  RaiseAlarm();
  for (auto& [other, attempt] : attempts_) StopFetch(attempt, "all bytes have come");
  if (by_plan()) {
    for (const base::ComponentId& other : asked_) {
      const auto found = attempts_.find(other);
      if (found != attempts_.end() && found->second.delivered) continue;
      here_.desk.TransferFailed(id_, other, absl::CancelledError("all bytes have come"));
    }
    here_.desk.Enough(id_);
  }
  final_timer_ = here_.loop.RunAfter(kFinalAfterFetch, [this, weak = weak_from_this()] {
    if (const auto self = weak.lock()) here_.desk.Cancel(id_, "all bytes have come");
  });
}

void GetOperation::OnSinkTrouble(absl::Status what) {
  sink_ = std::move(what);
  here_.desk.Cancel(id_, absl::StrCat("the bytes cannot be written: ", sink_.message()));
}

void GetOperation::RaiseAlarm() {
  if (liars_.empty() && suspects_.empty()) return;
  const auto& named = liars_.empty() ? suspects_ : liars_;
  const std::string names =
      absl::StrJoin(named, ", ", [](std::string* out, const base::ComponentId& pillar) {
        absl::StrAppend(out, pillar.text());
      });
  wire::Alarm alarm;
  alarm.set_code(std::string(kBadSource));
  alarm.set_file_id(spec_.file_id.text());
  alarm.set_text(absl::StrCat(names, liars_.empty() ? " together" : "",
                              " delivered bytes that do not have the digest on record; ",
                              from_->text(), " delivered the right ones"));
  here_.desk.Alarm(id_, std::move(alarm));
}

std::optional<protocol::ConversationRemains> GetOperation::Leave() {
  for (auto& [pillar, attempt] : attempts_) {
    if (!std::exchange(attempt.running, false)) continue;
    attempt.number = 0;
    here_.channel.Abandon(attempt.transfer);
  }
  return OngoingOperation::Leave();
}

void GetOperation::OnConversationDone(const protocol::Outcome& outcome) {
  outcome_ = outcome;
  here_.loop.CancelTimer(final_timer_);
  here_.loop.CancelTimer(plan_timer_);
  if (AnyRunning()) {
    // A final may overtake the last word of the data channel; anything else ends the fetch.
    if (outcome.verdict != protocol::Verdict::kSuccess) {
      for (auto& [pillar, attempt] : attempts_) StopFetch(attempt, "the operation has ended");
    }
    here_.lingering[id_] = shared_from_this();
    return;
  }
  Finish();
}

void GetOperation::Finish() {
  const auto keep = shared_from_this();
  here_.lingering.erase(id_);
  for (auto& [pillar, attempt] : attempts_) here_.loop.CancelTimer(attempt.timer);
  GetFileResult result;
  result.conversation = id_;
  result.outcome = *std::move(outcome_);
  const bool complete = target_ != nullptr && target_->committed();
  if (complete) {
    result.outcome.verdict = protocol::Verdict::kSuccess;  // proved here, whatever was heard since
  } else {
    if (target_ != nullptr) target_->Abandon(absl::CancelledError("the get has ended"));
    if (result.outcome.verdict == protocol::Verdict::kSuccess) {
      result.outcome.verdict = protocol::Verdict::kFailed;
      result.outcome.code = wire::FILE_TRANSFER_FAILURE;
      result.outcome.text = "the pillar said that all was sent, but not all has come";
    }
  }
  result.sink = sink_;
  result.from = from_;
  for (const auto& [pillar, bytes] : delivered_) {
    if (bytes > 0) result.delivered[pillar] = bytes;
  }
  result.file = file_;
  result.bytes = complete ? target_->range().length() : 0;
  result.failovers = failovers_;
  result.mismatch = mismatch_;
  result.suspects.assign(suspects_.begin(), suspects_.end());
  end_(std::move(result));
}

}  // namespace bitrepo::client
