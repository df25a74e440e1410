// SPDX-License-Identifier: Apache-2.0
#include "tests/bus/protocol/golden_vectors.h"

#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol::samples {

std::vector<Vector> Vectors() {
  std::vector<Vector> vectors;
  for (const Sample& sample : All()) {
    vectors.push_back({sample.name, "one valid message", ToFrames(Seal(sample)), ""});
  }
  Frames cut = ToFrames(Seal(ByName("put-file-request")));
  cut[2].pop_back();
  vectors.push_back({"bad-body", "a body that ends in the middle of a field", cut, "body-garbage"});
  Frames astray = ToFrames(Seal(ByName("put-file-request")));
  astray[0] = "Pillar 1";
  vectors.push_back(
      {"bad-destination", "a destination of none of the five forms", astray, "destination"});
  return vectors;
}

}  // namespace bitrepo::protocol::samples
