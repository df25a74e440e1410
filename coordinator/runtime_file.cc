// SPDX-License-Identifier: Apache-2.0
#include "coordinator/runtime_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::coordinator {

absl::Status WriteRuntimeFile(const std::string& path, const std::string& bus_endpoint,
                              const std::string& watch_endpoint) {
  const std::string staged = absl::StrCat(path, ".", getpid());
  errno = 0;
  std::ofstream file(staged, std::ios::trunc);
  file << "# where this coordinator listens\n"
       << "bus = \"" << bus_endpoint << "\"\n"
       << "watch = \"" << watch_endpoint << "\"\n"
       << "pid = " << getpid() << "\n";
  file.close();
  if (!file || std::rename(staged.c_str(), path.c_str()) != 0) {
    const int error = errno == 0 ? EIO : errno;
    std::remove(staged.c_str());
    return base::ErrnoStatus(error, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

void RemoveRuntimeFile(const std::string& path) { std::remove(path.c_str()); }

}  // namespace bitrepo::coordinator
