// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a list by token come from: a staged file that is never published.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "channel/source.h"
#include "pillar/requests/work_line.h"
#include "pillar/store/file_store.h"

namespace bitrepo::requests {

// Threads:  called on the channel's loop; reads run on workers, one at a time.
// Lifetime: held by the channel until the grant ends; then the staged file is removed. Workers
//           outlive the work given away.
class StagedSource final : public channel::Source {
 public:
  // `staged`: sealed, of `size_bytes`.
  StagedSource(std::unique_ptr<store::StagedFile> staged, uint64_t size_bytes,
               runtime::WorkerPool& workers);
  ~StagedSource() override;

  uint64_t size_bytes() const override { return size_bytes_; }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override;
  // Nothing is ever stored from here: kUnimplemented.
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override;
  // The grant may be opened again; what ends the list is the end of its grant.
  void Finished(const absl::Status& how) override;

 private:
  const std::shared_ptr<store::StagedFile> staged_;
  const uint64_t size_bytes_;
  const std::shared_ptr<WorkLine> line_;
};

}  // namespace bitrepo::requests
