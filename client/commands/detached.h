// SPDX-License-Identifier: Apache-2.0
// Conversations that commands left to the pillars: what another process needs to go on with one,
// in a file that only this user may read.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "client/client_settings.h"
#include "client/operation.h"

namespace bitrepo::commands {

// The requests may carry tokens: secrets, which stand in this file and nowhere else.
struct Detached {
  client::TakenUp taken_up = {};
  wire::Operation operation = wire::OPERATION_UNSPECIFIED;
  std::string collection = {};
  std::string principal = {};  // who asked; nobody else may go on with it
  std::string file_id = {};
  absl::Time left_at = absl::InfinitePast();
  // Pillars that had not taken it up when it was left, and why: they are no part of what remains.
  std::map<std::string, wire::ResponseCode> failed = {};
  // The command that goes on with it, with the global flags that choose its repository, and paths
  // that do not depend on where it runs.
  std::vector<std::string> words = {};
};

// STATE/conversations, where the settings' places say that state is kept.
class DetachedFiles {
 public:
  explicit DetachedFiles(const client::SettingsPlaces& places);

  // On stable storage when it returns; mode 0600.
  absl::Status Write(const Detached& detached) const;
  // kNotFound: there is none, or it has ended. kDataLoss: the file is not what Write wrote.
  absl::StatusOr<Detached> Read(const base::ConversationId& id) const;
  absl::Status Remove(const base::ConversationId& id) const;
  // All of them, the newest first.
  std::vector<base::ConversationId> List() const;

 private:
  std::string PathOf(const base::ConversationId& id) const;
  const std::string directory_;
};

}  // namespace bitrepo::commands
