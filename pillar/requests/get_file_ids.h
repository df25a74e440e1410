// SPDX-License-Identifier: Apache-2.0
// GetFileIDs: one page of what a collection holds here, in the order of file ids.
#pragma once

#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Ends with OPERATION_COMPLETED, FILE_NOT_FOUND_FAILURE (of the one file asked for), DATA_LOSS (it
// is recorded, but missing or damaged),
// REQUEST_NOT_UNDERSTOOD_FAILURE (a cursor of another query), BUSY or FAILURE.
class GetFileIds final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  void OnPage(absl::StatusOr<store::RecordPage> page);
  void End(wire::Body final);

  bool done_ = false;
};

}  // namespace bitrepo::requests
