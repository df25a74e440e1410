// SPDX-License-Identifier: Apache-2.0
#include "client/stream_sink.h"

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

absl::Status WriteAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) return absl::AbortedError("broken pipe");
      return base::ErrnoStatus(errno, "the output");
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

StreamSink::StreamSink(int descriptor, runtime::WorkerPool& workers, base::ByteRange range,
                       std::optional<base::Digest> given)
    : descriptor_(descriptor),
      workers_(workers),
      strand_(workers.NewStrand()),
      begin_(range.offset()),
      proof_(std::move(given)) {}

void StreamSink::Write(base::ByteRange range, base::Buffer bytes,
                       absl::AnyInvocable<void(absl::Status)> done) {
  auto reply = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  absl::Status taken =
      workers_.Submit(runtime::Lane::kWrite, strand_,
                      [self = shared_from_this(), range, bytes = std::move(bytes), reply] {
                        if (self->trouble_.ok()) self->trouble_ = self->PassOn(range, bytes);
                        (*reply)(self->trouble_);
                      });
  if (!taken.ok()) (*reply)(taken);
}

absl::Status StreamSink::PassOn(base::ByteRange range, const base::Buffer& bytes) {
  const uint64_t next = begin_ + passed_;
  if (range.end() <= next) return absl::OkStatus();  // it came before
  if (range.offset() > next) {
    return absl::InternalError(
        absl::StrCat("bytes at ", range.ToString(), " came before those at ", next));
  }
  const auto fresh = bytes.bytes().subspan(static_cast<size_t>(next - range.offset()));
  BITREPO_RETURN_IF_ERROR(WriteAll(descriptor_, fresh));
  proof_.Update(fresh);
  passed_ += fresh.size();
  return absl::OkStatus();
}

void StreamSink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                        absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  auto reply = std::make_shared<absl::AnyInvocable<void(wire::ResponseInfo)>>(std::move(done));
  absl::Status taken =
      workers_.Submit(runtime::Lane::kWrite, strand_,
                      [self = shared_from_this(), size_bytes, sha256 = std::move(sha256), reply] {
                        (*reply)(self->Judge(size_bytes, sha256));
                      });
  if (!taken.ok()) (*reply)(SinkAnswer(wire::FAILURE, std::string(taken.message())));
}

wire::ResponseInfo StreamSink::Judge(uint64_t size_bytes,
                                     const std::optional<base::Digest>& sha256) {
  if (!trouble_.ok()) return SinkAnswer(wire::FAILURE, std::string(trouble_.message()));
  if (passed_ != size_bytes) {
    return SinkAnswer(wire::DATA_LOSS,
                      absl::StrCat(passed_, " bytes came instead of ", size_bytes));
  }
  return proof_.Judge(sha256);
}

void StreamSink::Aborted(const absl::Status& /*why*/) {}  // what was passed on cannot be taken back

}  // namespace bitrepo::client
