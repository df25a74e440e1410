// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/utf8.h"
#include "bus/protocol/envelope.h"
#include "bus/protocol/limits.h"

namespace bitrepo::protocol {
namespace {

constexpr std::pair<Destination::Kind, absl::string_view> kPrefixes[] = {
    {Destination::Kind::kCollection, "collection:"},
    {Destination::Kind::kPillar, "pillar:"},
    {Destination::Kind::kClient, "client:"},
};
constexpr absl::string_view kCoordinator = "coordinator";
constexpr absl::string_view kOperators = "operators";

}  // namespace

absl::StatusOr<Destination> Destination::Parse(absl::string_view text) {
  if (text == kCoordinator) {
    return Destination{Kind::kCoordinator, ""};
  }
  if (text == kOperators) {
    return Destination{Kind::kOperators, ""};
  }
  for (const auto& [kind, prefix] : kPrefixes) {
    absl::string_view id = text;
    if (absl::ConsumePrefix(&id, prefix)) {
      BITREPO_ASSIGN_OR_RETURN(const base::ComponentId name, base::ComponentId::Parse(id));
      return Destination{kind, name.text()};
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no destination: ", base::Printable(text, kDestinationBytesMax)));
}

std::string Destination::ToString() const {
  switch (kind) {
    case Kind::kCoordinator:
      return std::string(kCoordinator);
    case Kind::kOperators:
      return std::string(kOperators);
    default:
      break;
  }
  for (const auto& [prefix_kind, prefix] : kPrefixes) {
    if (prefix_kind == kind) {
      return absl::StrCat(prefix, id);
    }
  }
  return id;
}

}  // namespace bitrepo::protocol
