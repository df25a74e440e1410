// SPDX-License-Identifier: Apache-2.0
// Which files a put is about, and under which ids: settled, and checked, before anything is sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"

namespace bitrepo::commands {

struct PutItem {
  std::string path;  // "-": standard input; empty: none, a pillar has it
  base::FileId file_id;
  uint64_t size_bytes = 0;  // as it is now; 0 for standard input
};

struct PutPlanSpec {
  std::vector<std::string> sources;  // files, directories, "-"
  std::string id;                    // of the one source; empty: the file's name
  bool recursive = false;  // directories: every file in them, by its path relative to the directory
};

// What could not be planned: `usage` stops all before anything is sent, `local` is a file that
// cannot be read.
struct PutPlanProblems {
  std::vector<std::string> usage;
  std::vector<std::string> local;
};

struct PutPlan {
  std::vector<PutItem> items;         // each id once; within a directory in order of path
  std::vector<std::string> left_out;  // sockets, devices and links to directories
  PutPlanProblems problems;
};

PutPlan MakePutPlan(const PutPlanSpec& spec);

// The paths in a list: one a line, or with a NUL after each where there is any NUL.
std::vector<std::string> SplitPathList(absl::string_view text);

}  // namespace bitrepo::commands
