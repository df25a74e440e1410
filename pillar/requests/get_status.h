// SPDX-License-Identifier: Apache-2.0
// GetStatus: the pillar checks itself now, and says what it found.
#pragma once

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
  void OnReport(absl::StatusOr<store::StoreReport> report);
  void Tell(const absl::StatusOr<store::StoreReport>& report,
            const channel::Channel::RateUses& rates);
  void End(wire::Body final);

  bool done_ = false;
};

}  // namespace bitrepo::requests
