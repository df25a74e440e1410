// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/grant.h"

#include <algorithm>
#include <utility>

namespace bitrepo::requests {

wire::TokenBody TokenFor(const RequestParts& parts, const protocol::Envelope& request,
                         wire::TokenVerb verb) {
  wire::TokenBody token;
  token.set_token_id(base::TokenId::Make(parts.loop.clock().WallNow(), parts.random).ToBytes());
  token.set_conversation_id(request.header.conversation_id());
  token.set_issuer(parts.self);
  for (const std::string& endpoint : parts.data_endpoints) token.add_endpoints(endpoint);
  if (parts.data_endpoints.empty()) token.add_endpoints(parts.channel.endpoint());
  token.set_verb(verb);
  token.set_collection_id(request.header.collection_id());
  token.set_principal(request.header.from());
  return token;
}

// What the channel's loop may reach: it never sees the grant itself.
struct Grant::Shared {
  std::atomic<uint64_t> bytes_done{0};
  std::atomic<bool> stream_open{false};
  std::atomic<bool> paused{false};
  Ended ended;  // on the loop only; empty once it was called or the grant died
};

Grant::Grant(const RequestParts& parts, wire::TokenBody token, std::optional<uint64_t> bytes,
             Ended ended)
    : parts_(parts),
      token_(std::move(token)),
      shared_(std::make_shared<Shared>()),
      seen_bytes_(token_.held_bytes()),
      seen_at_(parts.loop.Now()),
      stream_seen_at_(seen_at_) {
  absl::Duration term = kTokenTermMax;
  if (bytes) {
    const uint64_t seconds =
        std::min<uint64_t>(*bytes / kSlowestBytesPerSecond,
                           static_cast<uint64_t>(absl::ToInt64Seconds(kTokenTermMax)));
    term = std::min(parts.transfer_idle + absl::Seconds(seconds), kTokenTermMax);
  }
  text_ = parts.mint.Seal(token_, parts.loop.Now() + term);
  shared_->ended = std::move(ended);
}

Grant::~Grant() {
  shared_->ended = nullptr;
  Revoke(absl::CancelledError("the request has ended"));
}

channel::TransferEvents Grant::Events() {
  channel::TransferEvents events;
  events.on_progress = [shared = shared_](uint64_t bytes_done) {
    shared->bytes_done.store(bytes_done, std::memory_order_relaxed);
  };
  events.on_stream = [shared = shared_](bool open) {
    shared->stream_open.store(open, std::memory_order_relaxed);
  };
  events.on_paused = [shared = shared_](bool paused) {
    shared->paused.store(paused, std::memory_order_relaxed);
  };
  events.on_end = [shared = shared_, loop = &parts_.loop](absl::Status how) {
    loop->Post([shared, how = std::move(how)] {
      if (shared->ended == nullptr) return;
      Ended ended = std::move(shared->ended);
      shared->ended = nullptr;
      ended(how);
    });
  };
  return events;
}

uint64_t Grant::bytes_done() const {
  return std::max(seen_bytes_, shared_->bytes_done.load(std::memory_order_relaxed));
}

absl::Duration Grant::StillFor(absl::Time now) {
  const uint64_t bytes = bytes_done();
  const bool moved = std::exchange(seen_bytes_, bytes) != bytes;
  waits_for_credit_ = !moved && shared_->paused.load(std::memory_order_relaxed);
  // Time in which the receiver wants nothing is nobody's fault.
  if (moved || waits_for_credit_) seen_at_ = now;
  return now - seen_at_;
}

absl::Duration Grant::WithoutStreamFor(absl::Time now) {
  if (shared_->stream_open.load(std::memory_order_relaxed)) stream_seen_at_ = now;
  return now - stream_seen_at_;
}

bool Grant::StoodStill(absl::Time now) { return StillFor(now) >= parts_.transfer_idle; }

void Grant::Revoke(absl::Status why) {
  if (revoked_) return;
  revoked_ = true;
  const auto id = base::TokenId::FromBytes(token_.token_id());
  if (id.ok()) parts_.channel.Revoke(*id, std::move(why));
}

}  // namespace bitrepo::requests
