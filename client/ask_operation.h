// SPDX-License-Identifier: Apache-2.0
// An operation whose answers are its finals alone: nothing to move, nothing to page.
#pragma once

#include <utility>

#include "client/ongoing_operation.h"

namespace bitrepo::client {

// Loop-confined; see OngoingOperation.
class AskOperation final : public OngoingOperation {
 public:
  AskOperation(Surroundings surroundings, base::ConversationId id, OperationEvents events,
               EndHandler<OutcomeResult> end)
      : OngoingOperation(surroundings, id, std::move(events)), end_(std::move(end)) {}

  void OnConversationDone(const protocol::Outcome& outcome) override { end_({id_, outcome}); }

 private:
  void OnNews(const protocol::ConversationEvent& /*event*/) override {}

  EndHandler<OutcomeResult> end_;
};

}  // namespace bitrepo::client
