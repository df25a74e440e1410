// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/runtime_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::runtime {

absl::Status WriteRuntimeFile(const std::string& path,
                              const std::vector<std::pair<std::string, std::string>>& fields) {
  const std::string staged = absl::StrCat(path, ".", getpid());
  errno = 0;
  std::ofstream file(staged, std::ios::trunc);
  for (const auto& [name, value] : fields) file << name << " = \"" << value << "\"\n";
  file << "pid = " << getpid() << "\n";
  file.close();
  if (!file || std::rename(staged.c_str(), path.c_str()) != 0) {
    const int error = errno == 0 ? EIO : errno;
    std::remove(staged.c_str());
    return base::ErrnoStatus(error, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

void RemoveRuntimeFile(const std::string& path) { std::remove(path.c_str()); }

}  // namespace bitrepo::runtime
