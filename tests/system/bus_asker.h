// SPDX-License-Identifier: Apache-2.0
// A bare client of the bus: asks the coordinator, and waits for the final.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/context.h"
#include "bus/bus.h"

namespace bitrepo::system_test {

// Of the repository "rig". Loop-confined; its loop runs only while it waits.
class BusAsker final : public bus::Bus::Handler {
 public:
  explicit BusAsker(const std::string& endpoint);
  ~BusAsker() override;

  // The body of the final; an empty one, and a failure of the test, when none comes.
  wire::Body Ask(wire::Operation operation, wire::Body body);

 private:
  void OnBusUp(const wire::Welcome& /*welcome*/) override {}
  void OnBusDown() override {}
  void OnEnvelope(protocol::Envelope envelope) override;
  void OnRefused(const wire::ResponseInfo& why) override;
  void OnFault(const protocol::EnvelopeFault& fault) override;

  base::SystemRandom random_;
  zeromq::Context context_;
  runtime::SystemEventLoop loop_;
  std::unique_ptr<bus::Bus> bus_;
  std::string asked_;  // message id
  std::optional<wire::Body> final_;
};

}  // namespace bitrepo::system_test
