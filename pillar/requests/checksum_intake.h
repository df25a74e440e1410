// SPDX-License-Identifier: Apache-2.0
// When a pillar that keeps digests only asks for the bytes of a file.
#pragma once

namespace bitrepo::requests {

// Bytes that come are digested and thrown away. Of no meaning where bytes are kept.
enum class ChecksumIntake {
  kAlways,       // each file's bytes come: no digest is recorded that was not made here
  kWhenMissing,  // they come when the request does not name all that is to be known of them
  kNever,        // the request names SHA-256 and size, or is refused
};

}  // namespace bitrepo::requests
