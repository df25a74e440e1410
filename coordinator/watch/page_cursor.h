// SPDX-License-Identifier: Apache-2.0
// The opaque cursors of the coordinator's lists: a place, bound to the question that was asked.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::watch {

// Immutable. `run` is that of this coordinator's start: a list does not go on after another.
class PageCursor {
 public:
  // `question`: the request as serialized, without its page.
  PageCursor(absl::string_view run, absl::string_view list, absl::string_view question);

  std::string At(uint64_t place) const;
  // The place that `cursor` stands for; nothing asked for (empty) is `start`. kInvalidArgument for
  // one of another question, list or run.
  absl::StatusOr<uint64_t> Read(absl::string_view cursor, uint64_t start) const;

 private:
  std::string mark_;
};

}  // namespace bitrepo::watch
