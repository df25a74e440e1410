// SPDX-License-Identifier: Apache-2.0
// One valid message of each kind and content, always the same bytes: what vectors and bad-input
// tables start from.
#pragma once

#include <string>
#include <vector>

#include "bus/protocol/envelope.h"

namespace bitrepo::protocol::samples {

inline constexpr char kRepository[] = "repo-1";
inline constexpr char kCollection[] = "books";
inline constexpr char kPillar[] = "pillar-1";
inline constexpr char kClient[] = "alice";
inline constexpr char kSession[] = "alice.5f03";
inline constexpr char kCoordinatorId[] = "hub-1";

struct Sample {
  std::string name;  // "put-file-request"
  Destination destination;
  wire::Header header;
  wire::Body body;
  std::string secret;
};

// 16 bytes, all `fill`.
std::string Id(char fill);
std::string Sha256Value(char fill);
// A header of this kind from its usual speaker to its usual listener, with `destination` to match.
wire::Header HeaderOf(wire::Kind kind, wire::Operation operation);
Destination DestinationOf(const wire::Header& header);
Sample MakeSample(std::string name, wire::Kind kind, wire::Operation operation, wire::Body body,
                  std::string secret = "");

// Sorted by name; each seals.
const std::vector<Sample>& All();
const Sample& ByName(const std::string& name);
Envelope Seal(const Sample& sample);

}  // namespace bitrepo::protocol::samples
