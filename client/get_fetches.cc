// SPDX-License-Identifier: Apache-2.0
// The fetches of a get: from whom, of what, and what follows when one ends.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "client/get_operation.h"
#include "client/wire_words.h"

namespace bitrepo::client {

// The sources of one get share one window: no more comes twice after a kill than from one alone.
static_assert(channel::kWindowBytes / kSourcesMax >= channel::kSegmentBytes);

void GetOperation::Begin(Acceptance accepted) {
  if (absl::Status ready = Prepare(accepted); !ready.ok()) {
    if (sink_.ok()) here_.desk.TransferFailed(id_, accepted.pillar, std::move(ready));
    return;
  }
  const base::ComponentId pillar = accepted.pillar;
  failovers_ += std::exchange(was_lost_, false) ? 1 : 0;
  if (const auto before = attempts_.find(pillar); before != attempts_.end()) {
    here_.loop.CancelTimer(before->second.timer);
  }
  Attempt& attempt =
      attempts_.insert_or_assign(pillar, Attempt{.accepted = std::move(accepted)}).first->second;
  if (!plan_) MakePlan();
  RangeOutbox orders;
  plan_->OnAccepted(pillar, Owed(), here_.loop.Now(), orders);
  Fetch(attempt);
  if (sources_ > 1) {
    for (const base::ComponentId& other : protocol::RankCandidates(candidates_, std::nullopt)) {
      if (other != pillar) plan_->OnOffered(other, Owed(), here_.loop.Now(), orders);
    }
  }
  Carry(orders);
}

// The place for the bytes; what came before stays when this pillar holds the same content.
absl::Status GetOperation::Prepare(const Acceptance& accepted) {
  const wire::FileInfo& file = accepted.file;
  const auto digest = FromWire(file.digest());
  if (!digest.ok()) {
    return absl::DataLossError(
        absl::StrCat(accepted.pillar.text(), " has no digest on record of ", file.file_id()));
  }
  if (target_ != nullptr) {
    if (file.size_bytes() == file_->size_bytes() &&
        file.digest().value() == file_->digest().value()) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat(accepted.pillar.text(), " holds other bytes than the pillar before it"));
  }
  const auto range = base::ByteRange::Within(file.size_bytes(), spec_.offset, spec_.length);
  if (!range.ok()) return range.status();
  auto sink = spec_.sink(file, *range);
  if (!sink.ok()) {
    OnSinkTrouble(sink.status());
    return sink.status();
  }
  const bool whole = *range == base::ByteRange::Whole(file.size_bytes());
  target_ = std::make_shared<FetchTarget>(
      *std::move(sink), *range, whole ? std::optional<base::Digest>(*digest) : std::nullopt);
  file_ = file;
  delivered_.clear();
  held_bytes_ = range->length() - Owed().bytes();
  return absl::OkStatus();
}

void GetOperation::MakePlan() {
  const base::RangeSet owed = Owed();
  const bool may_be_several = by_plan() && !one_at_a_time_ && target_->takes_any_order() &&
                              owed.bytes() >= kSeveralSourcesFromBytes;
  sources_ = may_be_several
                 ? std::clamp<uint32_t>(static_cast<uint32_t>(candidates_.size()), 1, spec_.sources)
                 : 1;
  plan_.emplace(owed, sources_, here_.loop.Now());
}

void GetOperation::Fetch(Attempt& attempt) {
  const base::RangeSet owed = Owed();
  const base::RangeSet share = plan_->share(attempt.accepted.pillar, owed);
  if (share.empty() && !owed.empty()) {
    Spare(attempt.accepted.pillar);
    return;
  }
  attempt.number = ++attempts_made_;
  attempt.running = true;
  attempt.stopped = false;
  attempt.counted_bytes = 0;
  ++attempt.fetches;
  runtime::EventLoop& loop = here_.loop;
  const std::weak_ptr<OngoingOperation> weak = weak_from_this();
  attempt.sink = std::make_shared<AttemptSink>(
      target_, share,
      [&loop, weak, number = attempt.number](wire::ResponseInfo why,
                                             absl::AnyInvocable<void(wire::ResponseInfo)> answer) {
        PostTo<GetOperation>(
            loop, weak,
            [number, why = std::move(why), answer = std::move(answer)](GetOperation& self) mutable {
              self.OnMismatch(number, std::move(why), std::move(answer));
            });
      });
  channel::TransferEvents events;
  events.on_progress = [&loop, weak, number = attempt.number](uint64_t) {
    PostTo<GetOperation>(loop, weak,
                         [number](GetOperation& self) { self.OnFetchProgress(number); });
  };
  events.on_end = [&loop, weak, number = attempt.number,
                   sink = attempt.sink](absl::Status how) mutable {
    // What is owed is known only when every write under way has ended.
    sink->WhenIdle([&loop, weak, number, how = std::move(how)]() mutable {
      PostTo<GetOperation>(loop, weak, [number, how = std::move(how)](GetOperation& self) mutable {
        self.OnFetchEnd(number, std::move(how));
      });
    });
  };
  // Where nothing is owed the sink says so, and the issuer hears that it has ended well.
  attempt.transfer =
      here_.channel.Fetch(attempt.accepted.token, share.ranges(), attempt.sink, std::move(events),
                          spec_.background, channel::kWindowBytes / sources_);
}

// What it was asked for has come from another meanwhile: its token is of no use, and it may be
// asked for something else.
void GetOperation::Spare(const base::ComponentId& pillar) {
  Relieve(pillar, "it is not needed now");
  RangeOutbox orders;
  plan_->OnDone(pillar, Owed(), here_.loop.Now(), orders);
  Carry(orders);
}

void GetOperation::Relieve(const base::ComponentId& pillar, absl::string_view why) {
  relieved_.insert(pillar);
  if (const auto found = attempts_.find(pillar); found != attempts_.end()) {
    StopFetch(found->second, why);
  }
  here_.desk.Relieved(id_, pillar, absl::CancelledError(why));
}

void GetOperation::StopFetch(Attempt& attempt, absl::string_view why) {
  here_.loop.CancelTimer(attempt.timer);
  attempt.timer = runtime::TimerId::kNone;
  if (!attempt.running || std::exchange(attempt.stopped, true)) return;
  here_.channel.Cancel(attempt.transfer, absl::CancelledError(why));
}

void GetOperation::OnFetchProgress(uint64_t number) {
  Attempt* attempt = FindAttempt(number);
  if (attempt == nullptr || target_ == nullptr) return;
  const base::ComponentId& pillar = attempt->accepted.pillar;
  here_.desk.Activity(id_, pillar);
  Count(*attempt);
  AskForOwed();
  if (events_.on_transfer) {
    events_.on_transfer(pillar, delivered_[pillar], target_->range().length());
  }
}

void GetOperation::Count(Attempt& attempt) {
  const uint64_t written = attempt.sink->written_bytes();
  const uint64_t fresh = written - std::exchange(attempt.counted_bytes, written);
  delivered_[attempt.accepted.pillar] += fresh;
  if (plan_ && fresh > 0) plan_->OnMoved(attempt.accepted.pillar, fresh, here_.loop.Now());
}

void GetOperation::OnFetchEnd(uint64_t number, absl::Status how) {
  Attempt* attempt = FindAttempt(number);
  if (attempt == nullptr) return;
  const base::ComponentId pillar = attempt->accepted.pillar;
  attempt->running = false;
  attempt->delivered = how.ok();
  if (target_ != nullptr) Count(*attempt);
  if (target_ != nullptr && target_->committed()) OnAllHere(pillar);
  if (outcome_) {
    // The final of a pillar that was told of it has come first.
    if (target_ != nullptr && !target_->committed()) sink_.Update(target_->trouble());
    if (!AnyRunning()) Finish();
    return;
  }
  if (all_here_) return;
  if (target_ != nullptr && !target_->trouble().ok()) {
    OnSinkTrouble(target_->trouble());
    return;
  }
  if (how.ok() && by_plan()) {
    Settle(pillar);
  } else if (!attempt->stopped) {
    OnFetchLost(*attempt, how.ok() ? absl::DataLossError("the fetch ended before its time") : how);
  }
  GoOnWaiting();
  AskOneAlone();
}

void GetOperation::OnFetchLost(Attempt& attempt, const absl::Status& how) {
  AskForOwed();
  const base::ComponentId pillar = attempt.accepted.pillar;
  // A lost session is tried again with the same token when nobody else could go on.
  if (absl::IsUnavailable(how) && target_ != nullptr && !OthersMayServe(pillar) &&
      attempt.fetches < kFetchesPerTokenMax) {
    const absl::Duration pause = kFetchAgainFirst * (1 << (attempt.fetches - 1));
    attempt.timer = here_.loop.RunAfter(pause, [this, weak = weak_from_this(), pillar] {
      const auto self = weak.lock();
      if (self == nullptr || !plan_ || all_here_ || outcome_) return;
      if (Attempt& again = attempts_.at(pillar); !again.running) Fetch(again);
    });
    return;
  }
  // A pillar that served by the token and then knows it no more was started anew meanwhile.
  const bool restarted = attempt.fetches > 1 && absl::IsInvalidArgument(how);
  here_.desk.TransferFailed(
      id_, pillar,
      restarted ? absl::UnavailableError(absl::StrCat(pillar.text(), " was started anew meanwhile"))
                : how);
}

// The bytes do not have the digest on record: all must come anew. Whoever brought all of them is
// known to be wrong; of several, each is asked alone from now on until one is right. Where nobody
// brought any, what the sink held was wrong, and nobody is to blame: it comes anew, if somebody can
// still be asked.
void GetOperation::OnMismatch(uint64_t number, wire::ResponseInfo why,
                              absl::AnyInvocable<void(wire::ResponseInfo)> answer) {
  Attempt* attempt = FindAttempt(number);
  mismatch_ = true;
  if (attempt == nullptr || target_ == nullptr) {
    answer(std::move(why));
    return;
  }
  Count(*attempt);
  const base::ComponentId pillar = attempt->accepted.pillar;
  const bool alone = delivered_[pillar] >= target_->range().length();
  if (alone) liars_.insert(pillar);
  bool any_delivered = false;
  for (const auto& [source, bytes] : delivered_) {
    any_delivered = any_delivered || bytes > 0;
    // What was here before may be what is wrong.
    if (bytes > 0 && !alone && held_bytes_ == 0) suspects_.insert(source);
  }
  target_->Abandon(absl::DataLossError(std::string(why.text())));
  target_.reset();
  file_.reset();
  plan_.reset();
  here_.loop.CancelTimer(plan_timer_);
  one_at_a_time_ = true;
  AskForOwed();
  if (alone || (any_delivered && !by_plan())) {
    here_.desk.TransferFailed(id_, pillar, absl::DataLossError(std::string(why.text())));
  } else {
    if (!any_delivered && !by_plan()) OnSinkTrouble(absl::DataLossError(std::string(why.text())));
    why.set_code(wire::OPERATION_COMPLETED);  // its own share may well be right
    why.clear_text();
  }
  answer(std::move(why));
}

// Its share has come and its final as well: it may be asked for more.
void GetOperation::Settle(const base::ComponentId& pillar) {
  if (!by_plan() || all_here_ || outcome_ || !done_.contains(pillar)) return;
  const auto found = attempts_.find(pillar);
  if (found != attempts_.end() && found->second.running) return;
  if (plan_) {
    RangeOutbox orders;
    plan_->OnDone(pillar, Owed(), here_.loop.Now(), orders);
    Carry(orders);
  }
  AskOneAlone();
}

void GetOperation::Carry(const RangeOutbox& orders) {
  for (const RangeOrder& order : orders) {
    if (order.kind == RangeOrder::Kind::kAsk) {
      Ask(order.source);
    } else {
      Relieve(order.source, "others are faster, and take over");
    }
  }
  Arm();
}

// For its share as it was given: of what may have come since, the fetch takes care.
void GetOperation::Ask(const base::ComponentId& pillar) {
  base::RangeSet all;
  all.Add(target_->range());
  const std::vector<base::ByteRange> parts = plan_->share(pillar, all).ranges();
  const uint64_t offset = parts.front().offset();
  asked_.insert(pillar);
  done_.erase(pillar);
  here_.desk.Ask(id_, pillar, Request(spec_.file_id, offset, parts.back().end() - offset));
}

void GetOperation::Arm() {
  here_.loop.CancelTimer(plan_timer_);
  plan_timer_ = runtime::TimerId::kNone;
  if (!plan_ || !by_plan() || plan_->WakeAt() == absl::InfiniteFuture()) return;
  plan_timer_ = here_.loop.RunAt(plan_->WakeAt(), [this, weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr || !plan_ || all_here_ || outcome_) return;
    RangeOutbox orders;
    plan_->OnTime(Owed(), here_.loop.Now(), orders);
    Carry(orders);
  });
}

void GetOperation::GoOnWaiting() {
  if (AnyStopping()) return;
  for (Acceptance& accepted : std::exchange(waiting_, {})) Begin(std::move(accepted));
}

// Where no plan has it and nobody is being asked: one of those that are done brings all of it.
void GetOperation::AskOneAlone() {
  if (!by_plan() || !one_at_a_time_ || outcome_ || all_here_ || !sink_.ok()) return;
  if (!asked_.empty() || AnyRunning() || done_.empty()) return;
  const base::ComponentId pillar = *done_.begin();
  asked_.insert(pillar);
  done_.erase(pillar);
  here_.desk.Ask(id_, pillar, Request(spec_.file_id, spec_.offset, spec_.length));
}

void GetOperation::AskForOwed() {
  if (target_ == nullptr) {
    here_.desk.SetRequest(id_, Request(spec_.file_id, spec_.offset, spec_.length));
    return;
  }
  const std::vector<base::ByteRange> owed = Owed().ranges();
  const uint64_t offset = owed.empty() ? target_->range().end() : owed.front().offset();
  here_.desk.SetRequest(id_, Request(spec_.file_id, offset, target_->range().end() - offset));
}

base::RangeSet GetOperation::Owed() const {
  return target_ == nullptr ? base::RangeSet() : target_->Owed();
}

bool GetOperation::OthersMayServe(const base::ComponentId& pillar) const {
  return spec_.fail_over &&
         std::any_of(candidates_.begin(), candidates_.end(),
                     [&](const auto& candidate) { return candidate.id != pillar; });
}

bool GetOperation::AnyRunning() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) { return entry.second.running; });
}

bool GetOperation::AnyStopping() const {
  return std::any_of(attempts_.begin(), attempts_.end(), [](const auto& entry) {
    return entry.second.running && entry.second.stopped;
  });
}

GetOperation::Attempt* GetOperation::FindAttempt(uint64_t number) {
  for (auto& [pillar, attempt] : attempts_) {
    if (attempt.number == number) return &attempt;
  }
  return nullptr;
}

}  // namespace bitrepo::client
