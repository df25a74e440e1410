// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a transfer go: staging at a pillar, a local file or memory at a client.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/range_set.h"
#include "proto/types.pb.h"

namespace bitrepo::channel {

// Threads:  called on the channel's loop; `done` may be run on any thread, exactly once.
// Lifetime: held by shared_ptr until the transfer has ended.
class Sink {
 public:
  virtual ~Sink() = default;
  // What it has already when the transfer begins, within what the token grants: these bytes need
  // not come, and count as written; a few of them may come all the same. Asked once, before the
  // first Write; not asked where a fetch is given its ranges.
  virtual base::RangeSet held() const { return {}; }
  // True where segments may be written in any order; else they come by rising offset, and a fetch
  // is from one source.
  virtual bool takes_any_order() const { return false; }
  // One segment whose check was right. `done` when it is written (not synced): credit follows it,
  // so a slow disk holds the sender. Segments of one stream come in the order sent, at most a
  // window of them at once.
  virtual void Write(base::ByteRange range, base::Buffer bytes,
                     absl::AnyInvocable<void(absl::Status)> done) = 0;
  // Every byte has come and was written; or the token takes the digest alone, and none came. A
  // store: size and SHA-256 as the sender committed to them; a fetch: size of what was asked for
  // and, for a whole file, the digest in the token. `done` says what the peer is told;
  // OPERATION_COMPLETED only when all is verified (and, at a pillar, durable and recorded).
  virtual void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                      absl::AnyInvocable<void(wire::ResponseInfo)> done) = 0;
  // The transfer has ended before Commit was answered. The last call then.
  virtual void Aborted(const absl::Status& why) = 0;
};

}  // namespace bitrepo::channel
