// SPDX-License-Identifier: Apache-2.0
// A token granted for one request, and what the channel has told of its transfer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "pillar/requests/request_handler.h"
#include "pillar/requests/transfer_watch.h"

namespace bitrepo::requests {

// A token is good for as long as its bytes need at this rate, beyond the idle time; a shorter end
// comes by revoking it.
inline constexpr uint64_t kSlowestBytesPerSecond = 256 * 1024;
inline constexpr absl::Duration kTokenTermMax = absl::Hours(7 * 24);

// Fills in what all tokens say: id, conversation, issuer, endpoints, collection.
wire::TokenBody TokenFor(const RequestParts& parts, const protocol::Envelope& request,
                         wire::TokenVerb verb);

// How the transfer under one token goes. Ends the grant when it dies.
// Threads and lifetime: see TransferWatch.
class Grant final : public TransferWatch {
 public:
  // Seals `token` for `bytes` (absent: unknown); the events to grant it with are made by Events().
  Grant(const RequestParts& parts, wire::TokenBody token, std::optional<uint64_t> bytes,
        Ended ended);
  ~Grant() override;

  const wire::TokenBody& token() const { return token_; }
  const std::string& text() const { return text_; }
  void Revoke(absl::Status why) override;

 private:
  const RequestParts& parts_;
  wire::TokenBody token_;
  std::string text_;
  bool revoked_ = false;
};

}  // namespace bitrepo::requests
