// SPDX-License-Identifier: Apache-2.0
// Strong ids: a value that exists is valid, as parsing is the only way in.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"

namespace bitrepo::base {

inline constexpr size_t kComponentIdBytesMax = 64;
inline constexpr size_t kFileIdBytesMax = 255;

// A name of a component, collection or session: [a-z0-9][a-z0-9._-]{0,63}. Immutable value.
// `Tag` keeps the kinds apart.
template <typename Tag>
class NameId {
 public:
  // kInvalidArgument names the text (escaped) and the rule it breaks.
  static absl::StatusOr<NameId> Parse(absl::string_view text);
  const std::string& text() const { return text_; }
  auto operator<=>(const NameId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const NameId& id) {
    return H::combine(std::move(h), id.text_);
  }

 private:
  explicit NameId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};
using ComponentId = NameId<struct ComponentTag>;  // also a session: "alice.5f03c2d1"
using CollectionId = NameId<struct CollectionTag>;

// The id of a file in a collection: UTF-8 as given (no normalisation), 1-255 bytes, no control
// characters (C0, DEL, C1), no leading or trailing '/', no empty, "." or ".." part. Immutable
// value; ordered by bytes.
class FileId {
 public:
  // kInvalidArgument names the id (escaped, shortened) and the rule it breaks.
  static absl::StatusOr<FileId> Parse(absl::string_view text);
  const std::string& text() const { return text_; }
  auto operator<=>(const FileId&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const FileId& id) {
    return H::combine(std::move(h), id.text_);
  }

 private:
  explicit FileId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// 16 bytes that name one thing for ever. Immutable value; ordered by bytes.
template <typename Tag>
class Uuid {
 public:
  static constexpr size_t kBytes = 16;
  Uuid() = default;  // all zero: "none"; is_zero() tells
  // UUIDv7 (RFC 9562 5.7): 48 bits of wall-clock milliseconds, the rest random.
  static Uuid Make(absl::Time wall_now, Random& random);
  // From the 16 raw bytes of the wire; kInvalidArgument for another size or for all zero.
  static absl::StatusOr<Uuid> FromBytes(absl::string_view bytes);
  // From 8-4-4-4-12 hex.
  static absl::StatusOr<Uuid> Parse(absl::string_view text);
  std::string ToBytes() const;
  std::string ToString() const;  // 8-4-4-4-12, lower case
  bool is_zero() const;
  auto operator<=>(const Uuid&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Uuid& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, kBytes> bytes_{};
};
using ConversationId = Uuid<struct ConversationTag>;
using MessageId = Uuid<struct MessageTag>;
using StoreId = Uuid<struct StoreTag>;
using TokenId = Uuid<struct TokenTag>;
// The conversation id of the operation that made a content; equal on every pillar.
using GenerationId = ConversationId;

}  // namespace bitrepo::base
