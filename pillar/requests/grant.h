// SPDX-License-Identifier: Apache-2.0
// A token granted for one request, and what the channel has told of its transfer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "channel/channel.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// A token is good for as long as its bytes need at this rate, beyond the idle time; a shorter end
// comes by revoking it.
inline constexpr uint64_t kSlowestBytesPerSecond = 256 * 1024;
inline constexpr absl::Duration kTokenTermMax = absl::Hours(7 * 24);

// Fills in what all tokens say: id, conversation, issuer, endpoints, collection.
wire::TokenBody TokenFor(const RequestParts& parts, const protocol::Envelope& request,
                         wire::TokenVerb verb);

// How the transfer under one token goes. Ends the grant when it dies.
// Threads:  loop-confined; the channel's loop tells through atomics and posted calls.
// Lifetime: channel and loop outlive it.
class Grant {
 public:
  // `ended` comes on the loop, once, not after this died.
  using Ended = absl::AnyInvocable<void(absl::Status)>;

  // Seals `token` for `bytes` (absent: unknown) and makes the events to grant it with.
  Grant(const RequestParts& parts, wire::TokenBody token, std::optional<uint64_t> bytes,
        Ended ended);
  ~Grant();
  Grant(const Grant&) = delete;
  Grant& operator=(const Grant&) = delete;

  const wire::TokenBody& token() const { return token_; }
  const std::string& text() const { return text_; }
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
  void Revoke(absl::Status why);

 private:
  struct Shared;
  const RequestParts& parts_;
  wire::TokenBody token_;
  std::string text_;
  std::shared_ptr<Shared> shared_;
  uint64_t seen_bytes_ = 0;
  absl::Time seen_at_;
  absl::Time stream_seen_at_;
  bool waits_for_credit_ = false;
  bool revoked_ = false;
};

}  // namespace bitrepo::requests
