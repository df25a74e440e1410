// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a transfer come from: a local file at a client, a stored generation at a
// pillar.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/checksum.h"

namespace bitrepo::channel {

// What the sender of a store vouches for, at its end.
struct CommitFacts {
  uint64_t size_bytes = 0;
  base::Digest sha256;
};

// Threads:  called on the channel's loop; `done` may be run on any thread, exactly once, also after
// Finished. Lifetime: held by shared_ptr until the transfer has ended.
class Source {
 public:
  virtual ~Source() = default;
  // Size of the whole file.
  virtual uint64_t size_bytes() const = 0;
  // The bytes of `range`, verified where a record of them exists. kDataLoss: damaged; kAborted: the
  // source changed.
  virtual void Read(base::ByteRange range,
                    absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) = 0;
  // A store only, when every byte has been sent, or without any of them where the digest alone is
  // wanted: size and digest, with the proof that the source did not change meanwhile.
  virtual void Facts(absl::AnyInvocable<void(absl::StatusOr<CommitFacts>)> done) = 0;
  // The transfer has ended; OK when the receiver has confirmed all (verified, durable there). The
  // last call.
  virtual void Finished(const absl::Status& how) = 0;
};

}  // namespace bitrepo::channel
