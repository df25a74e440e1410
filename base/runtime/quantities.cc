// SPDX-License-Identifier: Apache-2.0
// The readers and writers of amounts that settings and flags share.
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/runtime/settings.h"
#include "base/utf8.h"

namespace bitrepo::runtime {
namespace {

constexpr size_t kShownBytesMax = 32;

struct Split {
  absl::string_view number;
  absl::string_view unit;
};

// A decimal number, perhaps a space, a unit.
Split SplitUnit(absl::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && (absl::ascii_isdigit(text[digits]) || text[digits] == '.')) {
    ++digits;
  }
  return {text.substr(0, digits), absl::StripLeadingAsciiWhitespace(text.substr(digits))};
}

std::optional<uint64_t> BytesPer(absl::string_view unit) {
  constexpr std::array<absl::string_view, 5> kBinary = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr std::array<absl::string_view, 5> kDecimal = {"", "kB", "MB", "GB", "TB"};
  uint64_t binary = 1;
  uint64_t decimal = 1;
  for (size_t i = 0; i < kBinary.size(); ++i, binary *= 1024, decimal *= 1000) {
    if (unit == kBinary[i]) {
      return binary;
    }
    if (unit == kDecimal[i] || (i == 1 && unit == "KB")) {
      return decimal;
    }
  }
  return std::nullopt;
}

std::optional<absl::Duration> DurationOf(absl::string_view unit) {
  if (unit == "ms") return absl::Milliseconds(1);
  if (unit == "s") return absl::Seconds(1);
  if (unit == "m" || unit == "min") return absl::Minutes(1);
  if (unit == "h") return absl::Hours(1);
  if (unit == "d") return absl::Hours(24);
  return std::nullopt;
}

}  // namespace

absl::StatusOr<uint64_t> ParseBytes(absl::string_view text) {
  const Split split = SplitUnit(text);
  const std::optional<uint64_t> unit = BytesPer(split.unit);
  uint64_t whole = 0;
  if (unit && absl::SimpleAtoi(split.number, &whole) &&
      whole <= std::numeric_limits<uint64_t>::max() / *unit) {
    return whole * *unit;
  }
  double fraction = 0;
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  if (unit && *unit > 1 && absl::StrContains(split.number, ".") &&
      absl::SimpleAtod(split.number, &fraction) &&
      fraction * static_cast<double>(*unit) <= kExactMax) {
    return static_cast<uint64_t>(std::llround(fraction * static_cast<double>(*unit)));
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", base::Printable(text, kShownBytesMax),
                                                 "\" is not a number of bytes; write 4096, "
                                                 "\"16MiB\" or \"1.5 GB\""));
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  const Split split = SplitUnit(text);
  const std::optional<absl::Duration> unit = DurationOf(split.unit);
  constexpr absl::Duration kLongest = absl::Hours(24 * 36500);
  double number = 0;
  if (unit && !split.number.empty() && absl::SimpleAtod(split.number, &number) &&
      number * *unit <= kLongest) {
    return number * *unit;
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", base::Printable(text, kShownBytesMax),
                                                 "\" is not a duration; write \"250ms\", "
                                                 "\"10s\", \"5m\", \"2h\" or \"90d\""));
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  constexpr double kStep = 1024;
  if (bytes < 1024) {
    return absl::StrCat(bytes, " B");
  }
  double value = static_cast<double>(bytes) / kStep;
  size_t unit = 0;
  // 1023.95 would be shown as 1024.0.
  while (value >= kStep - 0.05 && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

}  // namespace bitrepo::runtime
