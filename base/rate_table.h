// SPDX-License-Identifier: Apache-2.0
// How many bytes per second are let through, by the time of day: "10M", or "08:00,10M;19:00,off".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::base {

inline constexpr uint64_t kRateMax = 1ULL << 50;  // bytes per second
inline constexpr size_t kRateStepsMax = 48;
inline constexpr uint32_t kMinutesOfDay = 24 * 60;

// Bytes per second; nothing: no limit; 0: nothing comes.
using Rate = std::optional<uint64_t>;

// A value. Without steps it is no table at all; else one step holds at any minute of the day.
class RateTable {
 public:
  struct Step {
    uint32_t from_minute = 0;  // of the local day
    Rate rate;
    friend bool operator==(const Step&, const Step&) = default;
  };
  RateTable() = default;
  static RateTable Always(Rate rate) { return RateTable({Step{0, rate}}); }
  // kInvalidArgument: more than kRateStepsMax, minutes that do not rise, a rate beyond kRateMax.
  static absl::StatusOr<RateTable> Of(std::vector<Step> steps);
  // RATE, or HH:MM,RATE joined by ';'. RATE is "off" (no limit), "0" (nothing comes) or a number of
  // bytes per second with a unit of 1024 behind it: K, M, G or none.
  static absl::StatusOr<RateTable> Parse(absl::string_view text);
  // What Parse takes, in the shortest units that are exact.
  std::string ToString() const;

  bool empty() const { return steps_.empty(); }
  bool changes() const { return steps_.size() > 1; }
  const std::vector<Step>& steps() const { return steps_; }
  // The last step holds over midnight until the first. Requires: not empty.
  Rate At(uint32_t minute_of_day) const;

  friend bool operator==(const RateTable&, const RateTable&) = default;

 private:
  explicit RateTable(std::vector<Step> steps) : steps_(std::move(steps)) {}
  std::vector<Step> steps_;
};

std::string FormatRate(Rate rate);  // "10M", "off"

}  // namespace bitrepo::base
