// SPDX-License-Identifier: Apache-2.0
#include "channel/rate_settings.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ids.h"

namespace bitrepo::channel {
namespace {

constexpr absl::string_view kEach = "each";

void ReadRate(runtime::Settings& settings, const std::string& key, wire::RateLevel level,
              std::string name, std::vector<transfer::RateRule>& rules) {
  const std::optional<std::string> text = settings.FindString(key);
  if (!text) return;
  absl::StatusOr<base::RateTable> table = base::RateTable::Parse(*text);
  if (table.ok()) {
    rules.push_back({level, std::move(name), *std::move(table), false});
  } else {
    settings.Problem(key, absl::StrCat("is wrong: ", table.status().message()));
  }
}

template <typename Id>
void ReadNamed(runtime::Settings& settings, absl::string_view table, wire::RateLevel level,
               std::vector<transfer::RateRule>& rules) {
  for (const std::string& name : settings.KeysUnder(table)) {
    const std::string key = absl::StrCat(table, ".", name);
    if (const auto id = Id::Parse(name); !id.ok()) {
      settings.Problem(key, absl::StrCat("is wrong: ", id.status().message()));
    }
    ReadRate(settings, key, level, name == kEach ? "" : name, rules);
  }
}

}  // namespace

std::vector<transfer::RateRule> ReadRates(runtime::Settings& settings) {
  std::vector<transfer::RateRule> rules;
  ReadRate(settings, "rates.node", wire::RATE_NODE, "", rules);
  ReadRate(settings, "rates.session", wire::RATE_SESSION, "", rules);
  ReadNamed<base::CollectionId>(settings, "rates.collection", wire::RATE_COLLECTION, rules);
  ReadNamed<base::ComponentId>(settings, "rates.partner", wire::RATE_PARTNER, rules);
  if (rules.size() > transfer::kRateRulesMax) {
    settings.Problem("rates", absl::StrCat("must be at most ", transfer::kRateRulesMax));
  }
  return rules;
}

}  // namespace bitrepo::channel
