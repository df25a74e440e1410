// SPDX-License-Identifier: Apache-2.0
// The rules of single fields, asked one after another; the first that is broken is the objection to
// the message.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/types.pb.h"

namespace bitrepo::protocol {

struct Objection {
  std::string cause;  // stable word, as in EnvelopeFault
  wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE;
  std::string text;
};

bool IsUtf8(absl::string_view text);
// `text` when it is UTF-8 of at most `bytes_max`; else what is left of it when it is made so.
std::string FittingText(absl::string_view text, size_t bytes_max);

// Each check does nothing once there is an objection. Loop-confined.
class FieldRules {
 public:
  bool ok() const { return !objection_.has_value(); }
  const std::optional<Objection>& objection() const { return objection_; }

  // Objects with `text` unless `holds`. A text of parts is put together only then: a message that
  // breaks no rule pays for none.
  void Require(bool holds, absl::string_view cause, absl::string_view text,
               wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  void Require(bool holds, absl::string_view cause, std::initializer_list<absl::AlphaNum> parts,
               wire::ResponseCode code = wire::REQUEST_NOT_UNDERSTOOD_FAILURE);

  void Name(absl::string_view field,
            const std::string& value);  // a component, session or collection
  void OptionalName(absl::string_view field, const std::string& value);  // or empty
  void FileId(absl::string_view field, const std::string& value);
  void Text(absl::string_view field, const std::string& value, size_t bytes_max);
  void Uuid(absl::string_view field, const std::string& value);
  void OptionalUuid(absl::string_view field, const std::string& value);
  void Count(absl::string_view field, int count, size_t count_max);
  void BytesAtMost(absl::string_view field, const std::string& value, size_t bytes_max);
  void NotNegative(absl::string_view field, int64_t value);

  // Of a known algorithm without salt, as long as it says.
  void PlainDigest(absl::string_view field, const wire::Digest& digest);
  // Of any known algorithm, as long as it says.
  void AnyDigest(absl::string_view field, const wire::Digest& digest);
  void Checksums(const wire::ChecksumSpec& spec);
  void Digests(absl::string_view field,
               const google::protobuf::RepeatedPtrField<wire::Digest>& digests);
  // offset + length, where both are given, passes no 2^64.
  void Range(uint64_t offset, std::optional<uint64_t> length);
  void Selection(const wire::FileSelection& selection);
  // No end of it before the 1970s, none before its beginning.
  void Window(absl::string_view field, const wire::TimeWindow& window);
  void File(absl::string_view field, const wire::FileInfo& file);

 private:
  std::optional<Objection> objection_;
};

// Bytes of a digest of the algorithm; 0 when it is not known.
size_t DigestBytesOf(wire::DigestAlgorithm algorithm);
bool IsHmac(wire::DigestAlgorithm algorithm);

}  // namespace bitrepo::protocol
