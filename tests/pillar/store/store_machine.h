// SPDX-License-Identifier: Apache-2.0
// A store on a simulated machine, which fails, is killed, or loses its power at a chosen operation
// of its disk, SQLite's own included.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "pillar/store/disk_file_store.h"
#include "pillar/store/rebuild.h"
#include "tests/pillar/store/publications.h"
#include "tests/pillar/store/troubled_disk.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_sqlite_vfs.h"

namespace bitrepo::testing_support {

// What comes over the machine at one operation.
enum class Blow {
  kError,       // it fails with EIO, the rest goes on
  kNoSpace,     // it fails with ENOSPC, the rest goes on
  kKill,        // the process dies in it; the machine lives
  kPowerCut,    // and everything that was not synced is lost
  kPowerTears,  // and of what was not synced any half is lost
};

// The medium outlives the processes. Loop-confined.
class StoreMachine : public Publications {
 public:
  StoreMachine() { options_.collections = {{books(), nullptr}}; }
  // The same medium, with no process on it.
  StoreMachine(const StoreMachine& other)
      : Publications(other),
        medium_(scheduler_, other.medium_),
        random_(other.random_),
        options_(other.options_),
        has_attributes_(other.has_attributes_) {}
  StoreMachine& operator=(const StoreMachine&) = delete;
  ~StoreMachine() override { EndProcess(); }

  store::DiskFileStore& store() override { return *process_->store; }
  bool is_open() const { return process_ != nullptr && process_->store != nullptr; }
  absl::Time wall_now() override { return scheduler_.WallNow(); }
  store::DiskStoreOptions& options() { return options_; }
  simulation::SimMedium& medium() { return medium_; }
  // Of the process that runs; a trouble set on it takes the place of the blow.
  TroubledDisk& disk() { return process_->disk; }
  void ForgetAttributes() { has_attributes_ = false; }

  void Wait(absl::Duration time) { scheduler_.RunUntil(scheduler_.Now() + time); }
  // A new process, which opens the store.
  absl::Status Open() {
    StartProcess();
    absl::StatusOr<std::unique_ptr<store::DiskFileStore>> opened =
        store::DiskFileStore::Open(ProcessOptions(), process_->disk, scheduler_, random_);
    if (opened.ok()) process_->store = *std::move(opened);
    return opened.status();
  }
  // A new process, which makes the catalogue again.
  absl::StatusOr<store::RebuildFindings> Rebuild() {
    StartProcess();
    return store::RebuildCatalogue(ProcessOptions(), process_->disk, scheduler_, random_);
  }
  void Close() { EndProcess(); }
  // Changes the medium by hand, with no process on it.
  runtime::Disk& Hand() {
    EndProcess();
    hand_ = std::make_unique<simulation::SimDisk>(medium_);
    return *hand_;
  }

  // From now on the `number`th operation, counted from 1, is struck.
  void StrikeAt(uint64_t number, Blow blow) {
    strike_at_ = number;
    blow_ = blow;
    operations_ = 0;
    struck_ = false;
  }
  void StrikeNoMore() { strike_at_ = 0; }
  bool struck() const { return struck_; }
  uint64_t operations() const { return operations_; }
  // After a blow: the process is gone, and with it what the blow takes. Also what only failed ends
  // in a power cut, so that what was answered is seen to lie on the medium.
  void EndBlow() {
    EndProcess();
    StrikeNoMore();
    if (blow_ != Blow::kKill) medium_.PowerCut(random_, blow_ == Blow::kPowerTears ? 0.5 : 0.0);
  }

 private:
  struct Process {
    Process(simulation::SimMedium& medium, const base::Clock& clock, base::Random& random)
        : machine_disk(medium), disk(machine_disk), vfs("machine", disk, clock, random) {}
    simulation::SimDisk machine_disk;
    TroubledDisk disk;
    simulation::SimSqliteVfs vfs;
    std::unique_ptr<store::DiskFileStore> store;
  };

  void StartProcess() {
    EndProcess();
    process_ = std::make_unique<Process>(medium_, scheduler_, random_);
    if (!has_attributes_) process_->disk.ForgetAttributes();
    process_->disk.SetTrouble([this](const DiskOperation&) { return Strike(); });
  }
  void EndProcess() {
    process_.reset();
    medium_.ProcessDied();
  }
  store::DiskStoreOptions ProcessOptions() {
    store::DiskStoreOptions options = options_;
    options.keep_free_bytes = 0;
    options.sqlite_vfs = process_->vfs.name();
    options.staging.boot_id = absl::StrCat("boot ", medium_.boots());
    return options;
  }
  absl::Status Strike() {
    if (strike_at_ == 0) return absl::OkStatus();
    const bool dies = blow_ != Blow::kError && blow_ != Blow::kNoSpace;
    if (struck_ && dies) return absl::AbortedError("the process is dead");
    if (++operations_ != strike_at_) return absl::OkStatus();
    struck_ = true;
    return blow_ == Blow::kNoSpace ? absl::ResourceExhaustedError("no space left on device")
                                   : absl::DataLossError("input/output error");
  }

  simulation::SimScheduler scheduler_;
  simulation::SimMedium medium_{scheduler_, 64 << 20};
  base::SeededRandom random_{3};
  store::DiskStoreOptions options_;
  bool has_attributes_ = true;
  std::unique_ptr<Process> process_;
  std::unique_ptr<simulation::SimDisk> hand_;
  uint64_t strike_at_ = 0;  // 0: never
  Blow blow_ = Blow::kError;
  uint64_t operations_ = 0;
  bool struck_ = false;
};

}  // namespace bitrepo::testing_support
