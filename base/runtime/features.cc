// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/features.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bitrepo::runtime {
namespace {

struct Row {
  absl::string_view name;
  bool Features::*member;
};
constexpr Row kRows[] = {
    {"unasked-credit", &Features::unasked_credit},
    {"direct-writes", &Features::direct_writes},
    {"several-sources", &Features::several_sources},
};

absl::Status NoFeature(absl::string_view name) {
  std::string known;
  for (const Row& row : kRows) {
    absl::StrAppend(&known, ", ", row.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no feature; there are all, none", known));
}

}  // namespace

absl::StatusOr<Features> ParseFeatures(absl::string_view text) {
  if (text == "all") {
    return Features{};
  }
  Features features{false, false, false};
  if (text == "none") {
    return features;
  }
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const absl::string_view name = absl::StripAsciiWhitespace(part);
    bool known = false;
    for (const Row& row : kRows) {
      if (row.name == name) {
        features.*row.member = known = true;
      }
    }
    if (!known) {
      return NoFeature(name);
    }
  }
  return features;
}

absl::StatusOr<Features> FeaturesOr(const Features& otherwise,
                                    const std::optional<std::string>& variable) {
  if (!variable.has_value()) {
    return otherwise;
  }
  absl::StatusOr<Features> features = ParseFeatures(*variable);
  if (!features.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(kFeaturesVariable, ": ", features.status().message()));
  }
  return features;
}

}  // namespace bitrepo::runtime
