// SPDX-License-Identifier: Apache-2.0
// The bytes of a file that this pillar gets by itself, by a token of another component.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "channel/sink.h"
#include "pillar/requests/request_handler.h"
#include "pillar/requests/transfer_watch.h"
#include "proto/channel.pb.h"

namespace bitrepo::requests {

inline constexpr uint32_t kSourceFetchesMax = 16;  // under way at once in one pillar

// A token of another, and what it grants; of that nothing is proved but what the bytes will prove.
struct SourceToken {
  // kInvalidArgument: it does not grant a whole file of this size that has a SHA-256.
  static absl::StatusOr<SourceToken> Read(absl::string_view text, uint64_t size_bytes);

  std::string text;
  std::string issuer;
  uint64_t size_bytes = 0;
  base::Digest sha256;
};

// Fetches what `sink` does not hold, and asks it to commit to what the token says; a cut connection
// is dialled again, at no other place than the token names. Ends when it dies. Threads:
// loop-confined. Lifetime: `parts` outlives it.
class SourceFetch final : public TransferWatch {
 public:
  // `ended` comes on the loop, once, not after this died. kUnavailable, whose text names the
  // source: it could not be reached or ended the transfer; else what the sink said. `digest_only`:
  // no byte is fetched, the token's word is taken. `background`: its bytes yield to all others.
  SourceFetch(RequestParts& parts, SourceToken token, bool digest_only, bool background,
              std::shared_ptr<channel::Sink> sink, Ended ended);
  ~SourceFetch() override;

  void Revoke(absl::Status why) override;

 private:
  class WholeSink;
  RequestParts& parts_;
  channel::TransferId transfer_ = channel::TransferId::kNone;
};

}  // namespace bitrepo::requests
