// SPDX-License-Identifier: Apache-2.0
// A file of this machine that is read for a put: opened once, and found unchanged at the end or
// refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::client {

// Bytes that stay the same while they are read, or say that they did not. Thread-safe; every call
// blocks.
class ReadableBytes {
 public:
  virtual ~ReadableBytes() = default;
  virtual uint64_t size_bytes() const = 0;
  // Fewer than asked for only at the end.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) = 0;
  // kAborted says what changed since it was opened.
  virtual absl::Status CheckUnchanged() = 0;
};

// Identity, size and times as they were at opening.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};

class LocalFile final : public ReadableBytes {
 public:
  // A regular file (symbolic links are followed). kNotFound, kPermissionDenied, and
  // kInvalidArgument for a directory, a device, or a file that has bytes past its size (as those of
  // /proc have).
  static absl::StatusOr<std::unique_ptr<LocalFile>> Open(const std::string& path);
  // Takes all of `descriptor` into a file without a name in `directory`, so that it can be read
  // again. kCancelled soon after `ended` says so, also while nothing comes.
  static absl::StatusOr<std::unique_ptr<LocalFile>> Spool(
      int descriptor, const std::string& directory,
      const std::function<bool()>& ended = [] { return false; });

  uint64_t size_bytes() const override { return identity_.size_bytes; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override;
  absl::Status CheckUnchanged() override;
  // A mark for these very bytes: another one when the file has changed or is another one. Empty for
  // what was spooled: it cannot come again.
  std::string stamp() const;

 private:
  LocalFile(std::string path, runtime::ScopedFd descriptor, FileIdentity identity);
  const std::string path_;  // empty: it has no name any more
  const runtime::ScopedFd descriptor_;
  const FileIdentity identity_;
};

}  // namespace bitrepo::client
