// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a get come from: one stored generation, held open and verified block by block.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "channel/source.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/work_line.h"
#include "pillar/store/file_store.h"

namespace bitrepo::requests {

// Threads:  called on the channel's loop; reads run on workers, one at a time.
// Lifetime: held by the channel until the grant ends; workers and clock outlive the work given
//           away.
class StoredSource final : public channel::Source {
 public:
  // `damaged` is told of each read that fails its record, on a worker.
  StoredSource(std::shared_ptr<store::StoredFile> file, runtime::WorkerPool& workers,
               const base::Clock& clock, std::shared_ptr<Gauge> gauge,
               absl::AnyInvocable<void(absl::Status)> damaged);
  ~StoredSource() override;

  uint64_t size_bytes() const override;
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override;
  // Nothing is ever stored from here: kUnimplemented.
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override;
  // The grant may be opened again; what ends the get is the end of its grant.
  void Finished(const absl::Status& how) override;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<WorkLine> line_;
};

}  // namespace bitrepo::requests
