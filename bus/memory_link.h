// SPDX-License-Identifier: Apache-2.0
// Hub and spokes in one process, on one loop: the links of tests, with the troubles of a network on
// demand.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "bus/link.h"

namespace bitrepo::bus {

inline constexpr size_t kMemoryPipeFrames =
    64;  // messages under way one way before a sender is blocked

// One address: at most one hub listens there at a time, and any number of spokes dial it.
// Threads:  loop-confined.
// Lifetime: loop and random outlive it and its links; links may outlive it.
// Errors:   a second hub's Start is kAlreadyExists.
class MemoryAddress {
 public:
  MemoryAddress(runtime::EventLoop& loop, base::Random& random);
  ~MemoryAddress();
  MemoryAddress(const MemoryAddress&) = delete;
  MemoryAddress& operator=(const MemoryAddress&) = delete;

  // Destroying the hub breaks its connections; its spokes dial on until there is another.
  std::unique_ptr<HubLink> NewHub();
  // `name` is for the troubles below; one spoke for each name at a time.
  std::unique_ptr<SpokeLink> NewSpoke(std::string name);

  // The connection of that spoke breaks: both sides hear of it, and the spoke dials afresh.
  void Break(absl::string_view spoke);
  // While not reachable its connection is broken and its dials fail.
  void SetReachable(absl::string_view spoke, bool reachable);
  // While not reading it hears nothing; what is sent to it piles up and then blocks the hub.
  void SetReading(absl::string_view spoke, bool reading);
  // While silent every message of its connection is lost, both ways, and nobody is told: a
  // half-open connection.
  void SetSilent(absl::string_view spoke, bool silent);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace bitrepo::bus
