// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/stored_source.h"

#include <utility>

namespace bitrepo::requests {

// Only ever touched by the work of one line, which is one piece at a time; the file itself is
// thread-safe.
struct StoredSource::Shared {
  std::shared_ptr<store::StoredFile> file;
  const base::Clock& clock;
  std::shared_ptr<Gauge> gauge;
  absl::AnyInvocable<void(absl::Status)> damaged;

  absl::StatusOr<base::Buffer> Read(const base::ByteRange& range) {
    const absl::Time began = clock.Now();
    absl::StatusOr<base::Buffer> bytes = file->Read(range);
    if (bytes.ok()) {
      gauge->AddRead(bytes->size(), clock.Now() - began);
      gauge->AddSent(bytes->size());
    }
    if (absl::IsDataLoss(bytes.status())) damaged(bytes.status());
    return bytes;
  }
};

StoredSource::StoredSource(std::shared_ptr<store::StoredFile> file, runtime::WorkerPool& workers,
                           const base::Clock& clock, std::shared_ptr<Gauge> gauge,
                           absl::AnyInvocable<void(absl::Status)> damaged)
    : shared_(new Shared{std::move(file), clock, std::move(gauge), std::move(damaged)}),
      line_(std::make_shared<WorkLine>(workers, runtime::Lane::kRead)) {}

StoredSource::~StoredSource() = default;

uint64_t StoredSource::size_bytes() const { return shared_->file->record().size_bytes; }

void StoredSource::Read(base::ByteRange range,
                        absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) {
  line_->Add([shared = shared_, range, done = std::move(done)](absl::Status lane) mutable {
    if (lane.ok()) {
      done(shared->Read(range));
    } else {
      done(lane);
    }
  });
}

void StoredSource::Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) {
  done(absl::UnimplementedError("a pillar serves files, it does not send them to be stored"));
}

void StoredSource::Finished(const absl::Status& /*how*/) {}

}  // namespace bitrepo::requests
