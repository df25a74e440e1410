// SPDX-License-Identifier: Apache-2.0
// What became of the grants that ended last, for those who ask by their token.
#pragma once

#include <cstddef>
#include <deque>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "proto/channel.pb.h"

namespace bitrepo::channel {

// Loop-confined value.
class EndedGrants {
 public:
  static constexpr size_t kEndedMax = 1024;

  // Of more than kEndedMax the oldest is forgotten.
  void Remember(const base::TokenId& token, wire::TransferReport report);
  // nullptr when it is not known; until the next Remember.
  const wire::TransferReport* Find(const base::TokenId& token) const;

 private:
  absl::btree_map<base::TokenId, wire::TransferReport> reports_;
  std::deque<base::TokenId> in_order_;
};

}  // namespace bitrepo::channel
