// SPDX-License-Identifier: Apache-2.0
// Stops the process when the program itself is wrong: never for what a peer or a disk did.
#pragma once

#include "absl/strings/string_view.h"

namespace bitrepo::base {

// Writes the place and the text to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, absl::string_view what);

}  // namespace bitrepo::base

// Requires: `text` says what must be true. On in every build.
#define BITREPO_CHECK(condition, text)                          \
  do {                                                          \
    if (!(condition)) [[unlikely]] {                            \
      ::bitrepo::base::CheckFailed(__FILE__, __LINE__, (text)); \
    }                                                           \
  } while (false)
