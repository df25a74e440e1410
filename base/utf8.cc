// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace bitrepo::base {
namespace {

struct Form {
  size_t bytes;
  char32_t lead_bits;
  char32_t lowest;  // below it the form is overlong
};

std::optional<Form> FormOf(uint8_t lead) {
  if (lead < 0x80) return Form{1, lead, 0};
  if (lead >= 0xc2 && lead < 0xe0) return Form{2, lead & 0x1fu, 0x80};
  if (lead >= 0xe0 && lead < 0xf0) return Form{3, lead & 0x0fu, 0x800};
  if (lead >= 0xf0 && lead < 0xf5) return Form{4, lead & 0x07u, 0x10000};
  return std::nullopt;
}

}  // namespace

std::optional<Utf8Char> FirstUtf8Char(absl::string_view text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const std::optional<Form> form = FormOf(static_cast<uint8_t>(text[0]));
  if (!form || text.size() < form->bytes) {
    return std::nullopt;
  }
  char32_t code = form->lead_bits;
  for (size_t i = 1; i < form->bytes; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) {
      return std::nullopt;
    }
    code = (code << 6) | (byte & 0x3fu);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < form->lowest || code > 0x10ffff || surrogate) {
    return std::nullopt;
  }
  return Utf8Char{code, form->bytes};
}

bool IsControl(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

std::string Printable(absl::string_view text, size_t bytes_max) {
  std::string shown;
  while (!text.empty()) {
    if (shown.size() >= bytes_max) {
      shown += "...";
      break;
    }
    const std::optional<Utf8Char> next = FirstUtf8Char(text);
    const size_t bytes = next ? next->bytes : 1;
    if (next && !IsControl(next->code) && next->code != '"' && next->code != '\\') {
      absl::StrAppend(&shown, text.substr(0, bytes));
    } else {
      for (const char byte : text.substr(0, bytes)) {
        absl::StrAppend(&shown, "\\x", absl::Hex(static_cast<uint8_t>(byte), absl::kZeroPad2));
      }
    }
    text.remove_prefix(bytes);
  }
  return shown;
}

}  // namespace bitrepo::base
