// SPDX-License-Identifier: Apache-2.0
#include "client/commands/words.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/runtime/settings.h"
#include "base/utf8.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kShownBytesMax = 1024;

}  // namespace

std::string Counted(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string CountedOf(uint64_t number, absl::string_view singular) {
  return absl::StrCat(Counted(number), " ", singular, number == 1 ? "" : "s");
}

std::string Rate(double bytes_per_second) {
  return absl::StrCat(runtime::FormatBytes(static_cast<uint64_t>(bytes_per_second)), "/s");
}

std::string ShortDuration(absl::Duration duration) {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
  if (seconds < 10) return absl::StrFormat("%.1f s", seconds);
  const uint64_t whole = static_cast<uint64_t>(seconds);
  if (whole < 60) return absl::StrFormat("%d s", whole);
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string Timestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string ErrnoText(int error) {
  char text[128];
  return strerror_r(error, text, sizeof(text));  // the GNU one: may not use `text`
}

std::string Shown(absl::string_view text) { return base::Printable(text, kShownBytesMax); }

std::string ShortId(const base::ConversationId& id) {
  const std::string text = id.ToString();
  return text.substr(text.size() - 8);
}

absl::string_view PhaseWord(wire::Phase phase) {
  switch (phase) {
    case wire::ACCEPTED:
      return "accepted";
    case wire::QUEUED:
      return "queued";
    case wire::RESERVE:
      return "reserving";
    case wire::RECEIVING:
      return "receiving";
    case wire::WAITING_FOR_CREDIT:
      return "waiting";
    case wire::VERIFYING:
      return "verifying";
    case wire::STORING:
      return "storing";
    case wire::SENDING:
      return "sending";
    case wire::READING:
      return "reading";
    case wire::LOCATING:
      return "locating";
    case wire::LOADING:
      return "loading";
    case wire::SEEKING:
      return "seeking";
    case wire::STAGING:
      return "staging";
    case wire::WRITING:
      return "writing";
    case wire::READING_BACK:
      return "reading-back";
    case wire::INDEXING:
      return "indexing";
    default:
      return "working";
  }
}

absl::string_view EventName(protocol::EventKind kind) {
  switch (kind) {
    case protocol::EventKind::kIdentifyRequestSent:
      return "IDENTIFY_REQUEST_SENT";
    case protocol::EventKind::kComponentIdentified:
      return "COMPONENT_IDENTIFIED";
    case protocol::EventKind::kIdentifyTimeout:
      return "IDENTIFY_TIMEOUT";
    case protocol::EventKind::kIdentificationComplete:
      return "IDENTIFICATION_COMPLETE";
    case protocol::EventKind::kRequestSent:
      return "REQUEST_SENT";
    case protocol::EventKind::kProgress:
    case protocol::EventKind::kPage:
      return "PROGRESS";
    case protocol::EventKind::kComponentComplete:
      return "COMPONENT_COMPLETE";
    case protocol::EventKind::kComponentFailed:
      return "COMPONENT_FAILED";
    case protocol::EventKind::kWarning:
      return "WARNING";
    case protocol::EventKind::kComplete:
      return "COMPLETE";
    case protocol::EventKind::kFailed:
      return "FAILED";
  }
  return "WARNING";
}

std::string ShellWord(absl::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("._-/:=+@%,").find(c) != absl::string_view::npos;
  });
  if (plain) return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string FlagWords(absl::string_view flag, absl::string_view value) {
  const bool dash = !value.empty() && value.front() == '-';
  return absl::StrCat(" ", flag, dash ? "=" : " ", ShellWord(value));
}

std::string ArgumentWords(const std::vector<std::string>& arguments) {
  const bool dash = std::any_of(arguments.begin(), arguments.end(), [](const std::string& each) {
    return each.size() > 1 && each.front() == '-';
  });
  std::string words = dash ? " --" : "";
  for (const std::string& each : arguments) absl::StrAppend(&words, " ", ShellWord(each));
  return words;
}

}  // namespace bitrepo::commands
