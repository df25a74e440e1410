// SPDX-License-Identifier: Apache-2.0
// Sources and sinks in memory.
#include "tests/simulation/memory_io.h"

#include <cstring>
#include <utility>

namespace bitrepo::simulation {

void MemorySource::Read(base::ByteRange range,
                        absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) {
  done(bytes_.Part(range.offset(), range.length()));
}

void MemorySource::Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) {
  done(channel::CommitFacts{bytes_.size(),
                            base::Hasher::Of(base::Algorithm::kSha256, bytes_.text())});
}

void MemorySource::Finished(const absl::Status& /*how*/) {}

void MemorySink::Write(base::ByteRange range, base::Buffer bytes,
                       absl::AnyInvocable<void(absl::Status)> done) {
  if (!range_.Contains(range) || bytes.size() != range.length()) {
    done(absl::OutOfRangeError("a segment outside of what was asked for"));
    return;
  }
  std::memcpy(bytes_.data() + (range.offset() - range_.offset()), bytes.bytes().data(),
              bytes.size());
  done(absl::OkStatus());
}

void MemorySink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                        absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  wire::ResponseInfo verdict;
  verdict.set_code(wire::OPERATION_COMPLETED);
  const bool wrong_digest =
      sha256.has_value() && base::Hasher::Of(base::Algorithm::kSha256, bytes_) != *sha256;
  if (size_bytes != bytes_.size() || wrong_digest) {
    verdict.set_code(wire::NEW_FILE_CHECKSUM_FAILURE);
    verdict.set_text("the bytes that came are not those that were recorded");
  }
  done(std::move(verdict));
}

void MemorySink::Aborted(const absl::Status& /*why*/) {}

}  // namespace bitrepo::simulation
