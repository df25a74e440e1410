// SPDX-License-Identifier: Apache-2.0
// Instants as a person gives them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// "2026-01-31", "2026-01-31T12:00:00Z" (RFC 3339), or so long before `now`: "90s", "5m", "7d", also
// with a '-' before it. kInvalidArgument shows these.
absl::StatusOr<absl::Time> ParseMoment(absl::string_view text, absl::Time now);

// The window of --since and --until, either may be empty. Nothing, and reported, when one is no
// instant.
std::optional<wire::TimeWindow> ParseWindow(Session& session, const std::string& since,
                                            const std::string& until);

}  // namespace bitrepo::commands
