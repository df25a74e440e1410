// SPDX-License-Identifier: Apache-2.0
// The copies of one file: who holds it and since when, asked of every pillar of the collection.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "client/commands/agreement.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

struct Copies {
  absl::btree_map<base::ComponentId, std::shared_ptr<const wire::FileInfo>> infos;
  Agreement agreement;
  bool found() const { return !infos.empty(); }
};

// Nothing, and reported, when nobody could be asked. A pillar that did not answer is reported too.
std::optional<Copies> AskForCopies(Session& session, client::BlockingClient& client,
                                   const base::FileId& file_id);

// Says on standard error what is wrong with the copies, when something is: exit code 6, or 4 when
// there are none.
void ReportCopies(Session& session, const base::FileId& file_id, const Copies& copies);

}  // namespace bitrepo::commands
