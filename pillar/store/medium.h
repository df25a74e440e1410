// SPDX-License-Identifier: Apache-2.0
// The seam of slow media: volumes that are loaded into drives, written and read in jobs that wait
// their turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/runtime/disk.h"

namespace bitrepo::store {

enum class MediumPhase {
  kQueued,
  kLocating,     // which volume has it
  kLoading,      // the volume into a drive
  kSeeking,      // to where it lies
  kStaging,      // from the volume
  kVerifying,    // what came from there, against its digest
  kWriting,      // to the volume
  kReadingBack,  // what was just written
};

// How a job stands.
struct MediumStep {
  MediumPhase phase = MediumPhase::kQueued;
  uint32_t queue_place = 0;  // jobs before it; 0 once it has a drive
  // Until the job is done, as far as is known. Never more than it was told before, less the time
  // that went by.
  absl::Duration left;
};

// Something that lies on a volume.
struct MediumItem {
  std::string name;
  uint32_t volume = 0;
  uint64_t size_bytes = 0;
};

// Names are paths as runtime::Disk takes them; what is written under one is never changed.
// Threads:  jobs are started, watched, withdrawn and estimated on one loop, and their events come
//           on it; what is asked of the volumes is thread-safe and may block.
// Lifetime: outlives its jobs.
// Errors:   kNotFound: no volume has it; kResourceExhausted: no volume has the room; kDataLoss: the
//           volume cannot be read; kUnavailable: it was closed.
class Medium {
 public:
  // Bytes of a job, in order, on a worker.
  using Take = std::function<absl::Status(uint64_t offset, std::span<const std::byte> bytes)>;
  using Give = std::function<absl::Status(uint64_t offset, std::span<std::byte> out)>;
  struct Events {
    absl::AnyInvocable<void(const MediumStep&)>
        on_step;                                    // a phase begins, or its place has changed
    absl::AnyInvocable<void(absl::Status)> on_end;  // exactly once, unless it is withdrawn
  };
  // Destroyed before its end it is withdrawn: no event comes any more; what it had written is
  // removed.
  class Job {
   public:
    virtual ~Job() = default;
    virtual MediumStep step() const = 0;
  };

  virtual ~Medium() = default;

  // Reads all of `name` into `take`.
  virtual std::unique_ptr<Job> Read(const std::string& name, Take take, Events events) = 0;
  // Writes `size_bytes` from `give` under `name`, makes them durable, then reads them from the
  // volume into `check`. What lies there after any other end than OK is removed.
  virtual std::unique_ptr<Job> Write(const std::string& name, uint64_t size_bytes, Give give,
                                     Take check, Events events) = 0;
  // How long a job that comes now would take: its turn, load, seek, transfer. For reading one of
  // `name`; absent: for writing, with reading back.
  virtual absl::Duration TimeFor(const std::optional<std::string>& name,
                                 uint64_t size_bytes) const = 0;
  virtual uint32_t queue() const = 0;  // jobs under way
  virtual uint64_t bytes_per_second() const = 0;

  virtual std::optional<MediumItem> Locate(const std::string& name) const = 0;
  // Durable when it returns; fine when there is none.
  virtual absl::Status Remove(const std::string& name) = 0;
  // All there is, in order of name.
  virtual std::vector<MediumItem> Items() const = 0;
  virtual absl::StatusOr<runtime::SpaceInfo> Space() const = 0;

  // Ends all jobs, kUnavailable; those that come later end at once. On the loop, or when it no
  // longer runs.
  virtual void Close() = 0;
};

}  // namespace bitrepo::store
