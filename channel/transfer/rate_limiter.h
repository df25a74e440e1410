// SPDX-License-Identifier: Apache-2.0
// How fast bytes may come, decided by who receives them: rules for the node, for collections, for
// partners and for sessions, which all hold at once.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/rate_table.h"
#include "channel/transfer/background_window.h"
#include "channel/transfer/rate_bucket.h"
#include "proto/types.pb.h"

namespace bitrepo::transfer {

inline constexpr size_t kRateRulesMax = 64;

struct RateRule {
  wire::RateLevel level = wire::RATE_NODE;
  std::string name;  // of the collection or partner; empty: each one that has no rule of its own
  base::RateTable table;  // empty: there is no such rule
  bool until_restart = false;
};
// Requires: the message is valid.
RateRule RuleOf(const wire::RateRule& rule);
wire::RateRule ToWire(const RateRule& rule);

// Whose bytes a stream brings.
struct RateTerms {
  std::string collection;
  std::string partner;
  uint64_t session = 0;
  bool background = false;  // they yield to all others
};

class RateFlow;

// The buckets, and who waits for one. A stream that may not be granted a segment claims what stops
// it: what asks later finds that taken, until the host gives turns again, in the order in which
// they began to wait. So nobody is passed over, and who waits for one bucket holds up no other.
// Pure; loop-confined; outlives its flows. Every call is made at the time of the last Advance.
class RateLimiter {
 public:
  explicit RateLimiter(absl::Time now) : now_(now) {}
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  void Advance(absl::Time now) { now_ = std::max(now_, now); }
  // Each replaces the one of its level and name. Holds for the next grant. kResourceExhausted, and
  // nothing set: there would be more than kRateRulesMax.
  absl::Status SetRules(const std::vector<RateRule>& rules);
  void SetMinute(uint32_t minute_of_day);
  uint32_t minute() const { return minute_; }
  bool follows_the_clock() const;

  // False: no call but of flows is needed, and they cost nothing.
  bool active() const { return !rules_.empty() || background_flows_ > 0; }
  // Something is limited now: nothing may come unasked.
  bool limits() const;
  // Who waits is to ask again, in turn.
  void BeginTurns();
  // When turns are due; infinite while nobody waits for time alone.
  absl::Time WakeAt() const;

  // All rules and how they are used.
  std::vector<wire::RateUse> Uses() const;

 private:
  friend class RateFlow;
  struct RuleKey {
    wire::RateLevel level;
    std::string name;
    friend std::strong_ordering operator<=>(const RuleKey&, const RuleKey&) = default;
  };
  struct BucketKey {
    RuleKey of;  // its own name, also where the rule is for each one
    uint64_t session;
    friend std::strong_ordering operator<=>(const BucketKey&, const BucketKey&) = default;
  };
  struct Bucket {
    RateBucket bytes;
    RuleKey rule;
    uint32_t flows = 0;
    uint64_t claimed = 0;  // for a segment of so many bytes; 0: nobody waits for it
  };

  const RateRule* FindRule(wire::RateLevel level, const std::string& name) const;
  void Join(RateFlow& flow);
  void Leave(RateFlow& flow);
  void CatchUp();  // buckets are brought up to now when they are looked at
  void ApplyRates();
  void DropUnused();

  absl::Time now_;
  uint32_t minute_ = 0;
  std::map<RuleKey, RateRule> rules_;
  std::map<BucketKey, Bucket> buckets_;  // with an address for good
  std::vector<RateFlow*> flows_;         // as they joined
  size_t background_flows_ = 0;
};

// One stream's part in it. Loop-confined; the limiter outlives it.
class RateFlow {
 public:
  RateFlow(RateLimiter& limiter, RateTerms terms);
  // What was granted and has not come may still come: it counts as come, unless OnComplete was
  // called.
  ~RateFlow();
  RateFlow(const RateFlow&) = delete;
  RateFlow& operator=(const RateFlow&) = delete;

  // Whether credit must be asked for here.
  bool limited() const { return background_.has_value() || limiting_; }
  // What it is granted in; a sender cuts its segments so.
  uint64_t segment_bytes() const;
  // How much of `wanted` may be granted now, in whole `segment`s or all of it; 0: it waits for its
  // turn.
  uint64_t Room(uint64_t wanted, uint64_t segment);
  void StopWaiting() { waiting_ = false; }
  bool waiting() const { return waiting_; }
  void OnGranted(uint64_t bytes);
  void OnArrived(uint64_t bytes);
  void OnComplete();  // nothing more comes, whatever was granted

 private:
  friend class RateLimiter;
  void CatchUp();

  RateLimiter& limiter_;
  const RateTerms terms_;
  std::optional<BackgroundWindow> background_;
  std::vector<RateLimiter::Bucket*> path_;
  bool limiting_ = false;  // a rate is in force on the path
  bool waiting_ = false;
  bool yielding_ = false;  // it waits for its window
  uint64_t under_way_ = 0;
};

}  // namespace bitrepo::transfer
