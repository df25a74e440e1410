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

Grant::Grant(const RequestParts& parts, wire::TokenBody token, std::optional<uint64_t> bytes,
             Ended ended)
    : TransferWatch(parts, token.held_bytes(), std::move(ended)),
      parts_(parts),
      token_(std::move(token)) {
  absl::Duration term = kTokenTermMax;
  if (bytes) {
    const uint64_t seconds =
        std::min<uint64_t>(*bytes / kSlowestBytesPerSecond,
                           static_cast<uint64_t>(absl::ToInt64Seconds(kTokenTermMax)));
    term = std::min(parts.transfer_idle + absl::Seconds(seconds), kTokenTermMax);
  }
  text_ = parts.mint.Seal(token_, parts.loop.Now() + term);
}

Grant::~Grant() { Revoke(absl::CancelledError("the request has ended")); }

void Grant::Revoke(absl::Status why) {
  if (revoked_) return;
  revoked_ = true;
  const auto id = base::TokenId::FromBytes(token_.token_id());
  if (id.ok()) parts_.channel.Revoke(*id, std::move(why));
}

}  // namespace bitrepo::requests
