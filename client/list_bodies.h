// SPDX-License-Identifier: Apache-2.0
// How what is asked of a list stands in its messages.
#pragma once

#include "client/operation.h"
#include "proto/envelope.pb.h"

namespace bitrepo::client {

struct AskedList {
  wire::Body identify;  // ids that are named are told by the request alone
  wire::Body request;
  bool several_of_one_id = false;  // blocks, removed generations
};
AskedList AskFor(const GetChecksumsSpec& spec);
AskedList AskFor(const GetFileIdsSpec& spec);
AskedList AskFor(const GetFileInfosSpec& spec);

}  // namespace bitrepo::client
