// SPDX-License-Identifier: Apache-2.0
// Bytes that several may hold and nobody changes: a segment on its way to many peers, uncopied.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace bitrepo::base {

// Immutable value, cheap to copy; the bytes live until the last copy dies. Thread-safe as
// shared_ptr is.
class Buffer {
 public:
  Buffer() = default;
  // `owner` keeps `bytes` alive; it is released on whichever thread drops the last copy.
  Buffer(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  static Buffer Copy(absl::string_view text);
  static Buffer Copy(std::span<const std::byte> bytes);
  // Takes the string over.
  static Buffer Of(std::string text);

  std::span<const std::byte> bytes() const { return bytes_; }
  absl::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // A part that shares the owner. Requires: offset + length <= size().
  Buffer Part(size_t offset, size_t length) const;

 private:
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

}  // namespace bitrepo::base
