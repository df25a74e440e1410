// SPDX-License-Identifier: Apache-2.0
// One conversation of the bus, as lines for a person or records for a program.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "client/commands/json_lines.h"
#include "client/commands/watch_tree.h"

namespace bitrepo::commands {

// Its head, each message of the asker with its replies under it and who has not answered, and the
// verdict. Of progress the last of each phase is shown. Fits into `columns`; 0: nothing is cut off.
std::string TreeText(const TreeGroup& group, size_t columns);

// The verdict line alone, without its end of line.
std::string VerdictText(const TreeGroup& group);

// In the order of the lines: a record for each message, `depth` 0 for an asker's and 1 for what
// answers it (none where that was not heard); then one for the verdict. `make` gives an empty
// record, `emit` takes it filled in.
void EmitTree(const TreeGroup& group, const std::function<JsonRecord()>& make,
              const std::function<void(const JsonRecord&)>& emit);

}  // namespace bitrepo::commands
