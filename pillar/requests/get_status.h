// SPDX-License-Identifier: Apache-2.0
// GetStatus: the pillar checks itself now, and says what it found.
#pragma once

#include <vector>

#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Ends with OPERATION_COMPLETED whatever it found, or BUSY, or CANCELLED.
class GetStatus final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  struct Found {
    absl::StatusOr<store::StoreReport> report;
    std::vector<store::StagedPart> staged;
  };
  void OnFound(Found found);
  void Tell(Found found, const channel::Channel::RateUses& rates);
  void End(wire::Body final);

  bool done_ = false;
};

}  // namespace bitrepo::requests
