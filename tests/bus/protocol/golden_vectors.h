// SPDX-License-Identifier: Apache-2.0
// The vectors of tests/golden/: messages as they are on the wire, and what is to be said of each.
#pragma once

#include <string>
#include <vector>

#include "bus/protocol/envelope.h"

namespace bitrepo::protocol::samples {

struct Vector {
  std::string name;
  std::string about;
  Frames frames;
  std::string cause;                                          // empty: it is valid
  wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED;  // that it is answered with
};

// Every sample, and some that are not valid.
std::vector<Vector> Vectors();
// Between components of different versions, in both directions; with what this version answers, as
// vectors of their own ("NAME-answer").
std::vector<Vector> SkewVectors();

}  // namespace bitrepo::protocol::samples
