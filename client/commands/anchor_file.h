// SPDX-License-Identifier: Apache-2.0
// The file in which a client remembers how far it has seen the audit trails, and what they were.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/trail_check.h"

namespace bitrepo::commands {

// Loop-confined value.
class AnchorFile {
 public:
  // One that is not there is empty. kInvalidArgument names a line that is no anchor.
  static absl::StatusOr<AnchorFile> Read(std::string path);

  std::optional<TrailAnchor> Find(const std::string& repository,
                                  const std::string& contributor) const;
  void Set(TrailAnchor anchor);
  // Replaces the file whole; only this user may read it.
  absl::Status Write() const;
  const std::string& path() const { return path_; }

 private:
  explicit AnchorFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
  std::map<std::pair<std::string, std::string>, TrailAnchor> anchors_;
};

}  // namespace bitrepo::commands
