// SPDX-License-Identifier: Apache-2.0
// The simulated bus: a hub and its spokes as links, with loss, duplication, reordering and cuts
// drawn from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "bus/link.h"
#include "tests/simulation/sim_scheduler.h"

namespace bitrepo::simulation {

// Probabilities are per message, 0 to 1.
struct BusTrouble {
  double loss = 0;
  double duplication = 0;
  double reordering = 0;  // this one takes up to ten times the usual delay
  absl::Duration delay_least = absl::Microseconds(100);
  absl::Duration delay_most = absl::Milliseconds(2);
};

class SimHubLink;
class SimSpokeLink;

// One address where at most one hub listens; spokes dial it. Loop-confined. Outlives its links.
class SimBusNet {
 public:
  SimBusNet(SimScheduler& scheduler, base::Random& random)
      : scheduler_(scheduler), random_(random) {}
  // Links of one simulated process; destroyed with it, which cuts its connections.
  std::unique_ptr<bus::HubLink> NewHub();
  std::unique_ptr<bus::SpokeLink> NewSpoke();

  void SetTrouble(const BusTrouble& trouble) { trouble_ = trouble; }
  // While set no new connection comes about and every message is lost.
  void SetPartitioned(bool partitioned) { partitioned_ = partitioned; }
  void CutAll();

 private:
  friend class SimHubLink;
  friend class SimSpokeLink;
  // How often, and when, a message sent now arrives.
  void Deliver(const std::function<void()>& arrive);
  void Dial(uint64_t spoke);
  void Disconnect(uint64_t peer);

  SimScheduler& scheduler_;
  base::Random& random_;
  BusTrouble trouble_;
  bool partitioned_ = false;
  uint64_t next_number_ = 1;
  SimHubLink* hub_ = nullptr;
  std::map<uint64_t, SimSpokeLink*> spokes_;    // by spoke number
  std::map<uint64_t, uint64_t> spoke_of_peer_;  // connected: peer number -> spoke number
};

}  // namespace bitrepo::simulation
