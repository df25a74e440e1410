// SPDX-License-Identifier: Apache-2.0
// What the channel has told of one transfer that a request stands on, whoever dialled.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "channel/channel.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Threads:  loop-confined; the channel's loop tells through atomics and posted calls.
// Lifetime: channel and loop outlive it.
class TransferWatch {
 public:
  // `ended` comes on the loop, once, not after this died.
  using Ended = absl::AnyInvocable<void(absl::Status)>;

  // `held_bytes`: that came before it.
  TransferWatch(const RequestParts& parts, uint64_t held_bytes, Ended ended);
  virtual ~TransferWatch();
  TransferWatch(const TransferWatch&) = delete;
  TransferWatch& operator=(const TransferWatch&) = delete;

  // Ends the transfer.
  virtual void Revoke(absl::Status why) = 0;
  // To be given to the channel with it.
  channel::TransferEvents Events();
  // Bytes that have gone through; never falls.
  uint64_t bytes_done() const;
  // How long nothing has moved, though it could. Call now and then: it remembers when it last saw
  // bytes move.
  absl::Duration StillFor(absl::Time now);
  // How long no stream of it has been open. Call now and then, as StillFor.
  absl::Duration WithoutStreamFor(absl::Time now);
  // As of the last StillFor: nothing has moved, for the receiver grants no credit.
  bool waits_for_credit() const { return waits_for_credit_; }
  // True when nothing has moved for the idle time.
  bool StoodStill(absl::Time now);

 protected:
  // Of one that this side has dialled: who is to bring the bytes is known to be there.
  void HoldStreamOpen();

 private:
  struct Shared;
  runtime::EventLoop& loop_;
  const absl::Duration idle_;
  std::shared_ptr<Shared> shared_;
  uint64_t seen_bytes_;
  absl::Time seen_at_;
  absl::Time stream_seen_at_;
  bool waits_for_credit_ = false;
};

}  // namespace bitrepo::requests
