// SPDX-License-Identifier: Apache-2.0
// A repository of real daemons in a temporary directory, each of which can be killed and started
// again.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::system_test {

using testing_support::ChildProcess;

// Loop-confined. Lifetime: kills what still runs when it dies.
class RepositoryRig {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;
  // Pillars p1, p2 ... start when StartPillar is called. `settings`: more tables for the
  // coordinator; `environment`: of the daemons.
  explicit RepositoryRig(int pillars, std::string settings = "", Environment environment = {});

  // On a port that stays its own over restarts.
  void StartCoordinator();
  void KillCoordinator() { coordinator_.reset(); }
  // `coordinator`: where the pillar dials, the coordinator itself when empty.
  void StartPillar(const std::string& id, const std::string& coordinator = "");
  void KillPillar(const std::string& id) { pillars_.erase(id); }
  // SIGTERM, and waits: its catalogue can then be read.
  void StopPillar(const std::string& id);

  const std::string& endpoint() const { return endpoint_; }
  const std::string& watch_endpoint() const { return watch_endpoint_; }
  // Where the pillar that was started last serves bytes.
  const std::string& data_endpoint() const { return data_endpoint_; }
  std::string PillarDirectory(const std::string& id) const { return directory_.Path(id); }
  std::string Path(const std::string& name) const { return directory_.Path(name); }

  // Starts `bitrepo` with the words, dialling `coordinator` (the coordinator itself when empty).
  std::unique_ptr<ChildProcess> Start(std::vector<std::string> words,
                                      const std::string& coordinator = "");
  struct Result {
    int exit_code = -1;
    std::string log;  // what it wrote, both outputs
  };
  Result Run(std::vector<std::string> words, const std::string& coordinator = "");
  // By a line of the shell in which "$@" stands for the program and its words, as in
  // exec "$@" 2>FILE: the process is then still the program.
  std::unique_ptr<ChildProcess> StartBy(const std::string& line, std::vector<std::string> words);
  Result RunBy(const std::string& line, std::vector<std::string> words);
  // A daemon besides those of the rig: "bitrepo-pillar" or "bitrepo-coordinator".
  std::unique_ptr<ChildProcess> StartDaemon(const std::string& program,
                                            std::vector<std::string> words);
  // The settings of a pillar of this repository.
  std::string PillarSettings(const std::string& id, const std::string& store,
                             const std::string& runtime_file,
                             const std::string& coordinator = "") const;
  void WriteFile(const std::string& name, const std::string& text) const;
  // Until all pillars are there, as `bitrepo pillars` tells; false when they do not come.
  bool WaitForPillars();
  ChildProcess& coordinator() { return *coordinator_; }
  ChildProcess& pillar(const std::string& id) { return *pillars_.at(id); }

 private:
  std::string FreshLog();
  std::unique_ptr<ChildProcess> Spawn(std::vector<std::string> words);
  std::vector<std::string> Program(std::vector<std::string> words,
                                   const std::string& coordinator) const;
  // The value of `name` in a runtime file, once the file is there.
  std::string AwaitRuntime(const std::string& file, const std::string& name,
                           ChildProcess& process) const;

  testing_support::TempDir directory_;
  int pillar_count_;
  const std::string settings_;
  const Environment environment_;
  int logs_ = 0;
  std::string endpoint_;
  std::string watch_endpoint_;
  std::string data_endpoint_;
  std::unique_ptr<ChildProcess> coordinator_;
  std::map<std::string, std::unique_ptr<ChildProcess>> pillars_;
};

}  // namespace bitrepo::system_test
