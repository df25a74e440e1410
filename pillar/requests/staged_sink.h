// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a file that comes in go: into a staged file, digested on the way, sealed when
// the sender commits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "channel/sink.h"
#include "pillar/requests/digest_wish.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/work_line.h"
#include "pillar/store/file_store.h"

namespace bitrepo::requests {

// A file whose sender has said that this is all.
struct SealedFile {
  absl::Status status;                            // why it could not be sealed
  std::unique_ptr<store::StagedFile> staged;      // with status OK
  std::optional<store::StagedFile::Facts> facts;  // of the bytes that are here; with status OK
  std::vector<wire::Digest> computed;             // what the wish has to compute
  uint64_t committed_size_bytes = 0;              // what the sender vouches for
  std::optional<base::Digest> committed_sha256;
  absl::AnyInvocable<void(wire::ResponseInfo)> done;  // tells the sender; exactly once
};

// Threads:  called on the channel's loop; the staged file is only touched on workers: one piece of
//           work writes, one digests.
// Lifetime: held by the channel until the grant ends; workers and clock outlive the work given
//           away.
class StagedSink final : public channel::Sink {
 public:
  // `size_bytes` as announced. What `wish` has to compute is made in the same pass as SHA-256.
  // `digest_only`: no bytes come, the facts are those that the sender vouches for. `sealed` is
  // called on a worker (or, when no worker takes it, on the channel's loop), once for each Commit.
  StagedSink(std::unique_ptr<store::StagedFile> staged, std::optional<uint64_t> size_bytes,
             const DigestWish& wish, bool digest_only, runtime::WorkerPool& workers,
             const base::Clock& clock, std::shared_ptr<Gauge> gauge,
             absl::AnyInvocable<void(SealedFile)> sealed);
  ~StagedSink() override;

  base::RangeSet held() const override { return held_; }
  bool takes_any_order() const override { return true; }
  // Lets go of the staged file, which is kept or removed by that; what comes later is refused.
  // `released` on any thread, when it has happened.
  void Release(absl::AnyInvocable<void()> released);
  // The sender has said that this is all, and the file is being sealed. Any thread.
  bool sealing() const;

  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override;
  // The grant may be opened again; what ends the request is the end of its
  // grant.
  void Aborted(const absl::Status& why) override;

 private:
  struct Shared;
  const bool side_by_side_;  // whether it is large
  const base::RangeSet held_;
  base::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // the staged file is let go of
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<WorkLine> line_;         // writes, and seals
  std::shared_ptr<WorkLine> digest_line_;  // digests meanwhile
};

}  // namespace bitrepo::requests
