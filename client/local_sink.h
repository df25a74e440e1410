// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a get go on this machine: a file that appears whole and proved, or a stream in
// order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/runtime/scoped_fd.h"
#include "base/runtime/worker_pool.h"
#include "channel/sink.h"

namespace bitrepo::client {

// Takes bytes in order, hashes them on the way, and commits when the digest is right. Bytes that it
// has already are skipped, so that a get may go on at another pillar.
// Threads:  thread-safe; the work is done on a strand of the workers, which outlive it.
// Errors:   Commit answers DATA_LOSS when the bytes are wrong, FAILURE when they could not be kept.
class LocalSink : public channel::Sink, public std::enable_shared_from_this<LocalSink> {
 public:
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) final;
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) final;
  void Aborted(const absl::Status& why) final;

 protected:
  // `range`: of the file that comes. `expected`: a digest of the caller's for those bytes.
  LocalSink(runtime::WorkerPool& workers, base::ByteRange range,
            std::optional<base::Digest> expected);

  // On the strand.
  virtual absl::Status Append(std::span<const std::byte> bytes) = 0;
  virtual absl::Status Keep() = 0;  // all is there and proved
  virtual void Discard() = 0;       // what is there is not wanted

 private:
  absl::Status TakeInOrder(base::ByteRange range, const base::Buffer& bytes);
  wire::ResponseInfo Prove(uint64_t size_bytes, const std::optional<base::Digest>& sha256);

  runtime::WorkerPool& workers_;
  const runtime::StrandId strand_;
  const uint64_t begin_;
  const std::optional<base::Digest> expected_;
  // On the strand only.
  uint64_t taken_ = 0;  // bytes, from begin_
  base::Hasher sha256_{base::Algorithm::kSha256};
  std::optional<base::Hasher> other_;
  absl::Status trouble_;
};

// Writes NAME.part-TAG beside the file; at the end syncs, renames over NAME, syncs the directory.
// The part is removed when the sink ends otherwise.
class FileSink final : public LocalSink {
 public:
  // kNotFound, kPermissionDenied ... as open() says.
  static absl::StatusOr<std::shared_ptr<FileSink>> Create(const std::string& path,
                                                          const std::string& tag,
                                                          runtime::WorkerPool& workers,
                                                          base::ByteRange range,
                                                          std::optional<base::Digest> expected);
  ~FileSink() override;

 private:
  FileSink(std::string path, std::string part, runtime::ScopedFd file, runtime::WorkerPool& workers,
           base::ByteRange range, std::optional<base::Digest> expected);
  absl::Status Append(std::span<const std::byte> bytes) override;
  absl::Status Keep() override;
  void Discard() override;

  const std::string path_;
  const std::string part_;
  runtime::ScopedFd file_;
  uint64_t written_ = 0;
  uint64_t flushing_ = 0;  // write-back was started up to here
};

// Passes bytes on as they come, proved only at the end. kAborted "broken pipe" when nobody reads
// any more.
class StreamSink final : public LocalSink {
 public:
  // `descriptor` stays open and belongs to the caller.
  StreamSink(int descriptor, runtime::WorkerPool& workers, base::ByteRange range,
             std::optional<base::Digest> expected);

 private:
  absl::Status Append(std::span<const std::byte> bytes) override;
  absl::Status Keep() override { return absl::OkStatus(); }
  void Discard() override {}

  const int descriptor_;
};

}  // namespace bitrepo::client
