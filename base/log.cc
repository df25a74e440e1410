// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/utf8.h"

namespace bitrepo::base {
namespace {

constexpr size_t kValueBytesMax = 1024;

std::atomic<LogLevel> lowest_level{LogLevel::kInfo};
std::atomic<LogFormat> line_format{LogFormat::kText};
std::atomic<LogCapture> line_capture{nullptr};

absl::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

bool NeedsQuotes(absl::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return c == ' ' || c == '=' || c == '"' || c == '\\' ||
                  IsControl(static_cast<unsigned char>(c));
         });
}

std::string TextValue(absl::string_view value) {
  const std::string shown = Printable(value, kValueBytesMax);
  return NeedsQuotes(value) ? absl::StrCat("\"", shown, "\"") : shown;
}

// In JSON a backslash of our own escapes must be doubled: bytes that are no text stay visible.
std::string JsonValue(absl::string_view value) {
  std::string quoted = "\"";
  for (const char c : Printable(value, kValueBytesMax)) {
    if (c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

// One call for the whole line, so that lines of several threads and processes do not mix.
void WriteToStandardError(const std::string& line) {
  const char* from = line.data();
  size_t left = line.size();
  while (left > 0) {
    const ssize_t written = write(STDERR_FILENO, from, left);
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      return;  // there is nowhere left to complain
    }
    from += written;
    left -= static_cast<size_t>(written);
  }
}

}  // namespace

void ConfigureLog(LogLevel lowest, LogFormat format) {
  lowest_level = lowest;
  line_format = format;
}

void CaptureLog(LogCapture capture) { line_capture = capture; }

LogLine::~LogLine() {
  if (level_ < lowest_level) {
    return;
  }
  const std::string at = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
  std::string line;
  if (line_format == LogFormat::kJson) {
    absl::StrAppend(&line, "{\"at\":\"", at, "\",\"level\":\"", LevelName(level_),
                    "\",\"event\":", JsonValue(event_));
    for (const auto& [key, value] : fields_) {
      absl::StrAppend(&line, ",", JsonValue(key), ":", JsonValue(value));
    }
    line += "}\n";
  } else {
    absl::StrAppend(&line, at, " ", LevelName(level_), " ", event_);
    for (const auto& [key, value] : fields_) {
      absl::StrAppend(&line, " ", key, "=", TextValue(value));
    }
    line += '\n';
  }
  if (const LogCapture capture = line_capture) {
    capture(level_, line);
  } else {
    WriteToStandardError(line);
  }
}

}  // namespace bitrepo::base
