// SPDX-License-Identifier: Apache-2.0
// The host of one pillar: hears requests on the bus, does each once, and answers with exactly one
// final.
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "bus/link.h"
#include "channel/channel.h"
#include "channel/transfer/token.h"
#include "pillar/pillar_options.h"
#include "pillar/store/file_store.h"
#include "pillar/store/slow_store.h"

namespace bitrepo::pillar {

// Everything it stands on. All seams: the same host runs in a daemon and in one simulated thread.
struct PillarParts {
  runtime::EventLoop& loop;              // all protocol state lives on it
  std::unique_ptr<bus::SpokeLink> link;  // not yet started
  channel::Channel& channel;             // started before Pillar::Start; its own loop or the same
  transfer::TokenMint& mint;             // the one the channel verifies with
  store::FileStore& store;
  runtime::WorkerPool& workers;
  base::Random& random;
  store::SlowStore* slow = nullptr;  // the store again, where it stands on slow media
};

// What its program is told; on the loop.
struct PillarEvents {
  absl::AnyInvocable<void()> on_ready;  // each time the coordinator has welcomed it
  absl::AnyInvocable<void(absl::Status)>
      on_refused;  // the broker will not have it; it stays off the bus
};

// Threads:  loop-confined.
// Lifetime: all parts outlive it; work that it has given to the workers may end after it, so store,
//           loop and channel
//           outlive the workers too. Dying without Stop is what a crash looks like: nothing more is
//           said.
// Errors:   what goes wrong for one request is its final; what goes wrong for the pillar is in its
//           status and alarms.
class Pillar {
 public:
  Pillar(PillarOptions options, PillarParts parts);
  ~Pillar();

  // Joins the bus. Requires: called once.
  absl::Status Start(PillarEvents events = {});
  // Takes no new requests, lets those under way end for at most options.grace, then leaves the bus
  // and calls `done` on
  // the loop. Gets that are cut short are answered GONE; puts are left to be repeated after the
  // next start.
  void Stop(absl::AnyInvocable<void()> done);

  size_t requests_under_way() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bitrepo::pillar
