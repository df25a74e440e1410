// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/system_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/runtime/exclusive_rename.h"
#include "base/runtime/system_disk_file.h"
#include "base/status.h"
#include "base/utf8.h"

namespace bitrepo::runtime {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr size_t kShownPathBytesMax = 512;

std::string Shown(absl::string_view path) { return base::Printable(path, kShownPathBytesMax); }

// openat2(2), for which glibc has no function: never leaves `directory`, never through a symbolic
// link.
int OpenBeneath(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? kFileMode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  for (;;) {
    const auto fd = syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
    if (fd >= 0 || errno != EINTR) {
      return static_cast<int>(fd);
    }
  }
}

absl::Status CheckPath(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == ".." || absl::StrContains(part, '\0')) {
      return absl::InvalidArgumentError(
          absl::StrCat("the path \"", Shown(path), "\" has an empty, \".\" or \"..\" part"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> NamesIn(ScopedFd directory, absl::string_view path) {
  DIR* const stream = fdopendir(directory.get());
  if (stream == nullptr) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  directory.Release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(stream);
    if (entry == nullptr) {
      break;
    }
    const absl::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
  }
  const int error = errno;
  closedir(stream);
  if (error != 0) {
    return base::ErrnoStatus(error, Shown(path));
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status SyncDescriptor(int fd, absl::string_view path) {
  return fsync(fd) == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, Shown(path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SystemDisk>> SystemDisk::Open(const std::string& path) {
  ScopedFd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  return std::unique_ptr<SystemDisk>(new SystemDisk(path, std::move(root)));
}

absl::StatusOr<SystemDisk::Place> SystemDisk::Find(absl::string_view path) const {
  BITREPO_RETURN_IF_ERROR(CheckPath(path));
  const size_t slash = path.rfind('/');
  const bool at_root = slash == absl::string_view::npos;
  const std::string parent(at_root ? absl::string_view(".") : path.substr(0, slash));
  ScopedFd directory(OpenBeneath(root_.get(), parent, O_PATH | O_DIRECTORY));
  if (!directory.valid()) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  return Place{std::move(directory), std::string(at_root ? path : path.substr(slash + 1))};
}

absl::StatusOr<ScopedFd> SystemDisk::OpenDirectory(absl::string_view path) const {
  if (!path.empty()) {
    BITREPO_RETURN_IF_ERROR(CheckPath(path));
  }
  ScopedFd directory(
      OpenBeneath(root_.get(), path.empty() ? "." : std::string(path), O_RDONLY | O_DIRECTORY));
  if (!directory.valid()) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  return directory;
}

absl::StatusOr<std::unique_ptr<DiskFile>> SystemDisk::OpenFile(absl::string_view path,
                                                               int flags) const {
  BITREPO_RETURN_IF_ERROR(CheckPath(path));
  // O_NONBLOCK: a pipe put here by someone must not stop us in open.
  ScopedFd fd(OpenBeneath(root_.get(), std::string(path), flags | O_NONBLOCK));
  if (!fd.valid()) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(Shown(path), ": not a plain file"));
  }
  return std::make_unique<SystemDiskFile>(Shown(path), std::move(fd));
}

absl::StatusOr<std::unique_ptr<DiskFile>> SystemDisk::Create(absl::string_view path) {
  return OpenFile(path, O_RDWR | O_CREAT | O_EXCL);
}

absl::StatusOr<std::unique_ptr<DiskFile>> SystemDisk::OpenRead(absl::string_view path) {
  return OpenFile(path, O_RDONLY);
}

absl::StatusOr<std::unique_ptr<DiskFile>> SystemDisk::OpenWrite(absl::string_view path) {
  return OpenFile(path, O_RDWR);
}

absl::Status SystemDisk::Rename(absl::string_view from, absl::string_view to) {
  BITREPO_ASSIGN_OR_RETURN(const Place old_place, Find(from));
  BITREPO_ASSIGN_OR_RETURN(const Place new_place, Find(to));
  const int error = RenameWithoutReplacing(old_place.directory.get(), old_place.name,
                                           new_place.directory.get(), new_place.name);
  return error == 0 ? absl::OkStatus()
                    : base::ErrnoStatus(error, absl::StrCat(Shown(from), " to ", Shown(to)));
}

absl::Status SystemDisk::Remove(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(const Place place, Find(path));
  int result = unlinkat(place.directory.get(), place.name.c_str(), /*flags=*/0);
  if (result != 0 && errno == EISDIR) {
    result = unlinkat(place.directory.get(), place.name.c_str(), AT_REMOVEDIR);
  }
  return result == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, Shown(path));
}

// Syncs each parent even when the name was there: the one who made it may not have done so yet.
absl::Status SystemDisk::MakeDirectories(absl::string_view path) {
  if (path.empty()) {
    return absl::OkStatus();
  }
  BITREPO_RETURN_IF_ERROR(CheckPath(path));
  ScopedFd opened;
  int parent = root_.get();
  for (const absl::string_view name : absl::StrSplit(path, '/')) {
    const std::string part(name);
    if (mkdirat(parent, part.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
      return base::ErrnoStatus(errno, Shown(path));
    }
    BITREPO_RETURN_IF_ERROR(SyncDescriptor(parent, path));
    ScopedFd next(OpenBeneath(parent, part, O_RDONLY | O_DIRECTORY));
    if (!next.valid()) {
      return base::ErrnoStatus(errno, Shown(path));
    }
    opened = std::move(next);
    parent = opened.get();
  }
  return absl::OkStatus();
}

absl::Status SystemDisk::MakeDirectory(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(const Place place, Find(path));
  if (mkdirat(place.directory.get(), place.name.c_str(), kDirectoryMode) == 0) {
    return absl::OkStatus();
  }
  if (errno != EEXIST) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  return OpenDirectory(path).status();
}

absl::Status SystemDisk::SyncDirectory(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(const ScopedFd directory, OpenDirectory(path));
  return SyncDescriptor(directory.get(), path);
}

absl::Status SystemDisk::SyncAll() {
  return syncfs(root_.get()) == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, path_);
}

absl::StatusOr<std::vector<std::string>> SystemDisk::List(absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(ScopedFd directory, OpenDirectory(path));
  return NamesIn(std::move(directory), path);
}

absl::StatusOr<FileStat> SystemDisk::Stat(absl::string_view path) {
  struct stat info {};
  int result = 0;
  if (path.empty()) {
    result = fstat(root_.get(), &info);
  } else {
    BITREPO_ASSIGN_OR_RETURN(const Place place, Find(path));
    result = fstatat(place.directory.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  }
  if (result != 0) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), ": neither a plain file nor a directory"));
  }
  FileStat stat;
  stat.size_bytes = static_cast<uint64_t>(info.st_size);
  stat.is_directory = S_ISDIR(info.st_mode);
  stat.inode = info.st_ino;
  stat.modified = absl::TimeFromTimespec(info.st_mtim);
  return stat;
}

absl::StatusOr<SpaceInfo> SystemDisk::Space() {
  struct statvfs info {};
  if (fstatvfs(root_.get(), &info) != 0) {
    return base::ErrnoStatus(errno, path_);
  }
  SpaceInfo space;
  space.total_bytes = uint64_t{info.f_blocks} * info.f_frsize;
  space.free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  space.free_inodes = info.f_favail;
  return space;
}

absl::StatusOr<std::unique_ptr<DiskFile>> SystemDisk::Lock(absl::string_view path) {
  BITREPO_RETURN_IF_ERROR(CheckPath(path));
  ScopedFd fd(OpenBeneath(root_.get(), std::string(path), O_RDWR | O_CREAT));
  if (!fd.valid()) {
    return base::ErrnoStatus(errno, Shown(path));
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? absl::FailedPreconditionError(absl::StrCat(
                                      path_, "/", Shown(path), ": another process holds the lock"))
                                : base::ErrnoStatus(errno, Shown(path));
  }
  return std::make_unique<SystemDiskFile>(Shown(path), std::move(fd));
}

}  // namespace bitrepo::runtime
