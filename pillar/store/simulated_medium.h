// SPDX-License-Identifier: Apache-2.0
// Slow media for trials and tests: volumes are directories, and drives take their time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/runtime/disk.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "pillar/store/drive_queue.h"
#include "pillar/store/medium.h"

namespace bitrepo::store {

// About those of a small tape library.
struct SimulatedMediumOptions {
  DriveSpeed speed = {.load = absl::Seconds(20),
                      .seek = absl::Seconds(15),
                      .bytes_per_second = 160 << 20,
                      .time_scale = 1};
  size_t drives = 1;
  uint64_t volume_bytes = 1ull << 40;
};

// The volume N is the directory "vN" of `disk`; a job's file ends in ".part" until it was read
// back. What a killed process left of such files goes at the next opening.
// Threads, errors: see Medium. Lifetime: disk, loop and workers outlive it; work that it gave away
// may end after it.
class SimulatedMedium final : public Medium {
 public:
  static absl::StatusOr<std::unique_ptr<SimulatedMedium>> Open(SimulatedMediumOptions options,
                                                               runtime::Disk& disk,
                                                               runtime::EventLoop& loop,
                                                               runtime::WorkerPool& workers);
  ~SimulatedMedium() override;

  std::unique_ptr<Job> Read(const std::string& name, Take take, Events events) override;
  std::unique_ptr<Job> Write(const std::string& name, uint64_t size_bytes, Give give, Take check,
                             Events events) override;
  absl::Duration TimeFor(const std::optional<std::string>& name,
                         uint64_t size_bytes) const override;
  uint32_t queue() const override;
  uint64_t bytes_per_second() const override;
  std::optional<MediumItem> Locate(const std::string& name) const override;
  absl::Status Remove(const std::string& name) override;
  std::vector<MediumItem> Items() const override;
  absl::StatusOr<runtime::SpaceInfo> Space() const override;
  void Close() override;

 private:
  struct Live;
  struct State;
  class Handle;
  explicit SimulatedMedium(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
};

}  // namespace bitrepo::store
