// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/utf8.h"

namespace bitrepo::base {
namespace {

constexpr size_t kShownBytesMax = 64;

absl::Status Refused(absl::string_view kind, absl::string_view text, absl::string_view rule) {
  return absl::InvalidArgumentError(
      absl::StrCat(kind, " \"", Printable(text, kShownBytesMax), "\" ", rule));
}

bool IsNameStart(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }
bool IsNameChar(char c) { return IsNameStart(c) || c == '.' || c == '_' || c == '-'; }

absl::Status CheckName(absl::string_view text) {
  constexpr absl::string_view kKind = "the name";
  if (text.empty()) {
    return Refused(kKind, text, "is empty");
  }
  if (text.size() > kComponentIdBytesMax) {
    return Refused(kKind, text,
                   absl::StrCat("has ", text.size(), " bytes; at most ", kComponentIdBytesMax));
  }
  if (!IsNameStart(text.front()) || !std::all_of(text.begin(), text.end(), IsNameChar)) {
    return Refused(kKind, text,
                   "must begin with a-z or 0-9 and have only a-z 0-9 '.' '_' '-' in it");
  }
  return absl::OkStatus();
}

// The rule that the characters of a file id break, if any.
std::optional<absl::string_view> BrokenCharacterRule(absl::string_view text) {
  // Most ids are of these alone.
  const auto is_printable_ascii = [](char c) { return c >= ' ' && c <= '~'; };
  while (!text.empty()) {
    const auto* const other = std::find_if_not(text.begin(), text.end(), is_printable_ascii);
    text.remove_prefix(static_cast<size_t>(other - text.begin()));
    if (text.empty()) {
      return std::nullopt;
    }
    const std::optional<Utf8Char> next = FirstUtf8Char(text);
    if (!next) {
      return "is not valid UTF-8";
    }
    if (IsControl(next->code)) {
      return "has a control character in it";
    }
    text.remove_prefix(next->bytes);
  }
  return std::nullopt;
}

absl::Status CheckFileId(absl::string_view text) {
  constexpr absl::string_view kKind = "the file id";
  if (text.empty()) {
    return Refused(kKind, text, "is empty");
  }
  if (text.size() > kFileIdBytesMax) {
    return Refused(kKind, text,
                   absl::StrCat("has ", text.size(), " bytes; at most ", kFileIdBytesMax));
  }
  if (const auto rule = BrokenCharacterRule(text)) {
    return Refused(kKind, text, *rule);
  }
  if (text.front() == '/' || text.back() == '/') {
    return Refused(kKind, text, "begins or ends with '/'");
  }
  for (const absl::string_view part : absl::StrSplit(text, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return Refused(kKind, text, "has an empty, \".\" or \"..\" part");
    }
  }
  return absl::OkStatus();
}

}  // namespace

template <typename Tag>
absl::StatusOr<NameId<Tag>> NameId<Tag>::Parse(absl::string_view text) {
  if (absl::Status status = CheckName(text); !status.ok()) {
    return status;
  }
  return NameId(std::string(text));
}

absl::StatusOr<FileId> FileId::Parse(absl::string_view text) {
  if (absl::Status status = CheckFileId(text); !status.ok()) {
    return status;
  }
  return FileId(std::string(text));
}

template <typename Tag>
Uuid<Tag> Uuid<Tag>::Make(absl::Time wall_now, Random& random) {
  Uuid id;
  random.Fill(std::as_writable_bytes(std::span(id.bytes_)));
  const auto millis = static_cast<uint64_t>(absl::ToUnixMillis(wall_now));
  for (size_t i = 0; i < 6; ++i) {
    id.bytes_[i] = static_cast<uint8_t>(millis >> (8 * (5 - i)));
  }
  id.bytes_[6] = static_cast<uint8_t>(0x70 | (id.bytes_[6] & 0x0f));  // version 7
  id.bytes_[8] = static_cast<uint8_t>(0x80 | (id.bytes_[8] & 0x3f));  // variant 10
  return id;
}

template <typename Tag>
absl::StatusOr<Uuid<Tag>> Uuid<Tag>::FromBytes(absl::string_view bytes) {
  if (bytes.size() != kBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("an id of ", bytes.size(), " bytes where ", kBytes, " are due"));
  }
  Uuid id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  if (id.is_zero()) {
    return absl::InvalidArgumentError("an id of zero bytes only");
  }
  return id;
}

template <typename Tag>
absl::StatusOr<Uuid<Tag>> Uuid<Tag>::Parse(absl::string_view text) {
  constexpr size_t kDashes[] = {8, 13, 18, 23};
  constexpr size_t kTextBytes = 36;
  std::string hex;
  bool valid = text.size() == kTextBytes;
  for (size_t i = 0; valid && i < kTextBytes; ++i) {
    const bool dash_due = std::find(std::begin(kDashes), std::end(kDashes), i) != std::end(kDashes);
    valid = dash_due ? text[i] == '-' : absl::ascii_isxdigit(text[i]);
    if (!dash_due) {
      hex.push_back(text[i]);
    }
  }
  if (!valid) {
    return Refused("the id", text, "is not of the form 01234567-89ab-cdef-0123-456789abcdef");
  }
  return FromBytes(absl::HexStringToBytes(hex));
}

template <typename Tag>
std::string Uuid<Tag>::ToBytes() const {
  return std::string(bytes_.begin(), bytes_.end());
}

template <typename Tag>
std::string Uuid<Tag>::ToString() const {
  const std::string hex = absl::BytesToHexString(ToBytes());
  const absl::string_view view = hex;
  return absl::StrCat(view.substr(0, 8), "-", view.substr(8, 4), "-", view.substr(12, 4), "-",
                      view.substr(16, 4), "-", view.substr(20));
}

template <typename Tag>
bool Uuid<Tag>::is_zero() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t byte) { return byte == 0; });
}

template class NameId<ComponentTag>;
template class NameId<CollectionTag>;
template class Uuid<ConversationTag>;
template class Uuid<MessageTag>;
template class Uuid<StoreTag>;
template class Uuid<TokenTag>;

}  // namespace bitrepo::base
