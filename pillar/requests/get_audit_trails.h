// SPDX-License-Identifier: Apache-2.0
// GetAuditTrails: a page of the pillar's hash-chained record of what was changed and what was
// refused.
#pragma once

#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

inline constexpr uint32_t kAuditItemsMax = 5000;  // of one page
// Looks at the trail for one page: a page may be empty and not the last, so that a search for a
// rare thing never keeps a worker for long.
inline constexpr int kAuditLooksMax = 16;

// Ends with OPERATION_COMPLETED, where the chain ends now in every one of them; or
// REQUEST_NOT_UNDERSTOOD_FAILURE (a cursor of another list), BUSY, CANCELLED, FAILURE.
class GetAuditTrails final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time /*now*/) override {}

 private:
  void OnPage(absl::StatusOr<wire::GetAuditTrailsFinal> page);
  void End(wire::ResponseCode code, absl::string_view text, wire::GetAuditTrailsFinal page);

  bool done_ = false;
};

}  // namespace bitrepo::requests
