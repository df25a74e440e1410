// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/staged_sink.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr size_t kReadBackBytes = 1024 * 1024;
// A smaller file is not worth a second worker.
constexpr uint64_t kFileBytesSideBySide = 2 * 1024 * 1024;

}  // namespace

// Only ever touched by the work of its lines, each of which is one piece at a time: one writes
// while the other digests. The commit comes when both have done all.
struct StagedSink::Shared : std::enable_shared_from_this<Shared> {
  Shared(std::unique_ptr<store::StagedFile> staged_in, const DigestWish& wish_in,
         bool digest_only_in, runtime::WorkerPool& workers_in, const base::Clock& clock_in,
         std::shared_ptr<Gauge> gauge_in, absl::AnyInvocable<void(SealedFile)> sealed_in)
      : staged(std::move(staged_in)),
        sync(staged->sync()),
        wish(wish_in),
        digest_only(digest_only_in),
        workers(workers_in),
        clock(clock_in),
        gauge(std::move(gauge_in)),
        sealed(std::move(sealed_in)) {}

  static absl::Status Closed() {
    return absl::FailedPreconditionError("the file is sealed, or given up");
  }

  // On the write lane.
  absl::Status Write(const base::ByteRange& range, std::span<const std::byte> bytes) {
    if (staged == nullptr) return Closed();
    if (digest_only) {
      return absl::FailedPreconditionError("the pillar keeps digests only: commit without bytes");
    }
    const absl::Time began = clock.Now();
    BITREPO_RETURN_IF_ERROR(staged->Write(range.offset(), bytes));
    gauge->AddWrite(bytes.size(), clock.Now() - began);
    if (sync != nullptr && sync->due()) StartSync();
    return absl::OkStatus();
  }

  // Beside the writes that follow. Where the lane takes nothing it comes with a later write.
  void StartSync() {
    if (syncing.exchange(true)) return;
    const absl::Status taken = workers.Submit(runtime::Lane::kWrite, runtime::StrandId::kNone,
                                              [self = shared_from_this(), sync = sync] {
                                                sync->Run();
                                                self->syncing = false;
                                              });
    if (!taken.ok()) syncing = false;
  }

  // Beside Write. What does not continue the bytes digested so far is digested when all is there;
  // no byte comes twice.
  absl::Status DigestInOrder(const base::ByteRange& range, std::span<const std::byte> bytes) {
    if (staged == nullptr) return Closed();
    staged->Digest(range.offset(), bytes);
    if (wish.computed().empty() || range.offset() != digested_bytes) return absl::OkStatus();
    return Digest(bytes);
  }

  absl::Status Digest(std::span<const std::byte> bytes) {
    if (!digester) {
      BITREPO_ASSIGN_OR_RETURN(digester, FileDigester::Make(wish.computed(), wish.salt()));
    }
    digester->Update(bytes);
    digested_bytes += bytes.size();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<wire::Digest>> Computed(uint64_t size_bytes) {
    BITREPO_RETURN_IF_ERROR(Digest({}));  // an empty file has digests too
    while (digested_bytes < size_bytes) {
      std::vector<std::byte> block(std::min<uint64_t>(kReadBackBytes, size_bytes - digested_bytes));
      BITREPO_RETURN_IF_ERROR(staged->ReadBack(digested_bytes, block));
      BITREPO_RETURN_IF_ERROR(Digest(block));
    }
    return digester->Finish();
  }

  // What cannot be sealed is of no use to another one either.
  absl::Status Seal(SealedFile& file) {
    if (staged == nullptr) return Closed();
    const absl::Status status = TrySeal(file);
    if (status.ok()) {
      file.staged = std::move(staged);
    } else {
      staged->Discard();
    }
    return status;
  }

  absl::Status TrySeal(SealedFile& file) {
    if (digest_only && file.committed_sha256) {
      BITREPO_RETURN_IF_ERROR(staged->Vouch({file.committed_size_bytes, *file.committed_sha256}));
    }
    BITREPO_ASSIGN_OR_RETURN(file.facts, staged->Seal(file.committed_size_bytes));
    if (!wish.computed().empty()) {
      BITREPO_ASSIGN_OR_RETURN(file.computed, Computed(file.facts->size_bytes));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<store::StagedFile> staged;
  const std::shared_ptr<store::StagedSync> sync;
  std::atomic<bool> syncing{false};
  std::atomic<bool> sealing{false};
  const DigestWish wish;
  const bool digest_only;
  runtime::WorkerPool& workers;
  const base::Clock& clock;
  std::shared_ptr<Gauge> gauge;
  absl::AnyInvocable<void(SealedFile)> sealed;
  std::optional<FileDigester> digester;  // of the first `digested_bytes`
  uint64_t digested_bytes = 0;
};

StagedSink::StagedSink(std::unique_ptr<store::StagedFile> staged,
                       std::optional<uint64_t> size_bytes, const DigestWish& wish, bool digest_only,
                       runtime::WorkerPool& workers, const base::Clock& clock,
                       std::shared_ptr<Gauge> gauge, absl::AnyInvocable<void(SealedFile)> sealed)
    : side_by_side_(size_bytes.value_or(kFileBytesSideBySide) >= kFileBytesSideBySide),
      held_(staged->held()),
      shared_(std::make_shared<Shared>(std::move(staged), wish, digest_only, workers, clock,
                                       std::move(gauge), std::move(sealed))),
      line_(std::make_shared<WorkLine>(workers, runtime::Lane::kWrite)),
      digest_line_(std::make_shared<WorkLine>(workers, runtime::Lane::kHash)) {}

StagedSink::~StagedSink() = default;

namespace {

// One segment that is written and digested side by side; the last to be done tells.
class Halves {
 public:
  Halves(base::Buffer bytes, absl::AnyInvocable<void(absl::Status)> done)
      : bytes_(std::move(bytes)), done_(std::move(done)) {}
  std::span<const std::byte> bytes() const { return bytes_.bytes(); }
  void Done(absl::Status how) {
    {
      base::MutexLock lock(mutex_);
      how_.Update(std::move(how));
      if (--left_ > 0) return;
    }
    bytes_ = base::Buffer();  // the memory is free before the credit for it is given
    done_(how_);
  }

 private:
  base::Buffer bytes_;
  absl::AnyInvocable<void(absl::Status)> done_;
  base::Mutex mutex_;
  int left_ = 2;
  absl::Status how_;
};

}  // namespace

void StagedSink::Release(absl::AnyInvocable<void()> released) {
  // Behind all that came, which is written first; nothing is added to the lines any more.
  base::MutexLock lock(mutex_);
  closed_ = true;
  line_->Add([shared = shared_, digest_line = digest_line_,
              released = std::move(released)](absl::Status /*lane*/) mutable {
    digest_line->Add([shared, released = std::move(released)](absl::Status /*lane*/) mutable {
      shared->staged.reset();
      released();
    });
  });
}

bool StagedSink::sealing() const { return shared_->sealing; }

void StagedSink::Write(base::ByteRange range, base::Buffer bytes,
                       absl::AnyInvocable<void(absl::Status)> done) {
  base::MutexLock lock(mutex_);
  if (closed_) {
    done(Shared::Closed());
    return;
  }
  if (!side_by_side_) {
    line_->Add([shared = shared_, range, bytes = std::move(bytes),
                done = std::move(done)](absl::Status lane) mutable {
      absl::Status how = lane.ok() ? shared->Write(range, bytes.bytes()) : lane;
      if (how.ok()) how = shared->DigestInOrder(range, bytes.bytes());
      bytes = base::Buffer();  // the memory is free before the credit for it is given
      done(std::move(how));
    });
    return;
  }
  auto halves = std::make_shared<Halves>(std::move(bytes), std::move(done));
  line_->Add([shared = shared_, range, halves](absl::Status lane) {
    halves->Done(lane.ok() ? shared->Write(range, halves->bytes()) : lane);
  });
  digest_line_->Add([shared = shared_, range, halves](absl::Status lane) {
    halves->Done(lane.ok() ? shared->DigestInOrder(range, halves->bytes()) : lane);
  });
}

void StagedSink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                        absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  base::MutexLock lock(mutex_);
  if (closed_) {
    done(MakeResponse(wire::CANCELLED, "the request has ended"));
    return;
  }
  shared_->sealing = true;
  line_->Add([shared = shared_, size_bytes, sha256 = std::move(sha256),
              done = std::move(done)](absl::Status lane) mutable {
    SealedFile file;
    file.committed_size_bytes = size_bytes;
    file.committed_sha256 = std::move(sha256);
    file.done = std::move(done);
    file.status = lane.ok() ? shared->Seal(file) : lane;
    shared->sealed(std::move(file));
  });
}

void StagedSink::Aborted(const absl::Status& /*why*/) {}

}  // namespace bitrepo::requests
