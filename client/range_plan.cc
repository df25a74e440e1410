// SPDX-License-Identifier: Apache-2.0
#include "client/range_plan.h"

#include <algorithm>
#include <utility>

#include "base/byte_range.h"

namespace bitrepo::client {
namespace {

// A multiple of what moves in one segment, so that no piece ends in a small one.
constexpr uint64_t kPieceStepBytes = uint64_t{1} << 20;

uint64_t PieceBytes(uint64_t owed_bytes, uint32_t sources) {
  if (sources <= 1) return owed_bytes;
  const uint64_t even = owed_bytes / (sources * kPiecesEach) / kPieceStepBytes * kPieceStepBytes;
  return std::clamp(even, kPieceBytesMin, kPieceBytesMax);
}

base::RangeSet Common(const base::RangeSet& one, const base::RangeSet& other) {
  base::RangeSet common = one;
  for (const base::ByteRange& range : one.ranges()) {
    for (const base::ByteRange& missing : other.Missing(range).ranges()) common.Remove(missing);
  }
  return common;
}

// The first `bytes` of it, at most, in not too many ranges.
base::RangeSet Front(const base::RangeSet& ranges, uint64_t bytes) {
  base::RangeSet front;
  for (const base::ByteRange& range : ranges.ranges()) {
    if (bytes == 0 || front.range_count() >= kPieceRangesMax) break;
    const auto part = base::ByteRange::Make(range.offset(), std::min(range.length(), bytes));
    front.Add(*part);
    bytes -= part->length();
  }
  return front;
}

}  // namespace

RangePlan::RangePlan(const base::RangeSet& owed, uint32_t sources_max, absl::Time now)
    : sources_max_(sources_max),
      piece_bytes_(PieceBytes(owed.bytes(), sources_max)),
      ticked_at_(now) {}

void RangePlan::OnOffered(const base::ComponentId& source, const base::RangeSet& owed,
                          absl::Time now, RangeOutbox& out) {
  Fire(source, SourceEvent::kOffered, {owed, now, out});
}

void RangePlan::OnAccepted(const base::ComponentId& source, const base::RangeSet& owed,
                           absl::Time now, RangeOutbox& out) {
  Fire(source, SourceEvent::kAccepted, {owed, now, out});
}

void RangePlan::OnMoved(const base::ComponentId& source, uint64_t bytes, absl::Time now) {
  const base::RangeSet nothing;
  RangeOutbox unused;
  const auto found = sources_.find(source);
  if (found == sources_.end()) return;
  found->second.moved_bytes += bytes;
  Fire(source, SourceEvent::kMoved, {nothing, now, unused});
}

void RangePlan::OnDone(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
                       RangeOutbox& out) {
  Fire(source, SourceEvent::kDone, {owed, now, out});
}

void RangePlan::OnLost(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
                       RangeOutbox& out) {
  Fire(source, SourceEvent::kLost, {owed, now, out});
}

void RangePlan::OnTime(const base::RangeSet& owed, absl::Time now, RangeOutbox& out) {
  if (now < WakeAt()) return;
  const Moment at{owed, now, out};
  Measure(now);
  RelieveTheStalled(at);
  GiveAll(at);
}

absl::Time RangePlan::WakeAt() const {
  return sources_max_ > 1 && sources_.size() > 1 && BusyCount() > 0 ? ticked_at_ + kPlanTick
                                                                    : absl::InfiniteFuture();
}

base::RangeSet RangePlan::share(const base::ComponentId& source, const base::RangeSet& owed) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? base::RangeSet() : Common(found->second.share, owed);
}

SourceState RangePlan::state(const base::ComponentId& source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? SourceState::kUnknown : found->second.state;
}

void RangePlan::Fire(const base::ComponentId& id, SourceEvent event, const Moment& at) {
  const auto [entry, fresh] = sources_.try_emplace(id);
  if (fresh) order_.push_back(id);
  Source& source = entry->second;
  const SourceCell cell = CellOf(source.state, event);
  source.state = cell.next;
  switch (cell.action) {
    case SourceAction::kIgnore:
      return;
    case SourceAction::kGive:
      if (event == SourceEvent::kDone && source.rate == 0 && at.now > source.since) {
        source.rate = static_cast<double>(source.share.bytes()) /
                      absl::ToDoubleSeconds(at.now - source.since);
      }
      source.share = {};
      Give(id, event != SourceEvent::kAccepted, at);
      return;
    case SourceAction::kNote:
      source.moved_at = at.now;
      return;
    case SourceAction::kTake:
      source.share = {};
      GiveAll(at);
      return;
    case SourceAction::kRelieve:
      source.share = {};
      at.out.push_back({RangeOrder::Kind::kRelieve, id});
      return;
  }
}

void RangePlan::Give(const base::ComponentId& id, bool ask, const Moment& at) {
  if (BusyCount() >= sources_max_) return;
  Source& source = sources_[id];
  source.share = Front(Untaken(at.owed), piece_bytes_);
  if (source.share.empty()) {
    if (ask) Overtake(id, at);
    return;
  }
  source.state = SourceState::kBusy;
  source.since = at.now;
  source.moved_at = at.now;
  if (ask) at.out.push_back({RangeOrder::Kind::kAsk, id});
}

void RangePlan::GiveAll(const Moment& at) {
  for (const base::ComponentId& id : order_) {
    if (sources_[id].state == SourceState::kFree) Give(id, true, at);
  }
}

void RangePlan::Measure(absl::Time now) {
  const double seconds = absl::ToDoubleSeconds(now - ticked_at_);
  for (auto& [id, source] : sources_) {
    const double rate = static_cast<double>(std::exchange(source.moved_bytes, 0)) / seconds;
    if (source.state != SourceState::kBusy || source.since > ticked_at_) continue;
    source.rate = source.rate == 0 ? rate : (source.rate + rate) / 2;
  }
  ticked_at_ = now;
}

void RangePlan::RelieveTheStalled(const Moment& at) {
  const absl::Time since = at.now - kStalledAfter;
  const bool any_moves = std::any_of(sources_.begin(), sources_.end(), [since](const auto& entry) {
    return entry.second.state == SourceState::kBusy && entry.second.moved_at > since;
  });
  if (!any_moves) return;  // perhaps it is this side that takes nothing
  for (const base::ComponentId& id : order_) {
    const Source& source = sources_[id];
    if (source.state == SourceState::kBusy && source.moved_at <= since) {
      Fire(id, SourceEvent::kStalled, at);
    }
  }
}

// Nothing is left to be given: the rest of whoever would end last, where `id` ends it much sooner.
void RangePlan::Overtake(const base::ComponentId& id, const Moment& at) {
  Source& source = sources_[id];
  const double own_rate = source.rate > 0 ? source.rate : BestRate();
  const base::ComponentId* last = nullptr;
  double last_ends = 0;
  for (const auto& [other, facts] : sources_) {
    const bool measured = at.now - facts.since >= 2 * kPlanTick;
    if (facts.state != SourceState::kBusy || !measured || facts.rate * kOvertakesBy >= own_rate) {
      continue;
    }
    const uint64_t left = Common(facts.share, at.owed).bytes();
    const double ends = static_cast<double>(left) / std::max(facts.rate, 1.0);
    const bool worth_it =
        left >= kTakenOverBytesMin || ends >= absl::ToDoubleSeconds(kStalledAfter);
    if (worth_it && ends > last_ends) {
      last = &other;
      last_ends = ends;
    }
  }
  if (last == nullptr) return;
  const base::ComponentId relieved = *last;
  source.share = Common(sources_[relieved].share, at.owed);
  source.state = SourceState::kBusy;
  source.since = at.now;
  source.moved_at = at.now;
  at.out.push_back({RangeOrder::Kind::kAsk, id});
  Fire(relieved, SourceEvent::kOvertaken, at);
}

base::RangeSet RangePlan::Untaken(const base::RangeSet& owed) const {
  base::RangeSet untaken = owed;
  for (const auto& [id, source] : sources_) {
    for (const base::ByteRange& range : source.share.ranges()) untaken.Remove(range);
  }
  return untaken;
}

uint32_t RangePlan::BusyCount() const {
  return static_cast<uint32_t>(
      std::count_if(sources_.begin(), sources_.end(),
                    [](const auto& entry) { return entry.second.state == SourceState::kBusy; }));
}

double RangePlan::BestRate() const {
  double best = 0;
  for (const auto& [id, source] : sources_) best = std::max(best, source.rate);
  return best;
}

}  // namespace bitrepo::client
