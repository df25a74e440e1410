// SPDX-License-Identifier: Apache-2.0
// One message of the bus as its frames, before anyone has looked inside.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bitrepo::protocol {

// destination, header, body, secret, signature: always five.
using Frames = std::vector<std::string>;

inline constexpr size_t kEnvelopeFrames = 5;
inline constexpr size_t kEnvelopeBytesMax = 256 * 1024;  // all frames together

}  // namespace bitrepo::protocol
