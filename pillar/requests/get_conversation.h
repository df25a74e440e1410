// SPDX-License-Identifier: Apache-2.0
// GetConversation: what became of one here, by its requests: under way, finished, or cut short by a
// crash.
#pragma once

#include <cstdint>
#include <vector>

#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Recorded answers of one conversation that are looked at; beyond, it is told of the first ones.
inline constexpr uint32_t kAnswersOfConversationMax = 4096;

// What is on record tells of changes, what the pillar has in memory of everything it was lately
// asked. Ends with OPERATION_COMPLETED, also when nothing is known of the conversation; or
// REQUEST_NOT_UNDERSTOOD_FAILURE, BUSY, CANCELLED, FAILURE.
class GetConversation final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time /*now*/) override {}

 private:
  void OnAnswers(absl::StatusOr<std::vector<store::Answer>> answers);
  void End(wire::ResponseCode code, absl::string_view text, wire::GetConversationFinal found);

  base::ConversationId conversation_;
  std::string position_;  // behind the last request that was told; empty: from the first
  bool done_ = false;
};

// Operation, response and file of a request that ended with `final`.
void AddFinal(const wire::Body& final, wire::RequestRecord& record);

}  // namespace bitrepo::requests
