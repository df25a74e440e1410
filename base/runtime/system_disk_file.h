// SPDX-License-Identifier: Apache-2.0
// One open file of a SystemDisk.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "base/runtime/direct_file.h"
#include "base/runtime/disk.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::runtime {

// Threads, errors: see DiskFile. After a failed Sync every later one fails too, without asking the
// kernel, which would call pages clean that it has dropped.
class SystemDiskFile final : public DiskFile {
 public:
  // `shown_path` names the file in messages.
  SystemDiskFile(std::string shown_path, ScopedFd fd)
      : path_(std::move(shown_path)), fd_(std::move(fd)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override;
  absl::StatusOr<size_t> ReadFreshAt(uint64_t offset, std::span<std::byte> out) override;
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override;
  void PreferDirect() override { direct_.emplace(fd_.get()); }
  absl::Status Truncate(uint64_t size) override;
  absl::StatusOr<uint64_t> Size() override;
  void StartWriteBack(uint64_t offset, uint64_t length) override;
  absl::Status Sync() override;
  absl::Status SetAttribute(absl::string_view name, absl::string_view value) override;
  absl::StatusOr<std::string> GetAttribute(absl::string_view name) override;

 private:
  const std::string path_;
  const ScopedFd fd_;
  std::optional<DirectFile> direct_;  // to write
  base::Mutex mutex_;
  std::shared_ptr<DirectFile> fresh_ ABSL_GUARDED_BY(mutex_);  // to read, once it was wanted
  std::atomic<int> sync_error_{0};
};

}  // namespace bitrepo::runtime
