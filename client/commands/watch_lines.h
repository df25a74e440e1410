// SPDX-License-Identifier: Apache-2.0
// One message of the bus as a line for a person, or a record for a program.
#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "bus/watch_stream.h"
#include "client/commands/json_lines.h"
#include "client/commands/watch_memory.h"

namespace bitrepo::commands {

// "12:00:00.123 5f03c2d1 alice.5f03 -> collection:demo  put identify  report.pdf". `at` is when it
// was heard. Fits into `columns`, by narrower parts where there are few; 0: nothing is cut off.
std::string WatchLine(const bus::WatchCopy& copy, absl::Time at, size_t columns = 0);
// Fills in the record of one message.
void FillWatchRecord(const Heard& heard, JsonRecord& record);
// What of the body a person wants to see first: the file, the answer, the bytes; may be empty.
std::string KeyFigure(const wire::Header& header, const wire::Body& body);

}  // namespace bitrepo::commands
