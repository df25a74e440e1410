// SPDX-License-Identifier: Apache-2.0
// SetRates: how fast bytes may come from now on, until the pillar restarts.
#pragma once

#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Ends with OPERATION_COMPLETED and all rates there are then, with REQUEST_NOT_UNDERSTOOD_FAILURE
// where there would be too many, or as withdrawn. What was set, and what it was before, is in the
// audit trail.
class SetRates final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time /*now*/) override {}

 private:
  using Uses = channel::Channel::RateUses;
  void OnSet(const absl::Status& how, const Uses& before, const Uses& after);
  void End(wire::Body final);

  bool done_ = false;
};

}  // namespace bitrepo::requests
