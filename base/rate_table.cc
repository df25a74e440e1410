// SPDX-License-Identifier: Apache-2.0
#include "base/rate_table.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/status.h"
#include "base/utf8.h"

namespace bitrepo::base {
namespace {

constexpr size_t kShownBytesMax = 64;
constexpr uint32_t kMinutesOfHour = 60;

struct Unit {
  char letter;
  uint64_t bytes;
};
constexpr std::array<Unit, 3> kUnits = {{{'G', 1ULL << 30}, {'M', 1ULL << 20}, {'K', 1ULL << 10}}};

// Digits alone: no sign, no space.
bool ReadNumber(absl::string_view text, uint64_t& number) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return absl::SimpleAtoi(text, &number);
}

absl::StatusOr<Rate> ReadRate(absl::string_view text) {
  if (text == "off") return Rate();
  uint64_t unit = 1;
  absl::string_view digits = text;
  for (const Unit& each : kUnits) {
    if (!digits.empty() && digits.back() == each.letter) {
      unit = each.bytes;
      digits.remove_suffix(1);
      break;
    }
  }
  uint64_t number = 0;
  if (!ReadNumber(digits, number)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", Printable(text, kShownBytesMax),
                     "\" is no rate; write 10M, 512K, 1G or a number of bytes per second, 0 to let "
                     "nothing come, off for no limit"));
  }
  if (number > kRateMax / unit) {
    return absl::InvalidArgumentError(absl::StrCat("\"", Printable(text, kShownBytesMax),
                                                   "\" is more than ", FormatRate(kRateMax),
                                                   " in a second; write off for no limit"));
  }
  return Rate(number * unit);
}

absl::StatusOr<uint32_t> ReadMinute(absl::string_view text) {
  uint64_t hour = 0;
  uint64_t minute = 0;
  constexpr size_t kBytes = 5;
  if (text.size() == kBytes && text[2] == ':' && ReadNumber(text.substr(0, 2), hour) &&
      ReadNumber(text.substr(3), minute) && minute < kMinutesOfHour &&
      hour * kMinutesOfHour < kMinutesOfDay) {
    return static_cast<uint32_t>(hour * kMinutesOfHour + minute);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Printable(text, kShownBytesMax), "\" is no time of day; write 08:00,10M"));
}

}  // namespace

absl::StatusOr<RateTable> RateTable::Of(std::vector<Step> steps) {
  if (steps.size() > kRateStepsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(steps.size(), " steps of a day, at most ", kRateStepsMax, " are possible"));
  }
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].from_minute >= kMinutesOfDay ||
        (i > 0 && steps[i].from_minute <= steps[i - 1].from_minute)) {
      return absl::InvalidArgumentError("the times of a day must rise, from 00:00 to 23:59");
    }
    if (steps[i].rate.value_or(0) > kRateMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("a rate of more than ", FormatRate(kRateMax), " in a second"));
    }
  }
  return RateTable(std::move(steps));
}

absl::StatusOr<RateTable> RateTable::Parse(absl::string_view text) {
  if (!absl::StrContains(text, ',')) {
    BITREPO_ASSIGN_OR_RETURN(const Rate rate, ReadRate(text));
    return Always(rate);
  }
  std::vector<Step> steps;
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::vector<absl::string_view> words = absl::StrSplit(part, absl::MaxSplits(',', 1));
    Step step;
    BITREPO_ASSIGN_OR_RETURN(step.from_minute, ReadMinute(words.front()));
    BITREPO_ASSIGN_OR_RETURN(step.rate, ReadRate(words.size() == 2 ? words[1] : ""));
    steps.push_back(step);
  }
  return Of(std::move(steps));
}

std::string RateTable::ToString() const {
  if (steps_.size() == 1 && steps_.front().from_minute == 0) return FormatRate(steps_[0].rate);
  return absl::StrJoin(steps_, ";", [](std::string* out, const Step& step) {
    absl::StrAppendFormat(out, "%02d:%02d,%s", step.from_minute / kMinutesOfHour,
                          step.from_minute % kMinutesOfHour, FormatRate(step.rate));
  });
}

Rate RateTable::At(uint32_t minute_of_day) const {
  BITREPO_CHECK(!steps_.empty(), "a table has a rate for each minute");
  Rate rate = steps_.back().rate;
  for (const Step& step : steps_) {
    if (step.from_minute > minute_of_day) break;
    rate = step.rate;
  }
  return rate;
}

std::string FormatRate(Rate rate) {
  if (!rate) return "off";
  for (const Unit& unit : kUnits) {
    if (*rate > 0 && *rate % unit.bytes == 0) {
      return absl::StrCat(*rate / unit.bytes, std::string(1, unit.letter));
    }
  }
  return absl::StrCat(*rate);
}

}  // namespace bitrepo::base
