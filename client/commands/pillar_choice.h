// SPDX-License-Identifier: Apache-2.0
// For which pillars a change is meant: those named, or all of them; never all by saying nothing.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "client/commands/grammar.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// Loop-confined; the flags point into it.
class PillarChoice {
 public:
  // --pillar and --all-pillars.
  std::vector<FlagRow> Flags();

  // Empty: all pillars of the collection. kInvalidArgument when neither flag or both are given, or
  // a name is none.
  absl::StatusOr<std::vector<base::ComponentId>> Chosen() const;
  bool all() const { return all_; }
  // " pillar-1, pillar-2", as given.
  std::string Names() const;
  // As words of a command to go on with, a blank before each.
  std::string Words() const;

 private:
  std::vector<std::string> names_;
  bool all_ = false;
};

// kInvalidArgument names the first that is no component id.
absl::StatusOr<std::vector<base::ComponentId>> ParsePillars(const std::vector<std::string>& names);

// The expected pillars of the collection as the coordinator sees them, sorted; nothing, and
// reported, when it does not say.
std::optional<std::vector<base::ComponentId>> AskForPillars(Session& session,
                                                            client::BlockingClient& client);

}  // namespace bitrepo::commands
