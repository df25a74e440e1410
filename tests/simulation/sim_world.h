// SPDX-License-Identifier: Apache-2.0
// A whole repository in one thread: the production coordinator, pillars and clients on simulated
// clock, links and disks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "channel/channel.h"
#include "client/client.h"
#include "coordinator/coordinator.h"
#include "pillar/pillar.h"
#include "pillar/store/disk_file_store.h"
#include "tests/simulation/ledger_of_truth.h"
#include "tests/simulation/sim_bus_net.h"
#include "tests/simulation/sim_channel_net.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_scheduler.h"
#include "tests/simulation/sim_sqlite_vfs.h"
#include "tests/simulation/timeline.h"
#include "tests/simulation/workload.h"

namespace bitrepo::simulation {

// What all processes share. Members are in the order in which they may die, last first.
struct SimUniverse {
  explicit SimUniverse(uint64_t seed)
      : random(seed), bus(scheduler, random), channels(scheduler, random), timeline(scheduler) {}
  SimScheduler scheduler;
  base::SeededRandom random;
  SimBusNet bus;
  SimChannelNet channels;
  Timeline timeline;
  LedgerOfTruth truth;
};

// The coordinator's process; killed and started again at will.
class SimCoordinator {
 public:
  SimCoordinator(SimUniverse& universe, uint32_t pillars);
  ~SimCoordinator();
  void Start();
  void Kill();
  bool alive() const { return process_ != nullptr; }

 private:
  struct Process;
  SimUniverse& universe_;
  uint32_t pillars_;
  std::unique_ptr<Process> process_;
};

// A pillar's store on its simulated disk, opened by one process.
class SimStore {
 public:
  SimStore(SimUniverse& universe, const std::string& pillar, SimMedium& medium);
  // Not OK: it did not open, and store() must not be called.
  const absl::Status& status() const { return status_; }
  store::DiskFileStore& store() { return *store_; }

 private:
  SimDisk disk_;
  SimSqliteVfs vfs_;
  absl::Status status_;
  std::unique_ptr<store::DiskFileStore> store_;
};

// One pillar: its disk, which outlives everything, and its process.
class SimPillar {
 public:
  SimPillar(SimUniverse& universe, std::string id, uint64_t disk_bytes);
  ~SimPillar();
  // False when the store does not open: the timeline says why.
  bool Start();
  void Kill();                 // SIGKILL: the machine lives, nothing on disk is lost
  void CutPower(double keep);  // and what was not synced is lost
  bool alive() const { return process_ != nullptr; }
  const std::string& id() const { return id_; }
  SimMedium& medium() { return medium_; }

 private:
  struct Process;
  SimUniverse& universe_;
  std::string id_;
  SimMedium medium_;
  std::unique_ptr<Process> process_;
};

// One client and its user.
class SimClient {
 public:
  SimClient(SimUniverse& universe, WorkloadPlan plan);
  ~SimClient();
  bool done() const;

 private:
  struct Process;
  std::unique_ptr<Process> process_;
};

}  // namespace bitrepo::simulation
