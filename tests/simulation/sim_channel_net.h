// SPDX-License-Identifier: Apache-2.0
// The simulated data network: connections between processes as links, with delays, cuts and flipped
// bits drawn from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "channel/link.h"
#include "tests/simulation/sim_scheduler.h"

namespace bitrepo::simulation {

// Probabilities are per frame, 0 to 1.
struct ChannelTrouble {
  double cut = 0;   // the connection dies instead of delivering
  double flip = 0;  // one bit of the payload changes on the way
  absl::Duration delay_least = absl::Microseconds(100);
  absl::Duration delay_most = absl::Milliseconds(2);
};

class SimChannelLink;

// Addresses by name. Frames of one connection stay in order. Loop-confined. Outlives its links.
class SimChannelNet {
 public:
  SimChannelNet(SimScheduler& scheduler, base::Random& random)
      : scheduler_(scheduler), random_(random) {}
  // A link of one simulated process; `endpoint` empty: it only dials. Destroyed with the process,
  // which cuts its connections.
  std::unique_ptr<channel::Link> NewLink(std::string endpoint);
  void SetTrouble(const ChannelTrouble& trouble) { trouble_ = trouble; }
  void SetPartitioned(bool partitioned) { partitioned_ = partitioned; }

 private:
  friend class SimChannelLink;
  // One end of a connection: its owner, and the number of the other end.
  struct End {
    uint64_t owner = 0;
    uint64_t other = 0;
    absl::Time last_arrival;  // at this end: keeps frames in order
    bool announced = false;   // OnAccepted has been called, at the accepting end
    bool accepting = false;
  };
  void Dialled(uint64_t dialling, const std::string& endpoint);
  void Arrive(uint64_t to, channel::LinkFrame frame);
  void Break(uint64_t end, const absl::Status& why);  // both ends hear of it
  absl::Duration Delay();
  bool Chance(double probability);

  SimScheduler& scheduler_;
  base::Random& random_;
  ChannelTrouble trouble_;
  bool partitioned_ = false;
  uint64_t next_number_ = 1;
  std::map<uint64_t, SimChannelLink*> links_;  // by link number
  std::map<std::string, uint64_t> listening_;  // endpoint -> link number
  std::map<uint64_t, End> ends_;               // by connection number
};

}  // namespace bitrepo::simulation
