// SPDX-License-Identifier: Apache-2.0
// Renaming that never replaces, also where the file system cannot do it in one step.
#pragma once

#include <string>

namespace bitrepo::runtime {

// Both return 0 or an errno value; EEXIST when `to` is there, and then nothing has changed.

// renameat2 with RENAME_NOREPLACE; LinkThenUnlink where the file system knows no such rename.
int RenameWithoutReplacing(int from_directory, const std::string& from, int to_directory,
                           const std::string& to);

// Files only: a second name, then the first one away. A crash in between leaves both names.
int LinkThenUnlink(int from_directory, const std::string& from, int to_directory,
                   const std::string& to);

}  // namespace bitrepo::runtime
