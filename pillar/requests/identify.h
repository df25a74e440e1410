// SPDX-License-Identifier: Apache-2.0
// Identify: could this pillar do it, on what terms and how soon; measured, and without a trace.
#pragma once

#include "absl/functional/any_invocable.h"
#include "bus/protocol/envelope.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Gives the body of the reply to `identify` to `reply`, once, on the loop; perhaps at once, perhaps
// after a worker has
// looked. Dropped when the loop ends first. `parts` need not outlive the call, what it refers to
// must.
void AnswerIdentify(const RequestParts& parts, const protocol::Envelope& identify,
                    absl::AnyInvocable<void(wire::Body)> reply);

}  // namespace bitrepo::requests
