// SPDX-License-Identifier: Apache-2.0
// The file that a message is about, whichever operation it belongs to.
#pragma once

#include <string>

#include "proto/envelope.pb.h"

namespace bitrepo::protocol {

// The one file id that the body names, as its request, range, selection or record; empty where it
// names none, or several.
std::string FileIdOf(const wire::Body& body);

}  // namespace bitrepo::protocol
