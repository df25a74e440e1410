// SPDX-License-Identifier: Apache-2.0
// One fetch of a get: passes bytes on to the caller's sink and keeps what of the file is written,
// over all fetches.
#pragma once

#include <atomic>
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
  // `digest`: of the whole file, where `range` is the whole file. What the sink holds already is
  // not owed.
  FetchTarget(std::shared_ptr<channel::Sink> sink, base::ByteRange range,
              std::optional<base::Digest> digest);

  const base::ByteRange& range() const { return range_; }
  base::RangeSet Owed() const;
  uint64_t written_bytes() const;
  absl::Status trouble() const;  // of the sink: what could not be written
  bool takes_any_order() const { return sink_->takes_any_order(); }
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
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;  // the sink is asked to, once
  bool committed_ ABSL_GUARDED_BY(mutex_) = false;
};

// A fetch that has brought its share has done what it was to do: its peer is told so, and the sink
// is asked to commit when nothing is owed any more, by whoever came last. Threads: as Sink;
// WhenIdle and written_bytes are thread-safe.
class AttemptSink final : public channel::Sink {
 public:
  // Called with what the sink said when it would not commit because the bytes are wrong; the peer
  // is told what `answer` is called with.
  using OnMismatch = std::function<void(wire::ResponseInfo why,
                                        absl::AnyInvocable<void(wire::ResponseInfo)> answer)>;
  // `share`: what this fetch is to bring.
  AttemptSink(std::shared_ptr<FetchTarget> target, base::RangeSet share, OnMismatch on_mismatch);

  uint64_t written_bytes() const { return calls_->written_bytes.load(std::memory_order_relaxed); }

  // What of its target is written: a fetch of all that is owed needs no ranges.
  base::RangeSet held() const override;
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
  // What to tell the peer where the whole is not to be committed now.
  std::optional<wire::ResponseInfo> AnswerForShare();

  // The calls under way; held by their callbacks, so that the attempt itself may die first.
  struct Calls {
    base::Mutex mutex;
    size_t count ABSL_GUARDED_BY(mutex) = 0;
    absl::AnyInvocable<void()> then ABSL_GUARDED_BY(mutex);
    std::atomic<uint64_t> written_bytes{0};
    void Begin();
    void End();
  };
  const std::shared_ptr<FetchTarget> target_;
  const base::RangeSet share_;
  const OnMismatch on_mismatch_;
  const std::shared_ptr<Calls> calls_ = std::make_shared<Calls>();
};

}  // namespace bitrepo::client
