// SPDX-License-Identifier: Apache-2.0
// The table [rates] of a settings file, as pillars and clients have it.
#pragma once

#include <vector>

#include "base/runtime/settings.h"
#include "channel/transfer/rate_limiter.h"

namespace bitrepo::channel {

// rates.node, rates.session, rates.collection.NAME, rates.partner.NAME; NAME is "each" for a rule
// of each one that has none of its own. Problems go into `settings`.
std::vector<transfer::RateRule> ReadRates(runtime::Settings& settings);

}  // namespace bitrepo::channel
