// SPDX-License-Identifier: Apache-2.0
#include "client/attempt_sink.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bitrepo::client {

FetchTarget::FetchTarget(std::shared_ptr<channel::Sink> sink, base::ByteRange range,
                         std::optional<base::Digest> digest)
    : sink_(std::move(sink)), range_(range), digest_(std::move(digest)) {
  base::MutexLock lock(mutex_);
  for (const base::ByteRange& held : sink_->held().ranges()) {
    if (const base::ByteRange within = held.Intersect(range_); !within.empty()) {
      written_.Add(within);
    }
  }
}

base::RangeSet FetchTarget::Owed() const {
  base::MutexLock lock(mutex_);
  return written_.Missing(range_);
}

uint64_t FetchTarget::written_bytes() const {
  base::MutexLock lock(mutex_);
  return written_.bytes();
}

absl::Status FetchTarget::trouble() const {
  base::MutexLock lock(mutex_);
  return trouble_;
}

bool FetchTarget::committed() const {
  base::MutexLock lock(mutex_);
  return committed_;
}

void FetchTarget::Abandon(const absl::Status& why) { sink_->Aborted(why); }

void AttemptSink::Calls::Begin() {
  base::MutexLock lock(mutex);
  ++count;
}

void AttemptSink::Calls::End() {
  absl::AnyInvocable<void()> now;
  {
    base::MutexLock lock(mutex);
    if (--count == 0) now = std::exchange(then, nullptr);
  }
  if (now) now();
}

AttemptSink::AttemptSink(std::shared_ptr<FetchTarget> target, OnMismatch on_mismatch)
    : target_(std::move(target)), on_mismatch_(std::move(on_mismatch)) {}

bool AttemptSink::takes_any_order() const { return target_->sink_->takes_any_order(); }

void AttemptSink::Write(base::ByteRange range, base::Buffer bytes,
                        absl::AnyInvocable<void(absl::Status)> done) {
  calls_->Begin();
  target_->sink_->Write(range, std::move(bytes),
                        [target = target_, calls = calls_, range,
                         done = std::move(done)](absl::Status written) mutable {
                          {
                            base::MutexLock lock(target->mutex_);
                            if (written.ok()) {
                              target->written_.Add(range);
                            } else {
                              target->trouble_.Update(written);
                            }
                          }
                          done(std::move(written));
                          calls->End();
                        });
}

void AttemptSink::Commit(uint64_t /*size_bytes*/, std::optional<base::Digest> /*sha256*/,
                         absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  if (const base::RangeSet owed = target_->Owed(); !owed.empty()) {
    wire::ResponseInfo incomplete;
    incomplete.set_code(wire::FILE_TRANSFER_FAILURE);
    incomplete.set_text(absl::StrCat("not all bytes have come: ", owed.ToString(), " are owed"));
    done(std::move(incomplete));
    return;
  }
  calls_->Begin();
  target_->sink_->Commit(
      target_->range_.length(), target_->digest_,
      [target = target_, calls = calls_, on_mismatch = on_mismatch_,
       done = std::move(done)](wire::ResponseInfo response) mutable {
        const bool mismatch = response.code() == wire::DATA_LOSS;
        {
          base::MutexLock lock(target->mutex_);
          if (response.code() == wire::OPERATION_COMPLETED) {
            target->committed_ = true;
          } else if (!mismatch) {
            target->trouble_.Update(absl::InternalError(std::string(response.text())));
          }
        }
        if (mismatch) {
          wire::ResponseInfo why = response;
          on_mismatch(std::move(why),
                      [done = std::move(done), response = std::move(response)]() mutable {
                        done(std::move(response));
                      });
        } else {
          done(std::move(response));
        }
        calls->End();
      });
}

void AttemptSink::Aborted(const absl::Status& /*why*/) {}  // the next attempt may go on

void AttemptSink::WhenIdle(absl::AnyInvocable<void()> then) {
  {
    base::MutexLock lock(calls_->mutex);
    if (calls_->count > 0) {
      calls_->then = std::move(then);
      return;
    }
  }
  then();
}

}  // namespace bitrepo::client
