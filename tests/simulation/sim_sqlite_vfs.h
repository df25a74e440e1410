// SPDX-License-Identifier: Apache-2.0
// A SQLite VFS over the Disk seam, so that a catalogue lives, and dies, on a simulated disk.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/runtime/disk.h"

namespace bitrepo::simulation {

struct SimSqliteVfsState;

// Registered with SQLite under name() while it lives. No shared memory: WAL works in exclusive
// locking mode only. A file name is a path on the disk, with the disk's root before it or without.
// Threads: loop-confined. Lifetime: disk, clock and random outlive it; all databases opened through
// it are closed before it dies.
class SimSqliteVfs {
 public:
  SimSqliteVfs(std::string name, runtime::Disk& disk, const base::Clock& clock,
               base::Random& random);
  ~SimSqliteVfs();
  SimSqliteVfs(const SimSqliteVfs&) = delete;
  SimSqliteVfs& operator=(const SimSqliteVfs&) = delete;
  const std::string& name() const;

 private:
  std::unique_ptr<SimSqliteVfsState> state_;
};

}  // namespace bitrepo::simulation
