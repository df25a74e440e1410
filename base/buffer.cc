// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include "base/check.h"

namespace bitrepo::base {

Buffer Buffer::Copy(absl::string_view text) { return Of(std::string(text)); }

Buffer Buffer::Copy(std::span<const std::byte> bytes) {
  return Of(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

Buffer Buffer::Of(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::span<const char> chars(owner->data(), owner->size());
  return Buffer(std::as_bytes(chars), std::move(owner));
}

Buffer Buffer::Part(size_t offset, size_t length) const {
  BITREPO_CHECK(offset <= size() && length <= size() - offset, "the part lies within the buffer");
  return Buffer(bytes_.subspan(offset, length), owner_);
}

}  // namespace bitrepo::base
