// SPDX-License-Identifier: Apache-2.0
// OFF:LEN as a person writes it.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::commands {

struct ByteSpan {
  uint64_t offset = 0;
  std::optional<uint64_t> length;  // absent: to the end
};

// "0:100", "1MiB:64KiB", "4096:" (to the end). kInvalidArgument otherwise, and when the end passes
// 2^64.
absl::StatusOr<ByteSpan> ParseByteSpan(absl::string_view text);

}  // namespace bitrepo::commands
