// SPDX-License-Identifier: Apache-2.0
// The way to a file's bytes past the page cache, where its file system has one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::runtime {

inline constexpr size_t kDirectAlignment = 4096;  // of offset, length and memory: suits all disks
// Shorter writes gain nothing: they wait for the disk, and a cached one does not.
inline constexpr size_t kDirectBytesMin = 64 * 1024;

// To write what is much and not read soon: a cached write costs a copy, pages that are found and
// given back, and a long sync; a direct one hands the memory to the disk. To read what the medium
// has, and not what is remembered of it. Both may be mixed with cached ones in one file. Nothing is
// durable before a sync either way.
// Threads:  thread-safe, for ranges that do not overlap.
// Lifetime: the descriptor it was made of may be closed before it.
class DirectFile {
 public:
  // Of the open file `descriptor`, with its rights. Where there is no such way it does nothing.
  explicit DirectFile(int descriptor);
  // Writes what of the front of `bytes` can go past the cache: whole pages at the begin of a page,
  // at least kDirectBytesMin. Returns how many bytes that were, often none; the rest is the
  // caller's. Errors: as base::ErrnoStatus, without a name; any part may have been written then.
  absl::StatusOr<size_t> WriteFront(uint64_t offset, std::span<const std::byte> bytes);
  // Reads into the front of `out`, from the begin of a page; returns how many bytes that were:
  // none where it cannot, or at the end of the file.
  absl::StatusOr<size_t> ReadFront(uint64_t offset, std::span<std::byte> out);

 private:
  const ScopedFd fd_;
  std::atomic<bool> usable_;
};

}  // namespace bitrepo::runtime
