// SPDX-License-Identifier: Apache-2.0
// What became of a conversation, from what became of its contributors.
#pragma once

#include "bus/protocol/conversation.h"

namespace bitrepo::protocol {

// Fills verdict, code and text from `outcome.contributors`. `nobody` tells why where there are
// none.
void Judge(const ConversationSpec& spec, bool cancelled, const wire::ResponseInfo& nobody,
           Outcome& outcome);

}  // namespace bitrepo::protocol
