// SPDX-License-Identifier: Apache-2.0
// How waiting for slow media is told to the asker.
#pragma once

#include "pillar/store/medium.h"
#include "proto/types.pb.h"

namespace bitrepo::requests {

// Phase, place and time left; no bytes: those of the transfer are counted apart.
wire::Progress ProgressOf(const store::MediumStep& step);

}  // namespace bitrepo::requests
