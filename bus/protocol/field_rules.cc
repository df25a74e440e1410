// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/field_rules.h"

#include "absl/strings/str_cat.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "base/utf8.h"
#include "bus/protocol/limits.h"

namespace bitrepo::protocol {
namespace {

constexpr size_t kUuidBytes = 16;
constexpr size_t kShownBytes = 200;

bool IsUuid(const std::string& value) {
  return value.size() == kUuidBytes && value != std::string(kUuidBytes, '\0');
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const std::optional<base::Utf8Char> next = base::FirstUtf8Char(text);
    if (!next) {
      return false;
    }
    text.remove_prefix(next->bytes);
  }
  return true;
}

std::string FittingText(absl::string_view text, size_t bytes_max) {
  constexpr size_t kLongestEscape = 16;  // of the last character, and the dots
  if (text.size() <= bytes_max && IsUtf8(text)) {
    return std::string(text);
  }
  return base::Printable(text, bytes_max > kLongestEscape ? bytes_max - kLongestEscape : 0);
}

void FieldRules::Require(bool holds, absl::string_view cause, absl::string_view text,
                         wire::ResponseCode code) {
  if (!holds && ok()) {
    objection_ = Objection{std::string(cause), code, FittingText(text, kTextBytesMax)};
  }
}

void FieldRules::Require(bool holds, absl::string_view cause,
                         std::initializer_list<absl::AlphaNum> parts, wire::ResponseCode code) {
  if (holds || !ok()) {
    return;
  }
  std::string text;
  for (const absl::AlphaNum& part : parts) {
    absl::StrAppend(&text, part);
  }
  Require(false, cause, text, code);
}

void FieldRules::Name(absl::string_view field, const std::string& value) {
  if (!ok()) {
    return;
  }
  const auto name = base::ComponentId::Parse(value);
  if (!name.ok()) {
    Require(false, "field", {field, ": ", name.status().message()});
  }
}

void FieldRules::OptionalName(absl::string_view field, const std::string& value) {
  if (!value.empty()) {
    Name(field, value);
  }
}

void FieldRules::FileId(absl::string_view field, const std::string& value) {
  if (!ok()) {
    return;
  }
  const auto id = base::FileId::Parse(value);
  if (!id.ok()) {
    Require(false, "file-id", {field, ": ", id.status().message()});
  }
}

void FieldRules::Text(absl::string_view field, const std::string& value, size_t bytes_max) {
  if (!ok()) {
    return;
  }
  if (value.size() > bytes_max) {
    Require(false, "field", {field, " has ", value.size(), " bytes; at most ", bytes_max});
  } else if (!IsUtf8(value)) {
    Require(false, "field", {field, " is not UTF-8: ", base::Printable(value, kShownBytes)});
  }
}

void FieldRules::Uuid(absl::string_view field, const std::string& value) {
  if (!IsUuid(value)) {
    Require(false, "field", {field, " is no id of 16 bytes"});
  }
}

void FieldRules::OptionalUuid(absl::string_view field, const std::string& value) {
  if (!value.empty()) {
    Uuid(field, value);
  }
}

void FieldRules::Count(absl::string_view field, int count, size_t count_max) {
  if (count < 0 || static_cast<size_t>(count) > count_max) {
    Require(false, "list-limit", {field, " has ", count, " items; at most ", count_max});
  }
}

void FieldRules::BytesAtMost(absl::string_view field, const std::string& value, size_t bytes_max) {
  if (value.size() > bytes_max) {
    Require(false, "field", {field, " has ", value.size(), " bytes; at most ", bytes_max});
  }
}

void FieldRules::NotNegative(absl::string_view field, int64_t value) {
  if (value < 0) {
    Require(false, "field", {field, " is negative"});
  }
}

void FieldRules::PlainDigest(absl::string_view field, const wire::Digest& digest) {
  AnyDigest(field, digest);
  if (IsHmac(digest.algorithm())) {
    Require(false, "digest", {field, " needs an algorithm without salt"});
  }
}

void FieldRules::AnyDigest(absl::string_view field, const wire::Digest& digest) {
  const size_t bytes = DigestBytesOf(digest.algorithm());
  if (bytes == 0) {
    Require(false, "digest", {field, ": unknown algorithm ", static_cast<int>(digest.algorithm())},
            digest.algorithm() == wire::DIGEST_ALGORITHM_UNSPECIFIED
                ? wire::REQUEST_NOT_UNDERSTOOD_FAILURE
                : wire::REQUEST_NOT_SUPPORTED);
  } else if (digest.value().size() != bytes) {
    Require(false, "digest",
            {field, " has ", digest.value().size(), " bytes where its algorithm gives ", bytes});
  }
}

void FieldRules::Checksums(const wire::ChecksumSpec& spec) {
  Count("checksums.algorithms", spec.algorithms_size(), kAlgorithmsMax);
  BytesAtMost("checksums.salt", spec.salt(), kSaltBytesMax);
  uint32_t seen = 0;
  size_t with_salt = 0;
  for (const int number : spec.algorithms()) {
    const auto algorithm = static_cast<wire::DigestAlgorithm>(number);
    Require(number != wire::DIGEST_ALGORITHM_UNSPECIFIED, "checksum-spec",
            "checksums.algorithms has an unspecified one");
    Require(DigestBytesOf(algorithm) != 0, "checksum-spec",
            "checksums.algorithms has an unknown one", wire::REQUEST_NOT_SUPPORTED);
    if (!ok()) {
      return;
    }
    const uint32_t bit = uint32_t{1} << static_cast<uint32_t>(number);
    Require((seen & bit) == 0, "checksum-spec", "checksums.algorithms names one twice");
    seen |= bit;
    with_salt += IsHmac(algorithm) ? 1 : 0;
  }
  const bool mixed = with_salt != 0 && with_salt != static_cast<size_t>(spec.algorithms_size());
  Require(!mixed, "checksum-spec", "plain and hmac algorithms need requests of their own");
  Require(spec.salt().empty() == (with_salt == 0), "checksum-spec",
          "a salt is required with the hmac algorithms, and with no other");
}

void FieldRules::Range(uint64_t offset, std::optional<uint64_t> length) {
  if (ok() && length.has_value() && !base::ByteRange::Make(offset, *length).ok()) {
    Require(false, "range", {"the range ", offset, "+", *length, " passes 2^64"},
            wire::RANGE_ERROR);
  }
}

void FieldRules::Selection(const wire::FileSelection& selection) {
  switch (selection.which_case()) {
    case wire::FileSelection::kFileId:
      FileId("files.file_id", selection.file_id());
      return;
    case wire::FileSelection::kAll:
      return;
    case wire::FileSelection::kPrefix:
      Text("files.prefix", selection.prefix(), base::kFileIdBytesMax);
      return;
    case wire::FileSelection::kList:
      Require(selection.list().file_ids_size() > 0, "field", "files.list names none");
      Count("files.list", selection.list().file_ids_size(), kFileListMax);
      for (int i = 0; ok() && i < selection.list().file_ids_size(); ++i) {
        FileId("files.list", selection.list().file_ids(i));
      }
      return;
    case wire::FileSelection::kParameters:
      Require(selection.parameters().items() > 0, "field", "files.parameters names none");
      PlainDigest("files.parameters.digest", selection.parameters().digest());
      return;
    case wire::FileSelection::WHICH_NOT_SET:
      Require(false, "field", "files selects nothing: one id, a list, parameters, all or a prefix");
      return;
  }
}

void FieldRules::Window(absl::string_view field, const wire::TimeWindow& window) {
  NotNegative(field, window.from_us());
  NotNegative(field, window.until_us());
  if (window.has_from_us() && window.has_until_us() && window.until_us() < window.from_us()) {
    Require(false, "field", {field, " ends before it begins"});
  }
}

void FieldRules::Digests(absl::string_view field,
                         const google::protobuf::RepeatedPtrField<wire::Digest>& digests) {
  Count(field, digests.size(), kAlgorithmsMax);
  for (const wire::Digest& digest : digests) {
    if (!ok()) {
      return;
    }
    AnyDigest(field, digest);
  }
}

void FieldRules::File(absl::string_view field, const wire::FileInfo& file) {
  FileId(field, file.file_id());
  if (file.has_digest()) {
    PlainDigest(field, file.digest());
  }
  OptionalUuid(field, file.generation_id());
  NotNegative(field, file.stored_at_us());
  Text(field, file.trouble().text(), kTextBytesMax);
}

size_t DigestBytesOf(wire::DigestAlgorithm algorithm) {
  switch (algorithm) {
    case wire::MD5:
    case wire::HMAC_MD5:
      return 16;
    case wire::SHA1:
    case wire::HMAC_SHA1:
      return 20;
    case wire::SHA256:
    case wire::HMAC_SHA256:
      return 32;
    case wire::SHA384:
    case wire::HMAC_SHA384:
      return 48;
    case wire::SHA512:
    case wire::HMAC_SHA512:
      return 64;
    default:
      return 0;
  }
}

bool IsHmac(wire::DigestAlgorithm algorithm) {
  return algorithm >= wire::HMAC_MD5 && algorithm <= wire::HMAC_SHA512;
}

}  // namespace bitrepo::protocol
