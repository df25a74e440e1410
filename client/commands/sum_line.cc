// SPDX-License-Identifier: Apache-2.0
#include "client/commands/sum_line.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kShortestHex = 32;  // md5

// Nothing for an escape that there is not.
std::optional<std::string> Unescaped(absl::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    switch (text[i]) {
      case '\\':
        result.push_back('\\');
        break;
      case 'n':
        result.push_back('\n');
        break;
      case 'r':
        result.push_back('\r');
        break;
      default:
        return std::nullopt;
    }
  }
  return result;
}

// "HEX  NAME" or "HEX *NAME".
std::optional<NamedSum> ParseLine(absl::string_view line) {
  const bool escaped = !line.empty() && line.front() == '\\';
  if (escaped) line.remove_prefix(1);
  const size_t blank = line.find(' ');
  if (blank == absl::string_view::npos || blank < kShortestHex || blank + 2 >= line.size()) {
    return std::nullopt;
  }
  const absl::string_view hex = line.substr(0, blank);
  const char mode = line[blank + 1];
  const bool digits = std::all_of(hex.begin(), hex.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c));
  });
  if (!digits || (mode != ' ' && mode != '*')) return std::nullopt;
  const absl::string_view name = line.substr(blank + 2);
  std::optional<std::string> plain = escaped ? Unescaped(name) : std::string(name);
  if (!plain) return std::nullopt;
  return NamedSum{absl::AsciiStrToLower(hex), *std::move(plain)};
}

}  // namespace

std::string SumLine(absl::string_view hex, absl::string_view name) {
  if (name.find_first_of("\n\r\\") == absl::string_view::npos) {
    return absl::StrCat(hex, "  ", name, "\n");
  }
  return absl::StrCat("\\", hex, "  ",
                      absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"\n", "\\n"}, {"\r", "\\r"}}),
                      "\n");
}

absl::StatusOr<std::vector<NamedSum>> ParseSumLines(absl::string_view text) {
  std::vector<NamedSum> sums;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    std::optional<NamedSum> sum = ParseLine(line);
    if (!sum) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " is no \"HEX  NAME\" as sha256sum writes it"));
    }
    sums.push_back(*std::move(sum));
  }
  return sums;
}

}  // namespace bitrepo::commands
