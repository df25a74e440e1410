// SPDX-License-Identifier: Apache-2.0
#include "client/attempt_sink.h"

#include <optional>
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

AttemptSink::AttemptSink(std::shared_ptr<FetchTarget> target, base::RangeSet share,
                         OnMismatch on_mismatch)
    : target_(std::move(target)), share_(std::move(share)), on_mismatch_(std::move(on_mismatch)) {}

base::RangeSet AttemptSink::held() const {
  base::MutexLock lock(target_->mutex_);
  return target_->written_;
}

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
                              calls->written_bytes.fetch_add(range.length(),
                                                             std::memory_order_relaxed);
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
  if (std::optional<wire::ResponseInfo> answer = AnswerForShare()) {
    done(*std::move(answer));
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
          on_mismatch(std::move(response), std::move(done));
        } else {
          done(std::move(response));
        }
        calls->End();
      });
}

std::optional<wire::ResponseInfo> AttemptSink::AnswerForShare() {
  wire::ResponseInfo answer;
  base::MutexLock lock(target_->mutex_);
  for (const base::ByteRange& range : share_.ranges()) {
    if (target_->written_.Contains(range)) continue;
    answer.set_code(wire::FILE_TRANSFER_FAILURE);
    answer.set_text(absl::StrCat("not all of ", range.ToString(), " has come"));
    return answer;
  }
  if (!target_->committing_ && target_->written_.Missing(target_->range_).empty()) {
    target_->committing_ = true;
    return std::nullopt;
  }
  answer.set_code(wire::OPERATION_COMPLETED);
  return answer;
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
