// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/rate_limiter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace bitrepo::transfer {

RateRule RuleOf(const wire::RateRule& rule) {
  std::vector<base::RateTable::Step> steps;
  for (const wire::RateStep& step : rule.steps()) {
    steps.push_back({step.from_minute(), step.has_bytes_per_second()
                                             ? base::Rate(step.bytes_per_second())
                                             : base::Rate()});
  }
  absl::StatusOr<base::RateTable> table = base::RateTable::Of(std::move(steps));
  BITREPO_CHECK(table.ok(), "the rule of a message is valid");
  return {rule.level(), rule.name(), *std::move(table), false};
}

wire::RateRule ToWire(const RateRule& rule) {
  wire::RateRule message;
  message.set_level(rule.level);
  message.set_name(rule.name);
  for (const base::RateTable::Step& step : rule.table.steps()) {
    wire::RateStep& added = *message.add_steps();
    added.set_from_minute(step.from_minute);
    if (step.rate) added.set_bytes_per_second(*step.rate);
  }
  return message;
}

void RateLimiter::CatchUp() {
  for (auto& [key, bucket] : buckets_) bucket.bytes.Advance(now_);
}

absl::Status RateLimiter::SetRules(const std::vector<RateRule>& rules) {
  std::map<RuleKey, RateRule> all = rules_;
  for (const RateRule& rule : rules) {
    const RuleKey key{rule.level, rule.name};
    if (rule.table.empty()) {
      all.erase(key);
    } else {
      all[key] = rule;
    }
  }
  if (all.size() > kRateRulesMax) {
    return absl::ResourceExhaustedError(absl::StrCat(all.size(), " rates are too many, at most ",
                                                     kRateRulesMax, " hold: take others away"));
  }
  CatchUp();
  rules_ = std::move(all);
  for (RateFlow* flow : flows_) Leave(*flow);
  // Without its rule a bucket is nobody's; under another one it keeps what it has saved.
  for (auto& [key, bucket] : buckets_) {
    const RateRule* rule = FindRule(key.of.level, key.of.name);
    bucket.rule = rule == nullptr ? RuleKey{} : RuleKey{rule->level, rule->name};
  }
  std::erase_if(buckets_,
                [this](const auto& entry) { return !rules_.contains(entry.second.rule); });
  ApplyRates();
  for (RateFlow* flow : flows_) Join(*flow);
  DropUnused();
  BeginTurns();
  return absl::OkStatus();
}

void RateLimiter::SetMinute(uint32_t minute_of_day) {
  minute_ = minute_of_day;
  CatchUp();
  ApplyRates();
  for (RateFlow* flow : flows_) {
    flow->limiting_ = std::any_of(flow->path_.begin(), flow->path_.end(), [](const Bucket* bucket) {
      return bucket->bytes.rate().has_value();
    });
  }
  BeginTurns();
}

bool RateLimiter::follows_the_clock() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const auto& entry) { return entry.second.table.changes(); });
}

bool RateLimiter::limits() const {
  return std::any_of(rules_.begin(), rules_.end(), [this](const auto& entry) {
    return entry.second.table.At(minute_).has_value();
  });
}

void RateLimiter::ApplyRates() {
  for (auto& [key, bucket] : buckets_) {
    bucket.bytes.SetRate(rules_.at(bucket.rule).table.At(minute_));
  }
}

const RateRule* RateLimiter::FindRule(wire::RateLevel level, const std::string& name) const {
  auto found = rules_.find(RuleKey{level, name});
  if (found == rules_.end()) found = rules_.find(RuleKey{level, ""});
  return found == rules_.end() ? nullptr : &found->second;
}

void RateLimiter::Join(RateFlow& flow) {
  const std::array<BucketKey, 4> keys = {{
      {{wire::RATE_NODE, ""}, 0},
      {{wire::RATE_COLLECTION, flow.terms_.collection}, 0},
      {{wire::RATE_PARTNER, flow.terms_.partner}, 0},
      {{wire::RATE_SESSION, ""}, flow.terms_.session},
  }};
  flow.path_.clear();
  flow.limiting_ = false;
  for (const BucketKey& key : keys) {
    const RateRule* rule = FindRule(key.of.level, key.of.name);
    if (rule == nullptr) continue;
    auto found = buckets_.find(key);
    if (found == buckets_.end()) {
      found = buckets_
                  .emplace(key, Bucket{RateBucket(rule->table.At(minute_), now_),
                                       RuleKey{rule->level, rule->name}})
                  .first;
    }
    Bucket& bucket = found->second;
    bucket.bytes.Grant(flow.under_way_);
    ++bucket.flows;
    flow.path_.push_back(&bucket);
    flow.limiting_ = flow.limiting_ || bucket.bytes.rate().has_value();
  }
}

void RateLimiter::Leave(RateFlow& flow) {
  for (Bucket* bucket : flow.path_) {
    bucket->bytes.Withdraw(flow.under_way_);
    --bucket->flows;
  }
  flow.path_.clear();
}

// What is full and nobody's would begin anew just so.
void RateLimiter::DropUnused() {
  CatchUp();
  std::erase_if(buckets_, [](const auto& entry) {
    return entry.second.flows == 0 && entry.second.bytes.full();
  });
}

void RateLimiter::BeginTurns() {
  for (auto& [key, bucket] : buckets_) bucket.claimed = 0;
  for (RateFlow* flow : flows_) flow->yielding_ = false;
}

absl::Time RateLimiter::WakeAt() const {
  absl::Time wake = absl::InfiniteFuture();
  for (const auto& [key, bucket] : buckets_) {
    if (bucket.claimed > 0) wake = std::min(wake, bucket.bytes.RoomAt(bucket.claimed));
  }
  if (background_flows_ > 0) {
    for (const RateFlow* flow : flows_) {
      if (flow->waiting_ && flow->yielding_) wake = std::min(wake, flow->background_->RoomAt(now_));
    }
  }
  return wake;
}

std::vector<wire::RateUse> RateLimiter::Uses() const {
  std::vector<wire::RateUse> uses;
  for (const auto& [key, rule] : rules_) {
    wire::RateUse& use = uses.emplace_back();
    *use.mutable_rule() = ToWire(rule);
    const base::Rate now = rule.table.At(minute_);
    if (now) use.set_bytes_per_second_max(*now);
    use.set_until_restart(rule.until_restart);
    for (const auto& [bucket_key, bucket] : buckets_) {
      if (bucket.rule != key) continue;
      use.set_bytes_per_second(use.bytes_per_second() + bucket.bytes.BytesLately(now_));
      use.set_transfers(use.transfers() + bucket.flows);
    }
  }
  return uses;
}

RateFlow::RateFlow(RateLimiter& limiter, RateTerms terms)
    : limiter_(limiter), terms_(std::move(terms)) {
  if (terms_.background) {
    background_.emplace();
    ++limiter_.background_flows_;
  }
  limiter_.flows_.push_back(this);
  limiter_.Join(*this);
}

RateFlow::~RateFlow() {
  OnArrived(under_way_);
  limiter_.Leave(*this);
  std::erase(limiter_.flows_, this);
  if (background_) --limiter_.background_flows_;
  limiter_.DropUnused();
}

uint64_t RateFlow::segment_bytes() const {
  uint64_t segment = background_ ? kBackgroundSegmentBytes : kSegmentBytesMax;
  for (const RateLimiter::Bucket* bucket : path_) {
    if (const base::Rate rate = bucket->bytes.rate()) {
      segment = std::min(segment, RateSegmentBytes(*rate));
    }
  }
  return segment;
}

void RateFlow::CatchUp() {
  for (RateLimiter::Bucket* bucket : path_) bucket->bytes.Advance(limiter_.now_);
}

uint64_t RateFlow::Room(uint64_t wanted, uint64_t segment) {
  CatchUp();
  segment = std::min(segment, wanted);
  uint64_t room = wanted;
  bool stopped = false;
  yielding_ = false;
  if (background_) {
    const uint64_t window = background_->Room(segment, limiter_.now_);
    yielding_ = window < segment;
    stopped = yielding_;
    room = std::min(room, window);
  }
  // What waits for its own window claims nothing of what others share.
  for (RateLimiter::Bucket* bucket : path_) {
    if (yielding_ || !bucket->bytes.rate()) continue;
    const uint64_t here = bucket->bytes.Room(segment, under_way_);
    if (bucket->claimed > 0 || here < segment) {
      stopped = true;
      if (bucket->claimed == 0) bucket->claimed = segment;
    }
    room = std::min(room, here);
  }
  waiting_ = stopped;
  if (stopped) return 0;
  return room == wanted ? room : room - room % segment;
}

void RateFlow::OnGranted(uint64_t bytes) {
  under_way_ += bytes;
  for (RateLimiter::Bucket* bucket : path_) bucket->bytes.Grant(bytes);
  if (background_) background_->OnGranted(bytes, limiter_.now_);
}

void RateFlow::OnArrived(uint64_t bytes) {
  CatchUp();
  under_way_ -= bytes;
  for (RateLimiter::Bucket* bucket : path_) bucket->bytes.Arrive(bytes);
  if (background_) {
    background_->OnArrived(bytes, limiter_.now_);
  } else if (limiter_.background_flows_ > 0) {
    for (RateFlow* flow : limiter_.flows_) {
      if (flow->background_) flow->background_->OnOthers(limiter_.now_);
    }
  }
}

void RateFlow::OnComplete() {
  for (RateLimiter::Bucket* bucket : path_) bucket->bytes.Withdraw(under_way_);
  under_way_ = 0;
}

}  // namespace bitrepo::transfer
