// SPDX-License-Identifier: Apache-2.0
// A list that a person gives in a file or on standard input, read whole up to a limit.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace bitrepo::commands {

inline constexpr size_t kInputBytesMax = 256 * 1024 * 1024;

// All of the file at `path`, or of the descriptor `standard_input` for "-". kResourceExhausted past
// the limit.
absl::StatusOr<std::string> ReadInput(const std::string& path, int standard_input,
                                      size_t bytes_max = kInputBytesMax);

}  // namespace bitrepo::commands
