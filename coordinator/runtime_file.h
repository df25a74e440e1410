// SPDX-License-Identifier: Apache-2.0
// A small file that says where a running coordinator listens, for the program that started it.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace bitrepo::coordinator {

// TOML: bus = "tcp://...", watch = "tcp://..." (empty when there is none), pid = N. Whoever sees
// the file sees it whole; it is not made durable.
absl::Status WriteRuntimeFile(const std::string& path, const std::string& bus_endpoint,
                              const std::string& watch_endpoint);
void RemoveRuntimeFile(const std::string& path);

}  // namespace bitrepo::coordinator
