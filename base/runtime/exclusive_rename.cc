// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/exclusive_rename.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace bitrepo::runtime {

int RenameWithoutReplacing(int from_directory, const std::string& from, int to_directory,
                           const std::string& to) {
  if (renameat2(from_directory, from.c_str(), to_directory, to.c_str(), RENAME_NOREPLACE) == 0) {
    return 0;
  }
  const bool unknown_flag = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
  return unknown_flag ? LinkThenUnlink(from_directory, from, to_directory, to) : errno;
}

int LinkThenUnlink(int from_directory, const std::string& from, int to_directory,
                   const std::string& to) {
  if (linkat(from_directory, from.c_str(), to_directory, to.c_str(), /*flags=*/0) != 0) {
    return errno;
  }
  return unlinkat(from_directory, from.c_str(), /*flags=*/0) == 0 ? 0 : errno;
}

}  // namespace bitrepo::runtime
