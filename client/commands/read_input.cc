// SPDX-License-Identifier: Apache-2.0
#include "client/commands/read_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/runtime/scoped_fd.h"
#include "base/status.h"

namespace bitrepo::commands {

absl::StatusOr<std::string> ReadInput(const std::string& path, int standard_input,
                                      size_t bytes_max) {
  runtime::ScopedFd opened;
  int descriptor = standard_input;
  if (path != "-") {
    opened = runtime::ScopedFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened.valid()) return base::ErrnoStatus(errno, path);
    descriptor = opened.get();
  }
  std::string text;
  std::array<char, 64 * 1024> chunk{};
  for (;;) {
    const ssize_t got = read(descriptor, chunk.data(), chunk.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, path);
    }
    if (got == 0) return text;
    text.append(chunk.data(), static_cast<size_t>(got));
    if (text.size() > bytes_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " has more than ", bytes_max, " bytes"));
    }
  }
}

}  // namespace bitrepo::commands
