// SPDX-License-Identifier: Apache-2.0
#include "channel/ended_grants.h"

#include <utility>

namespace bitrepo::channel {

void EndedGrants::Remember(const base::TokenId& token, wire::TransferReport report) {
  if (reports_.insert_or_assign(token, std::move(report)).second) {
    in_order_.push_back(token);
  }
  if (in_order_.size() > kEndedMax) {
    reports_.erase(in_order_.front());
    in_order_.pop_front();
  }
}

const wire::TransferReport* EndedGrants::Find(const base::TokenId& token) const {
  auto found = reports_.find(token);
  return found == reports_.end() ? nullptr : &found->second;
}

}  // namespace bitrepo::channel
