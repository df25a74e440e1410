// SPDX-License-Identifier: Apache-2.0
// Special features: what makes bytes move faster where it can, and may be left out without another
// result.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::runtime {

// Of the environment; asked before any settings.
inline constexpr char kFeaturesVariable[] = "BITREPO_FEATURES";

// Value; at first everything that there is.
struct Features {
  bool unasked_credit = true;   // the bytes of a store follow its request without an answer
  bool direct_writes = true;    // large files are written past the page cache
  bool several_sources = true;  // a large file comes from several pillars at once
};

// "all", "none", or the names of those that there are to be, with commas between.
// kInvalidArgument: a name that is none.
absl::StatusOr<Features> ParseFeatures(absl::string_view text);
// As the environment says, where it says something: `variable` is its value of kFeaturesVariable.
absl::StatusOr<Features> FeaturesOr(const Features& otherwise,
                                    const std::optional<std::string>& variable);

}  // namespace bitrepo::runtime
