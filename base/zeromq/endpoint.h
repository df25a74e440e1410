// SPDX-License-Identifier: Apache-2.0
// Which addresses are passed on to ZeroMQ, which knows more transports than we want.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace bitrepo::zeromq {

// OK for "tcp://HOST:PORT" (HOST a name, an IPv4 address or an IPv6 address in brackets; PORT
// 1-65535), "ipc:///absolute/path" of at most 107 bytes and "inproc://name"; kInvalidArgument
// otherwise.
absl::Status CheckDialEndpoint(absl::string_view endpoint);
// The same, and HOST may be "*" for all addresses, PORT 0 for any that is free.
absl::Status CheckBindEndpoint(absl::string_view endpoint);

}  // namespace bitrepo::zeromq
