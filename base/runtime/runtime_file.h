// SPDX-License-Identifier: Apache-2.0
// A small file that says where a running daemon listens, for the program that started it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace bitrepo::runtime {

// TOML: one `name = "value"` for each field, in order, and `pid = N`. Whoever sees the file sees it
// whole; it is not made durable. Requires: names and values that need no escapes, as endpoints and
// ids do not.
absl::Status WriteRuntimeFile(const std::string& path,
                              const std::vector<std::pair<std::string, std::string>>& fields);
void RemoveRuntimeFile(const std::string& path);

}  // namespace bitrepo::runtime
