// SPDX-License-Identifier: Apache-2.0
// Which repository a program talks to and how patiently: flags, then environment, then settings
// files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bus/protocol/conversation.h"
#include "channel/transfer/rate_limiter.h"

namespace bitrepo::client {

inline constexpr absl::string_view kDefaultRepository = "bitrepo";
inline constexpr absl::string_view kDefaultCollection = "default";
// In a directory: the settings of what is asked for from there.
inline constexpr absl::string_view kSettingsFile = ".bitrepo.toml";

struct ClientSettings {
  std::string coordinator;  // tcp://host:port
  std::string repository{kDefaultRepository};
  std::string collection{kDefaultCollection};
  std::string name;  // the principal: who asks
  std::optional<absl::Duration> identify_timeout;
  std::optional<absl::Duration> silence_timeout;
  std::vector<transfer::RateRule> rates;  // of what comes
  std::vector<std::string> files;         // what was read, first wins

  protocol::Patience PatienceOf() const;
};

// Set values beat everything else; empty ones are not set.
struct SettingsFlags {
  std::string config;
  std::string coordinator;
  std::string collection;
  std::string identify_timeout;
};

// The process's surroundings, given so that a test can choose them.
struct SettingsPlaces {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string working_directory;
  std::string system_file = "/etc/bitrepo/bitrepo.toml";
  std::string user_name;  // of the operating system; the principal where nothing names another
};

// The directory of the local repository that needs no settings: $XDG_DATA_HOME/bitrepo or
// ~/.local/share/bitrepo.
std::string DefaultLocalDirectory(const SettingsPlaces& places);

// Where what a client remembers between its runs is kept: $XDG_STATE_HOME/bitrepo or
// ~/.local/state/bitrepo; empty when neither is set.
std::string StateDirectory(const SettingsPlaces& places);

// Each value from the first that has it: flag, BITREPO_COORDINATOR, BITREPO_REPOSITORY,
// BITREPO_COLLECTION, BITREPO_NAME; then the file of --config or BITREPO_CONFIG, and where neither
// is given
// ./.bitrepo.toml, ~/.config/bitrepo/bitrepo.toml, the default local repository's,
// /etc/bitrepo/bitrepo.toml. kInvalidArgument: every problem of every file, each with its line; a
// named file that is not there.
absl::StatusOr<ClientSettings> ReadSettings(const SettingsFlags& flags,
                                            const SettingsPlaces& places);

// A component id made of any name: lower case, what is not allowed left out; "someone" when nothing
// is left.
std::string PrincipalFrom(const std::string& name);

}  // namespace bitrepo::client
