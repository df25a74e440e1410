// SPDX-License-Identifier: Apache-2.0
// Alarms to the operators: each kind of trouble with each file once in a while, not once for each
// reader that meets it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::pillar {

inline constexpr size_t kAlarmsRememberedMax = 1024;
inline constexpr absl::Duration kAlarmPause =
    absl::Minutes(10);  // between two of one code and file

// Loop-confined. Lifetime: `random` outlives it.
class AlarmBell {
 public:
  AlarmBell(std::string repository_id, std::string self, base::Random& random)
      : repository_id_(std::move(repository_id)), self_(std::move(self)), random_(random) {}
  // Logs it and makes the message; nothing when the same was told lately.
  std::optional<protocol::Envelope> Ring(absl::string_view code, absl::string_view text,
                                         absl::string_view file_id, absl::Time now,
                                         absl::Time wall_now);

 private:
  const std::string repository_id_;
  const std::string self_;
  base::Random& random_;
  std::map<std::pair<std::string, std::string>, absl::Time> told_;
};

}  // namespace bitrepo::pillar
