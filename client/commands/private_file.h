// SPDX-License-Identifier: Apache-2.0
// Small files that a client keeps for itself between its runs.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::commands {

// kNotFound when there is none.
absl::StatusOr<std::string> ReadPrivate(const std::string& path);
// Replaces the file whole, durably; nobody else may read it (mode 0600), nor look into directories
// that are made for it (0700).
absl::Status WritePrivate(const std::string& path, absl::string_view text);

}  // namespace bitrepo::commands
