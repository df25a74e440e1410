// SPDX-License-Identifier: Apache-2.0
// A relay on the bus: stands between components and the coordinator, and can act at a chosen
// message before it is passed on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/context.h"
#include "bus/link.h"
#include "bus/zmq_hub_link.h"
#include "bus/zmq_spoke_link.h"
#include "proto/envelope.pb.h"

namespace bitrepo::system_test {

// Passes frames both ways, one connection to the coordinator for each that is dialled here; when
// the one ends, so does the other. Threads: runs on a thread of its own from the constructor to the
// destructor; the hook is called there.
class BusRelay {
 public:
  // Sees each message from a component before it is passed on. True: drop it.
  using Hook = std::function<bool(const wire::Header& header)>;

  BusRelay(std::string coordinator_endpoint, Hook hook);
  ~BusRelay();
  const std::string& endpoint() const { return endpoint_; }

 private:
  class Route;
  class Front;

  std::string coordinator_endpoint_;
  Hook hook_;
  base::SystemRandom random_;
  zeromq::Context context_{1, 64};
  runtime::SystemEventLoop loop_;
  std::map<bus::PeerNumber, std::unique_ptr<Route>> routes_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<bus::ZmqHubLink> hub_;
  std::string endpoint_;
  std::thread thread_;
};

}  // namespace bitrepo::system_test
