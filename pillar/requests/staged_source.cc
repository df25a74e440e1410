// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/staged_source.h"

#include <span>
#include <string>
#include <utility>

#include "base/status.h"

namespace bitrepo::requests {
namespace {

absl::StatusOr<base::Buffer> ReadRange(store::StagedFile& staged, const base::ByteRange& range) {
  std::string bytes(range.length(), '\0');
  BITREPO_RETURN_IF_ERROR(staged.ReadBack(
      range.offset(), std::as_writable_bytes(std::span(bytes.data(), bytes.size()))));
  return base::Buffer::Of(std::move(bytes));
}

}  // namespace

StagedSource::StagedSource(std::unique_ptr<store::StagedFile> staged, uint64_t size_bytes,
                           runtime::WorkerPool& workers)
    : staged_(std::move(staged)),
      size_bytes_(size_bytes),
      line_(std::make_shared<WorkLine>(workers, runtime::Lane::kRead)) {}

StagedSource::~StagedSource() = default;

void StagedSource::Read(base::ByteRange range,
                        absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) {
  line_->Add([staged = staged_, range, done = std::move(done)](absl::Status lane) mutable {
    if (lane.ok()) {
      done(ReadRange(*staged, range));
    } else {
      done(lane);
    }
  });
}

void StagedSource::Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) {
  done(absl::UnimplementedError("a pillar serves lists, it does not send them to be stored"));
}

void StagedSource::Finished(const absl::Status& /*how*/) {}

}  // namespace bitrepo::requests
