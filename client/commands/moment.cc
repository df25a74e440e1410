// SPDX-License-Identifier: Apache-2.0
#include "client/commands/moment.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

absl::StatusOr<absl::Time> ParseMoment(absl::string_view text, absl::Time now) {
  absl::Time time;
  std::string error;
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%d"}) {
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &time, &error)) return time;
  }
  if (const auto ago = runtime::ParseDuration(absl::StripPrefix(text, "-")); ago.ok()) {
    return now - *ago;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Shown(text),
                   "\" is no instant; write 2026-01-31, 2026-01-31T12:00:00Z, or 7d for so long "
                   "ago"));
}

std::optional<wire::TimeWindow> ParseWindow(Session& session, const std::string& since,
                                            const std::string& until) {
  wire::TimeWindow window;
  const absl::Time now = absl::Now();
  const auto read = [&](absl::string_view flag, const std::string& text, auto set) {
    if (text.empty()) return true;
    const auto time = ParseMoment(text, now);
    if (time.ok()) {
      set(absl::ToUnixMicros(*time));
      return true;
    }
    session.report().Error(
        {.code = ExitCode::kUsage, .message = absl::StrCat(flag, ": ", time.status().message())});
    return false;
  };
  const bool from = read("--since", since, [&](int64_t us) { window.set_from_us(us); });
  const bool to = read("--until", until, [&](int64_t us) { window.set_until_us(us); });
  if (!from || !to) return std::nullopt;
  if (window.has_from_us() && window.has_until_us() && window.until_us() < window.from_us()) {
    session.report().Error(
        {.code = ExitCode::kUsage, .message = "--until is before --since: there is nothing there"});
    return std::nullopt;
  }
  return window;
}

}  // namespace bitrepo::commands
