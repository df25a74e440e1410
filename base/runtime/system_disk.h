// SPDX-License-Identifier: Apache-2.0
// The disk of a daemon: a directory tree, reached only from its own descriptor.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/runtime/disk.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::runtime {

// No symbolic link anywhere in the tree is followed, whoever made it and when: paths are resolved
// by openat2 (Linux 5.6) beneath that descriptor. Threads, errors: see Disk.
class SystemDisk final : public Disk {
 public:
  // Requires an existing directory; a symbolic link to one is fine here, the path is the operator's
  // own.
  static absl::StatusOr<std::unique_ptr<SystemDisk>> Open(const std::string& path);

  absl::StatusOr<std::unique_ptr<DiskFile>> Create(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<DiskFile>> OpenRead(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<DiskFile>> OpenWrite(absl::string_view path) override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status Remove(absl::string_view path) override;
  absl::Status MakeDirectories(absl::string_view path) override;
  absl::Status MakeDirectory(absl::string_view path) override;
  absl::Status SyncDirectory(absl::string_view path) override;
  absl::Status SyncAll() override;
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override;
  absl::StatusOr<FileStat> Stat(absl::string_view path) override;
  absl::StatusOr<SpaceInfo> Space() override;
  absl::StatusOr<std::unique_ptr<DiskFile>> Lock(absl::string_view path) override;
  std::string root() const override { return path_; }

 private:
  // The directory a name stands in, held open, and the name.
  struct Place {
    ScopedFd directory;
    std::string name;
  };

  SystemDisk(std::string path, ScopedFd root) : path_(std::move(path)), root_(std::move(root)) {}
  absl::StatusOr<Place> Find(absl::string_view path) const;
  absl::StatusOr<ScopedFd> OpenDirectory(absl::string_view path) const;
  absl::StatusOr<std::unique_ptr<DiskFile>> OpenFile(absl::string_view path, int flags) const;

  const std::string path_;
  const ScopedFd root_;
};

}  // namespace bitrepo::runtime
