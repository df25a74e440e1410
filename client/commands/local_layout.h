// SPDX-License-Identifier: Apache-2.0
// What a local repository consists of: its directory, the settings of its daemons, and where they
// say that they run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::commands {

inline constexpr int kLocalPillars = 3;
inline constexpr int kLocalPillarsMax = 16;
inline constexpr absl::string_view kLocalRepository = "local";
inline constexpr absl::string_view kLocalCollection = "default";

// One daemon of it.
struct LocalDaemon {
  std::string name;          // "coordinator", "pillar-1"
  std::string program;       // "bitrepo-coordinator"
  std::string config;        // paths
  std::string runtime_file;  // written by the daemon: where it listens, its pid
  std::string pid_file;      // written by us, when it is started
  std::string log;
  std::string store;  // of a pillar
};

// The paths of a local repository. Value.
class LocalLayout {
 public:
  // `stores`: of pillars that keep their files elsewhere; else `pillars` of them under the
  // directory.
  LocalLayout(std::string directory, int pillars, std::vector<std::string> stores);
  // As it was made; kNotFound when there is none in `directory`.
  static absl::StatusOr<LocalLayout> Read(const std::string& directory);

  const std::string& directory() const { return directory_; }
  std::string client_config() const;  // DIR/.bitrepo.toml
  const LocalDaemon& coordinator() const { return coordinator_; }
  const std::vector<LocalDaemon>& pillars() const { return pillars_; }
  // Pillars last.
  std::vector<LocalDaemon> daemons() const;

  // Makes the directories; writes the coordinator's settings.
  absl::Status WriteBeforeStart() const;
  // What needs the coordinator's address: the pillars' settings and the client's.
  absl::Status WriteAfterStart(const std::string& bus_endpoint) const;

 private:
  const std::string directory_;
  LocalDaemon coordinator_;
  std::vector<LocalDaemon> pillars_;
};

// Replaces the file whole.
absl::Status WriteWhole(const std::string& path, absl::string_view text);

}  // namespace bitrepo::commands
