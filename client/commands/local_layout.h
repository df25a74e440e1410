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
inline constexpr int kLocalPillarsMax = 16;  // of each kind
inline constexpr int kLocalCollectionsMax = 16;
inline constexpr double kTimeScaleMax = 1000;
inline constexpr absl::string_view kLocalRepository = "local";  // beginning of their names
inline constexpr absl::string_view kLocalCollection = "default";

// What a local repository is made of. Value.
struct LocalShape {
  // Its name. Each has one of its own: what a client remembers of one (how far it has seen the
  // audit trails) must not be held against another.
  std::string repository = std::string(kLocalRepository);
  // Where the full pillars keep their files; empty: `pillars` of them under the directory.
  std::vector<std::string> stores = {};
  int pillars = kLocalPillars;
  int checksum_pillars = 0;
  int nearline_pillars = 0;
  double time_scale = 1;  // of the media of nearline pillars
  std::vector<std::string> collections = {std::string(kLocalCollection)};
};

// One daemon of it.
struct LocalDaemon {
  std::string name;          // "coordinator", "pillar-1", "checksum1", "nearline1"
  std::string kind;          // of a pillar: "full", "checksum", "nearline"
  std::string program;       // "bitrepo-coordinator"
  std::string config;        // paths
  std::string runtime_file;  // written by the daemon: where it listens, its pid
  std::string pid_file;      // written by us, when it is started
  std::string log;
  std::string store;  // of a pillar
  std::string media;  // of a nearline one
};

// The paths of a local repository. Value.
class LocalLayout {
 public:
  LocalLayout(std::string directory, LocalShape shape);
  // As it was made; kNotFound when there is none in `directory`.
  static absl::StatusOr<LocalLayout> Read(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const LocalShape& shape() const { return shape_; }
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
  void AddPillar(const std::string& name, const std::string& kind, const std::string& store);
  std::string PillarSettingsOf(const LocalDaemon& pillar, const std::string& bus_endpoint) const;

  const std::string directory_;
  LocalShape shape_;
  LocalDaemon coordinator_;
  std::vector<LocalDaemon> pillars_;
};

// Replaces the file whole.
absl::Status WriteWhole(const std::string& path, absl::string_view text);

}  // namespace bitrepo::commands
