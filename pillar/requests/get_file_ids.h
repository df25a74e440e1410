// SPDX-License-Identifier: Apache-2.0
// GetFileIDs: what a collection holds here.
#pragma once

#include "pillar/requests/list_order.h"

namespace bitrepo::requests {

absl::StatusOr<ListOrder> FileIdsOrder(const protocol::Envelope& request);

}  // namespace bitrepo::requests
