// SPDX-License-Identifier: Apache-2.0
// A simulated disk: what was not synced when the power goes is lost, in whole or page by page, as
// the seed will have it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/runtime/disk.h"
#include "tests/simulation/sim_scheduler.h"

namespace bitrepo::simulation {

// The medium: outlives the processes that use it. Data become durable by Sync or SyncAll, names by
// SyncDirectory, MakeDirectories or SyncAll, and by nothing else; the strictest reading of POSIX.
// Loop-confined.
class SimMedium {
 public:
  struct Node;
  using NodePointer = std::shared_ptr<Node>;
  struct Node {
    bool is_directory = false;
    uint64_t inode = 0;
    std::string data;  // as a reader sees it
    std::string durable_data;
    std::map<std::string, std::string> attributes;
    std::map<std::string, std::string> durable_attributes;
    std::map<std::string, NodePointer> names;  // of a directory
    std::map<std::string, NodePointer> durable_names;
    bool data_dirty = false;
    bool locked = false;
  };

  SimMedium(SimScheduler& clock, uint64_t capacity_bytes);
  // The same files and names, for another world that begins here. Locks are not copied.
  SimMedium(SimScheduler& clock, const SimMedium& other);

  // The machine stops: volatile state becomes what is durable, plus what happened to reach the
  // medium: each dirty page of 4 KiB and each changed name survives with probability `keep` (0 to
  // 1); of a rename both names may, and one does. Handles of before fail from now on.
  void PowerCut(base::Random& random, double keep);
  // One process dies, the machine lives: nothing is lost, locks are released, its handles fail.
  void ProcessDied();

  // Flips a bit in the bytes of a file, durably. False when there is no such file or it is empty.
  bool FlipBit(absl::string_view path, uint64_t bit);
  void SetFree(uint64_t bytes) { capacity_bytes_ = used_bytes() + bytes; }
  // The next `count` syncs fail with EIO, and what they would have synced is marked clean and lost
  // at the next power cut.
  void FailSyncs(int count) { failing_syncs_ = count; }
  // From now on syncs say OK and make nothing durable: a medium on which every promise must be seen
  // to break.
  void BeginToLie() { lying_ = true; }
  uint64_t used_bytes() const;
  uint64_t boots() const { return boots_; }
  std::vector<std::string> Files() const;  // all paths, sorted

 private:
  friend class SimDisk;
  friend class SimDiskFile;
  void SyncNode(Node& node);
  void SyncNames(Node& node);
  absl::Status TakeSyncFault(Node* node);
  struct DurableName {
    NodePointer directory;
    std::string name;
    NodePointer node;
  };
  std::vector<DurableName> DurableNamesOfTheLiving() const;
  // True when a file may grow by so many bytes.
  bool TakeRoom(uint64_t bytes);

  SimScheduler& clock_;
  uint64_t capacity_bytes_;
  uint64_t used_bytes_max_ = 0;  // used_bytes(), or more: what was removed is counted still
  uint64_t next_inode_ = 2;
  uint64_t boots_ = 1;  // rises with each power cut
  uint64_t epoch_ = 1;  // rises with each death: older handles are dead
  int failing_syncs_ = 0;
  bool lying_ = false;
  NodePointer root_;
};

// One process's view of the medium. Threads: loop-confined. Lifetime: the medium outlives it.
class SimDisk final : public runtime::Disk {
 public:
  explicit SimDisk(SimMedium& medium) : medium_(medium), epoch_(medium.epoch_) {}
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> Create(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> OpenRead(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> OpenWrite(absl::string_view path) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Remove(absl::string_view path) override;
  absl::Status MakeDirectories(absl::string_view path) override;
  absl::Status MakeDirectory(absl::string_view path) override;
  absl::Status SyncDirectory(absl::string_view path) override;
  absl::Status SyncAll() override;
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override;
  absl::StatusOr<runtime::FileStat> Stat(absl::string_view path) override;
  absl::StatusOr<runtime::SpaceInfo> Space() override;
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> Lock(absl::string_view path) override;
  std::string root() const override { return "/sim"; }

 private:
  friend class SimMedium;
  absl::Status Alive() const;
  absl::StatusOr<SimMedium::NodePointer> Find(absl::string_view path) const;
  // The directory that holds the last part of `path`, and that part.
  absl::StatusOr<std::pair<SimMedium::NodePointer, std::string>> Parent(
      absl::string_view path) const;
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> Handle(absl::string_view path);

  SimMedium& medium_;
  uint64_t epoch_;
};

}  // namespace bitrepo::simulation
