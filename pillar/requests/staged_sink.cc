// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/staged_sink.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"

namespace bitrepo::requests {
namespace {

constexpr size_t kReadBackBytes = 1024 * 1024;

}  // namespace

// Only ever touched by the work of one line, which is one piece at a time.
struct StagedSink::Shared {
  Shared(std::unique_ptr<store::StagedFile> staged_in, std::optional<base::Algorithm> also_in,
         const base::Clock& clock_in, std::shared_ptr<Gauge> gauge_in,
         absl::AnyInvocable<void(SealedPut)> sealed_in)
      : staged(std::move(staged_in)),
        also(also_in),
        clock(clock_in),
        gauge(std::move(gauge_in)),
        sealed(std::move(sealed_in)) {
    if (also) hasher.emplace(*also);
  }

  absl::Status Write(const base::ByteRange& range, std::span<const std::byte> bytes) {
    if (staged == nullptr) return absl::FailedPreconditionError("the file is sealed");
    const absl::Time began = clock.Now();
    BITREPO_RETURN_IF_ERROR(staged->Write(range.offset(), bytes));
    gauge->AddWrite(bytes.size(), clock.Now() - began);
    if (hasher) HashInOrder(range, bytes);
    return absl::OkStatus();
  }

  // What does not continue the bytes hashed so far is hashed when all is there.
  void HashInOrder(const base::ByteRange& range, std::span<const std::byte> bytes) {
    if (range.offset() == hashed_bytes) {
      hasher->Update(bytes);
      hashed_bytes += bytes.size();
    } else if (range.offset() < hashed_bytes && !range.empty()) {
      hasher.emplace(*also);
      hashed_bytes = 0;
    }
  }

  absl::StatusOr<base::Digest> Also(uint64_t size_bytes) {
    while (hashed_bytes < size_bytes) {
      std::vector<std::byte> block(std::min<uint64_t>(kReadBackBytes, size_bytes - hashed_bytes));
      BITREPO_RETURN_IF_ERROR(staged->ReadBack(hashed_bytes, block));
      hasher->Update(block);
      hashed_bytes += block.size();
    }
    return hasher->Finish();
  }

  absl::Status Seal(SealedPut& put) {
    if (staged == nullptr) return absl::FailedPreconditionError("the file is sealed");
    BITREPO_ASSIGN_OR_RETURN(put.facts, staged->Seal(put.committed_size_bytes));
    if (hasher) {
      BITREPO_ASSIGN_OR_RETURN(put.also, Also(put.facts->size_bytes));
    }
    put.staged = std::move(staged);
    return absl::OkStatus();
  }

  std::unique_ptr<store::StagedFile> staged;
  const std::optional<base::Algorithm> also;
  const base::Clock& clock;
  std::shared_ptr<Gauge> gauge;
  absl::AnyInvocable<void(SealedPut)> sealed;
  std::optional<base::Hasher> hasher;
  uint64_t hashed_bytes = 0;
};

StagedSink::StagedSink(std::unique_ptr<store::StagedFile> staged,
                       std::optional<base::Algorithm> also, runtime::WorkerPool& workers,
                       const base::Clock& clock, std::shared_ptr<Gauge> gauge,
                       absl::AnyInvocable<void(SealedPut)> sealed)
    : shared_(std::make_shared<Shared>(std::move(staged), also, clock, std::move(gauge),
                                       std::move(sealed))),
      line_(std::make_shared<WorkLine>(workers, runtime::Lane::kWrite)) {}

StagedSink::~StagedSink() = default;

void StagedSink::Write(base::ByteRange range, base::Buffer bytes,
                       absl::AnyInvocable<void(absl::Status)> done) {
  line_->Add([shared = shared_, range, bytes = std::move(bytes),
              done = std::move(done)](absl::Status lane) mutable {
    const absl::Status how = lane.ok() ? shared->Write(range, bytes.bytes()) : lane;
    bytes = base::Buffer();  // the memory is free before the credit for it is given
    done(how);
  });
}

void StagedSink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                        absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  line_->Add([shared = shared_, size_bytes, sha256 = std::move(sha256),
              done = std::move(done)](absl::Status lane) mutable {
    SealedPut put;
    put.committed_size_bytes = size_bytes;
    put.committed_sha256 = std::move(sha256);
    put.done = std::move(done);
    put.status = lane.ok() ? shared->Seal(put) : lane;
    shared->sealed(std::move(put));
  });
}

void StagedSink::Aborted(const absl::Status& /*why*/) {}

}  // namespace bitrepo::requests
