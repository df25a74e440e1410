// SPDX-License-Identifier: Apache-2.0
// GetFileInfos: all that is on record of files, those in quarantine too, and digests beside it.
#pragma once

#include "pillar/requests/list_order.h"

namespace bitrepo::requests {

absl::StatusOr<ListOrder> FileInfosOrder(const protocol::Envelope& request,
                                         wire::DigestAlgorithm default_algorithm);

}  // namespace bitrepo::requests
