// SPDX-License-Identifier: Apache-2.0
// One line per event on standard error: a stable event word and named fields; never a secret.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace bitrepo::base {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// Process-wide; call once, early. Default: text, info. Thread-safe.
void ConfigureLog(LogLevel lowest, LogFormat format);

// Lines as they are written, for tests; nullptr restores standard error. Not thread-safe: set it
// before threads start.
using LogCapture = void (*)(LogLevel, const std::string& line);
void CaptureLog(LogCapture capture);

// Collects fields and writes the line when it dies:
//   LogLine(LogLevel::kWarning, "peer-cut").With("peer", 7).With("cause", "undelivered bytes");
// Thread-safe: lines are whole. Values are escaped, and cut at 1 KiB.
class LogLine {
 public:
  LogLine(LogLevel level, absl::string_view event) : level_(level), event_(event) {}
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;
  LogLine& With(absl::string_view key, const absl::AlphaNum& value) {
    fields_.emplace_back(std::string(key), absl::StrCat(value));
    return *this;
  }

 private:
  LogLevel level_;
  std::string event_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace bitrepo::base
