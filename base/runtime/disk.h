// SPDX-License-Identifier: Apache-2.0
// The file system as the stores use it, every promise about durability named: a seam.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bitrepo::runtime {

struct SpaceInfo {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;  // for this user
  uint64_t free_inodes = 0;
};
struct FileStat {
  uint64_t size_bytes = 0;
  bool is_directory = false;
  uint64_t inode = 0;
  absl::Time modified;
};

// One open file. Thread-safe for reads and for writes to ranges that do not overlap; closed by the
// destructor.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Reads up to out.size() bytes; fewer only at the end of the file. kDataLoss for EIO.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) = 0;
  // As ReadAt, but what the medium has and not what is remembered of it, as far as that can be had.
  virtual absl::StatusOr<size_t> ReadFreshAt(uint64_t offset, std::span<std::byte> out) {
    return ReadAt(offset, out);
  }
  // Writes all of it or fails (then any part may have been written). Not durable before Sync.
  virtual absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) = 0;
  // What is written from now on is much and not read soon: it may go past the page cache. A hint;
  // before the first write.
  virtual void PreferDirect() {}
  virtual absl::Status Truncate(uint64_t size) = 0;
  virtual absl::StatusOr<uint64_t> Size() = 0;
  // Starts write-back of a range and returns: makes the later Sync short. Promises nothing.
  virtual void StartWriteBack(uint64_t offset, uint64_t length) = 0;
  // fdatasync/fsync: bytes, size and attributes are durable after OK. After an error the pages are
  // lost to doubt: never call it again on this file; stop writing.
  virtual absl::Status Sync() = 0;
  // Extended attribute "user.<name>". kUnimplemented where the file system has none.
  virtual absl::Status SetAttribute(absl::string_view name, absl::string_view value) = 0;
  virtual absl::StatusOr<std::string> GetAttribute(absl::string_view name) = 0;  // kNotFound
};

// One directory tree. Paths are relative to its root, with '/' between parts; absolute paths,
// empty, "." and ".." parts are refused (kInvalidArgument); symbolic links are never followed.
// Implementations: SystemDisk (openat under a directory descriptor), SimDisk (loses what was not
// synced). Threads:  thread-safe. Errors:   as base::ErrnoStatus; messages name the path.
class Disk {
 public:
  virtual ~Disk() = default;
  // A new file; kAlreadyExists when there is one. Mode 0600.
  virtual absl::StatusOr<std::unique_ptr<DiskFile>> Create(absl::string_view path) = 0;
  virtual absl::StatusOr<std::unique_ptr<DiskFile>> OpenRead(absl::string_view path) = 0;
  virtual absl::StatusOr<std::unique_ptr<DiskFile>> OpenWrite(absl::string_view path) = 0;
  // Renames within the tree without replacing: kAlreadyExists when `to` is there. Durable after
  // SyncDirectory of both parents.
  virtual absl::Status Rename(absl::string_view from, absl::string_view to) = 0;
  virtual absl::Status Remove(absl::string_view path) = 0;  // a file or an empty directory
  // Makes the directory and its parents; fine when there. The names are durable when it returns.
  virtual absl::Status MakeDirectories(absl::string_view path) = 0;
  // Makes one directory in one that is there; fine when there. Its name is durable after
  // SyncDirectory of its parent.
  virtual absl::Status MakeDirectory(absl::string_view path) { return MakeDirectories(path); }
  // The names in the directory ("" is the root) are durable after OK.
  virtual absl::Status SyncDirectory(absl::string_view path) = 0;
  // Everything written before, data and names of the whole file system, is durable after OK
  // (syncfs).
  virtual absl::Status SyncAll() = 0;
  // Names, sorted by bytes, without "." and "..". An error is never an empty list.
  virtual absl::StatusOr<std::vector<std::string>> List(absl::string_view path) = 0;
  virtual absl::StatusOr<FileStat> Stat(absl::string_view path) = 0;
  virtual absl::StatusOr<SpaceInfo> Space() = 0;
  // An exclusive lock on a file, made when missing, held until the returned object dies or the
  // process ends. kFailedPrecondition when another holds it.
  virtual absl::StatusOr<std::unique_ptr<DiskFile>> Lock(absl::string_view path) = 0;
  // The path of the root for people and for SQLite.
  virtual std::string root() const = 0;
};

}  // namespace bitrepo::runtime
