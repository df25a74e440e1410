// SPDX-License-Identifier: Apache-2.0
// GetChecksums: digests of one file, of a range or of the blocks of it, or of many files; recorded
// ones with their age, or by reading now.
#pragma once

#include "pillar/requests/list_order.h"

namespace bitrepo::requests {

// In a list a damaged file is an item with its trouble; of a single file it is the code of the
// final too. See ListRequest for how it ends.
absl::StatusOr<ListOrder> ChecksumsOrder(const protocol::Envelope& request,
                                         wire::DigestAlgorithm default_algorithm);

}  // namespace bitrepo::requests
