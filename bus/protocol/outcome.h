// SPDX-License-Identifier: Apache-2.0
// What became of a conversation, from what became of its contributors.
#pragma once

#include "bus/protocol/conversation.h"

namespace bitrepo::protocol {

struct Circumstances {
  bool cancelled = false;
  // False: there may be contributors that are not in the outcome, so "all" is not known to be all.
  bool attendance_known = true;
  bool enough = false;  // kSome: the asker said that it has what it wanted
};

// Fills verdict, code and text from `outcome.contributors`. `nobody` tells why where there are
// none.
void Judge(const ConversationSpec& spec, Circumstances circumstances,
           const wire::ResponseInfo& nobody, Outcome& outcome);

}  // namespace bitrepo::protocol
