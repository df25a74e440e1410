// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a get go that are passed on as they come: a pipe, a terminal, a device.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/runtime/worker_pool.h"
#include "channel/sink.h"
#include "client/digest_proof.h"

namespace bitrepo::client {

// Takes bytes in order and proves them only at the end. Bytes that it has passed on already are
// skipped, so that a get may go on at another pillar.
// Threads:  thread-safe; the work is done on a strand of the workers, which outlive it.
// Errors:   Write is kAborted "broken pipe" when nobody reads any more. Commit answers DATA_LOSS
//           when the bytes were wrong, FAILURE when they could not be passed on.
class StreamSink final : public channel::Sink, public std::enable_shared_from_this<StreamSink> {
 public:
  // `descriptor` stays open and belongs to the caller. `range`: of the file that comes. `given`: a
  // digest of the caller's for those bytes.
  StreamSink(int descriptor, runtime::WorkerPool& workers, base::ByteRange range,
             std::optional<base::Digest> given);

  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override;
  void Aborted(const absl::Status& why) override;

 private:
  absl::Status PassOn(base::ByteRange range, const base::Buffer& bytes);
  wire::ResponseInfo Judge(uint64_t size_bytes, const std::optional<base::Digest>& sha256);

  const int descriptor_;
  runtime::WorkerPool& workers_;
  const runtime::StrandId strand_;
  const uint64_t begin_;
  // On the strand only.
  uint64_t passed_ = 0;  // bytes, from begin_
  DigestProof proof_;
  absl::Status trouble_;
};

}  // namespace bitrepo::client
