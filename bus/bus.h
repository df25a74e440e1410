// SPDX-License-Identifier: Apache-2.0
// A component's place on the bus: says HELLO, keeps the membership alive, publishes, and hears what
// is addressed to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "bus/link.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::bus {

// Frames that wait while the coordinator takes none; each message counts kOutboxMessageBytes more.
inline constexpr size_t kOutboxBytesMax = 16 * 1024 * 1024;
inline constexpr size_t kOutboxMessageBytes = 512;

struct Membership {
  std::string repository_id;
  wire::ComponentKind kind = wire::CLIENT;
  std::string principal;  // component id
  std::string session;    // a pillar's is its component id
  std::vector<std::string> collections;
  std::string program_version;
  std::string store_id;  // 16 bytes; a pillar's is its store's, a client's is made when it is empty
  uint64_t incarnation = 0;                                      // pillars
  wire::PillarKind pillar_kind = wire::PILLAR_KIND_UNSPECIFIED;  // pillars
};

// Threads:  loop-confined; the handler is called on the loop.
// Lifetime: loop, random and handler outlive it; it is not destroyed from inside a call to its
// handler. While there is no coordinator the link dials on; a coordinator silent for its gone_after
// is dialled afresh, one that is BUSY after a pause.
class Bus {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // HELLO was answered: from now on messages pass. Again after each loss of the coordinator.
    virtual void OnBusUp(const wire::Welcome& welcome) = 0;
    virtual void OnBusDown() = 0;
    // Valid by OpenEnvelope, and addressed to this component. Never a hub kind but ROUTED,
    // UNDELIVERED and REFUSED.
    virtual void OnEnvelope(protocol::Envelope envelope) = 0;
    // The broker will not have this component (CONFLICT: its id is taken by another store). It is
    // not dialled again. BUSY is no refusal.
    virtual void OnRefused(const wire::ResponseInfo& why) = 0;
    // Frames that are no valid envelope but whose header can be answered; drop what cannot.
    virtual void OnFault(const protocol::EnvelopeFault& fault) = 0;
  };
  Bus(Membership membership, runtime::EventLoop& loop, std::unique_ptr<SpokeLink> link,
      base::Random& random);
  ~Bus();
  // kInvalidArgument when the membership could not even be said.
  absl::Status Start(Handler& handler);
  // In order. While the coordinator takes none, messages wait. kUnavailable while down, and beyond
  // kOutboxBytesMax: conversations send again by themselves. What waits when the bus goes down is
  // lost with the connection.
  absl::Status Publish(const protocol::Envelope& envelope);
  // Goes with each heartbeat of a pillar.
  void SetLoad(wire::Load load);
  // Says BYE. No callbacks afterwards.
  void Stop();
  bool up() const;
  // What was heard and not passed to the handler, by cause.
  const std::map<std::string, uint64_t>& drop_counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::bus
