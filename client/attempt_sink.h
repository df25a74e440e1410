// SPDX-License-Identifier: Apache-2.0
// One fetch of a get: passes bytes on to the caller's sink and keeps what of the file is written,
// over all fetches.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/mutex.h"
#include "base/range_set.h"
#include "channel/sink.h"

namespace bitrepo::client {

// The place for the bytes of one get and what of it is written. Thread-safe.
class FetchTarget {
 public:
  // `digest`: of the whole file, where `range` is the whole file. What the sink holds already is not
  // owed.
  FetchTarget(std::shared_ptr<channel::Sink> sink, base::ByteRange range,
              std::optional<base::Digest> digest);

  const base::ByteRange& range() const { return range_; }
  base::RangeSet Owed() const;
  uint64_t written_bytes() const;
  absl::Status trouble() const;  // of the sink: what could not be written
  bool committed() const;
  // No fetch follows: the sink is told.
  void Abandon(const absl::Status& why);

 private:
  friend class AttemptSink;
  const std::shared_ptr<channel::Sink> sink_;
  const base::ByteRange range_;
  const std::optional<base::Digest> digest_;
  mutable base::Mutex mutex_;
  base::RangeSet written_ ABSL_GUARDED_BY(mutex_);
  absl::Status trouble_ ABSL_GUARDED_BY(mutex_);
  bool committed_ ABSL_GUARDED_BY(mutex_) = false;
};

// Threads: as Sink; WhenIdle is thread-safe.
class AttemptSink final : public channel::Sink {
 public:
  // Called with what the sink said when it would not commit because the bytes are wrong; the peer
  // is told when `go_on` is called.
  using OnMismatch = std::function<void(wire::ResponseInfo why, absl::AnyInvocable<void()> go_on)>;
  AttemptSink(std::shared_ptr<FetchTarget> target, OnMismatch on_mismatch);

  bool takes_any_order() const override;
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override;
  void Aborted(const absl::Status& why) override;

  // Runs `then` when no call to the sink is under way: at once, or on the thread that ends the
  // last.
  void WhenIdle(absl::AnyInvocable<void()> then);

 private:
  // The calls under way; held by their callbacks, so that the attempt itself may die first.
  struct Calls {
    base::Mutex mutex;
    size_t count ABSL_GUARDED_BY(mutex) = 0;
    absl::AnyInvocable<void()> then ABSL_GUARDED_BY(mutex);
    void Begin();
    void End();
  };
  const std::shared_ptr<FetchTarget> target_;
  const OnMismatch on_mismatch_;
  const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

}  // namespace bitrepo::client
