// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/file_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/checksum.h"

namespace bitrepo::store {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";
constexpr size_t kEscapeBytes = 3;  // of "%2F"

bool IsPlain(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

std::string Escaped(absl::string_view id) {
  std::string name;
  name.reserve(id.size());
  for (const char c : id) {
    if (IsPlain(c)) {
      name.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    name.push_back('%');
    name.push_back(kHexDigits[byte >> 4]);
    name.push_back(kHexDigits[byte & 0xF]);
  }
  return name;
}

// The longest start of at most kCutNameBytes that does not end inside an escape.
absl::string_view Cut(absl::string_view name) {
  absl::string_view start = name.substr(0, kCutNameBytes);
  const size_t escape = start.rfind('%');
  if (escape != absl::string_view::npos && start.size() - escape < kEscapeBytes) {
    start = start.substr(0, escape);
  }
  return start;
}

base::Digest IdDigest(const base::FileId& file_id) {
  return base::Hasher::Of(base::Algorithm::kSha256, file_id.text());
}

// The value of an upper-case hex digit, or -1.
int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string FileName(const base::FileId& file_id) {
  std::string name = Escaped(file_id.text());
  if (name.size() > kPlainNameBytesMax) {
    name = absl::StrCat(Cut(name), "~h", IdDigest(file_id).Hex());
  }
  return name;
}

std::string ShardName(const base::FileId& file_id) {
  return absl::BytesToHexString(IdDigest(file_id).bytes().substr(0, 1));
}

bool IsShardName(absl::string_view name) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() == 2 && is_hex(name[0]) && is_hex(name[1]);
}

std::string LeafOf(const base::FileId& file_id, uint64_t number) {
  return absl::StrCat(FileName(file_id), "~", number);
}

std::string GenerationPath(const base::FileId& file_id, uint64_t number) {
  return absl::StrCat("files/", ShardName(file_id), "/", LeafOf(file_id, number));
}

std::optional<LeafName> ParseLeaf(absl::string_view leaf) {
  LeafName parsed;
  parsed.is_record = absl::ConsumeSuffix(&leaf, ".id");
  const size_t tilde = leaf.rfind('~');
  if (tilde == absl::string_view::npos || tilde == 0) {
    return std::nullopt;
  }
  const absl::string_view digits = leaf.substr(tilde + 1);
  if (!absl::SimpleAtoi(digits, &parsed.number) || absl::StrCat(parsed.number) != digits) {
    return std::nullopt;
  }
  parsed.name = std::string(leaf.substr(0, tilde));
  return parsed;
}

std::optional<base::FileId> FileIdOfName(absl::string_view name) {
  std::string id;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      id.push_back(name[i]);
      continue;
    }
    if (name.size() - i < kEscapeBytes || HexValue(name[i + 1]) < 0 || HexValue(name[i + 2]) < 0) {
      return std::nullopt;
    }
    id.push_back(static_cast<char>(HexValue(name[i + 1]) * 16 + HexValue(name[i + 2])));
    i += 2;
  }
  absl::StatusOr<base::FileId> file_id = base::FileId::Parse(id);
  if (!file_id.ok() || FileName(*file_id) != name) {
    return std::nullopt;
  }
  return *std::move(file_id);
}

}  // namespace bitrepo::store
