// SPDX-License-Identifier: Apache-2.0
// The coordinator: the broker on its loop and its link, with its log, its watch stream and what it
// has seen.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "bus/link.h"
#include "bus/watch_stream.h"
#include "coordinator/broker/bus_broker.h"
#include "coordinator/coordinator_options.h"
#include "coordinator/watch/bus_observer.h"

namespace bitrepo::coordinator {

// Threads:  loop-confined.
// Lifetime: loop, link, watch and random outlive it; the loop is not run any more once it is
// destroyed, unless the
//           link is gone by then.
// Errors:   Start passes on why the link cannot listen.
class Coordinator final : public bus::HubLink::Handler {
 public:
  // `watch` may be null: then nobody watches.
  Coordinator(CoordinatorOptions options, runtime::EventLoop& loop, bus::HubLink& link,
              bus::WatchPublisher* watch, base::Random& random);
  ~Coordinator() override;

  absl::Status Start();
  // Nothing is passed on afterwards.
  void Stop();
  const broker::BusBroker& broker() const { return broker_; }
  const watch::BusObserver& observer() const { return observer_; }

 private:
  void OnFrames(bus::PeerNumber peer, bus::Frames frames) override;
  void OnPeerLost(bus::PeerNumber peer) override;
  // Does what the broker wants done, and sets the timer anew.
  void CarryOut(broker::BrokerOutbox out);
  void Send(broker::BrokerOutbox& out, broker::BrokerOutbox& next);
  // Of what the broker's outbox says, what the observer is to see.
  void Observe(broker::BrokerOutbox& out);
  void Answer(const protocol::Envelope& question, broker::BrokerOutbox& next);
  broker::HostFacts Facts() const;
  void SetTimer();

  runtime::EventLoop& loop_;
  bus::HubLink& link_;
  bus::WatchPublisher* const watch_;
  const std::string run_;
  broker::BusBroker broker_;
  watch::BusObserver observer_;
  bool running_ = false;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  absl::Time timer_at_ = absl::InfiniteFuture();
};

}  // namespace bitrepo::coordinator
