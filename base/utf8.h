// SPDX-License-Identifier: Apache-2.0
// UTF-8 read strictly (RFC 3629), and text from outside made fit to be shown.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace bitrepo::base {

struct Utf8Char {
  char32_t code = 0;
  size_t bytes = 0;
};

// The first character of `text`; nothing when it is empty or does not begin with valid UTF-8
// (overlong forms, surrogates and what passes U+10FFFF are not valid).
std::optional<Utf8Char> FirstUtf8Char(absl::string_view text);

// C0, DEL and C1: what moves a cursor or ends a line.
bool IsControl(char32_t code);

// `text` with controls, invalid bytes, '"' and '\' as \xNN, cut with "..." after about `bytes_max`
// bytes: safe on a terminal, in a log line and in a message.
std::string Printable(absl::string_view text, size_t bytes_max);

}  // namespace bitrepo::base
