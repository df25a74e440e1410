// SPDX-License-Identifier: Apache-2.0
#include "client/commands/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/runtime/scoped_fd.h"
#include "base/status.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

absl::Status MakeDirectories(const fs::path& directory) {
  std::error_code error;
  if (directory.empty() || fs::is_directory(directory, error)) return absl::OkStatus();
  BITREPO_RETURN_IF_ERROR(MakeDirectories(directory.parent_path()));
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return base::ErrnoStatus(errno, directory.string());
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int descriptor, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return base::ErrnoStatus(errno, path);
    text.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadPrivate(const std::string& path) {
  const runtime::ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return base::ErrnoStatus(errno, path);
  std::string text;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, path);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

absl::Status WritePrivate(const std::string& path, absl::string_view text) {
  BITREPO_RETURN_IF_ERROR(MakeDirectories(fs::path(path).parent_path()));
  // A name of its own: two processes may write at once.
  const std::string part = absl::StrCat(path, ".", getpid(), ".part");
  unlink(part.c_str());
  runtime::ScopedFd file(open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!file.valid()) return base::ErrnoStatus(errno, part);
  absl::Status written = WriteAll(file.get(), text, part);
  if (written.ok() && fsync(file.get()) != 0) written = base::ErrnoStatus(errno, part);
  if (written.ok() && rename(part.c_str(), path.c_str()) != 0) {
    written = base::ErrnoStatus(errno, path);
  }
  if (!written.ok()) unlink(part.c_str());
  return written;
}

}  // namespace bitrepo::commands
