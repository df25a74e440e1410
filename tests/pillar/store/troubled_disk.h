// SPDX-License-Identifier: Apache-2.0
// A disk that counts what is asked of it and fails when a test says so.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/disk.h"

namespace bitrepo::testing_support {

// What is asked: the operation by the name of its method, and the path.
struct DiskOperation {
  std::string name;
  std::string path;
  uint64_t number = 0;  // from 1
};

// Thread-safe as long as `trouble` is.
class TroubledDisk final : public runtime::Disk {
 public:
  // Asked before every operation that could fail; what is not OK is what the operation comes to,
  // and nothing is done, or half of a write. kAborted: the process is dead, and nothing at all is.
  using Trouble = std::function<absl::Status(const DiskOperation&)>;

  explicit TroubledDisk(runtime::Disk& disk) : disk_(disk) {}

  void SetTrouble(Trouble trouble) { trouble_ = std::move(trouble); }
  uint64_t operations() const { return operations_; }
  void ResetCount() { operations_ = 0; }
  // Files carry no attributes from now on.
  void ForgetAttributes() { has_attributes_ = false; }

  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> Create(absl::string_view path) override {
    return OpenWith("Create", path, [&] { return disk_.Create(path); });
  }
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> OpenRead(absl::string_view path) override {
    return OpenWith("OpenRead", path, [&] { return disk_.OpenRead(path); });
  }
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> OpenWrite(absl::string_view path) override {
    return OpenWith("OpenWrite", path, [&] { return disk_.OpenWrite(path); });
  }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    const absl::Status status = Ask("Rename", to);
    return status.ok() ? disk_.Rename(from, to) : status;
  }
  absl::Status Remove(absl::string_view path) override {
    const absl::Status status = Ask("Remove", path);
    return status.ok() ? disk_.Remove(path) : status;
  }
  absl::Status MakeDirectories(absl::string_view path) override {
    const absl::Status status = Ask("MakeDirectories", path);
    return status.ok() ? disk_.MakeDirectories(path) : status;
  }
  absl::Status MakeDirectory(absl::string_view path) override {
    const absl::Status status = Ask("MakeDirectory", path);
    return status.ok() ? disk_.MakeDirectory(path) : status;
  }
  absl::Status SyncDirectory(absl::string_view path) override {
    const absl::Status status = Ask("SyncDirectory", path);
    return status.ok() ? disk_.SyncDirectory(path) : status;
  }
  absl::Status SyncAll() override {
    const absl::Status status = Ask("SyncAll", "");
    return status.ok() ? disk_.SyncAll() : status;
  }
  absl::StatusOr<std::vector<std::string>> List(absl::string_view path) override {
    const absl::Status status = Ask("List", path);
    if (!status.ok()) return status;
    return disk_.List(path);
  }
  absl::StatusOr<runtime::FileStat> Stat(absl::string_view path) override {
    const absl::Status status = Ask("Stat", path);
    if (!status.ok()) return status;
    return disk_.Stat(path);
  }
  absl::StatusOr<runtime::SpaceInfo> Space() override {
    const absl::Status status = Ask("Space", "");
    if (!status.ok()) return status;
    return disk_.Space();
  }
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> Lock(absl::string_view path) override {
    return OpenWith("Lock", path, [&] { return disk_.Lock(path); });
  }
  std::string root() const override { return disk_.root(); }

 private:
  class File;

  absl::Status Ask(absl::string_view name, absl::string_view path) {
    const uint64_t number = ++operations_;
    if (!trouble_) return absl::OkStatus();
    return trouble_(DiskOperation{std::string(name), std::string(path), number});
  }
  template <typename OpenIt>
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> OpenWith(absl::string_view name,
                                                              absl::string_view path, OpenIt open);

  runtime::Disk& disk_;
  Trouble trouble_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<bool> has_attributes_{true};
};

class TroubledDisk::File final : public runtime::DiskFile {
 public:
  File(TroubledDisk& disk, std::string path, std::unique_ptr<runtime::DiskFile> file)
      : disk_(disk), path_(std::move(path)), file_(std::move(file)) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    const absl::Status status = disk_.Ask("ReadAt", path_);
    if (!status.ok()) return status;
    return file_->ReadAt(offset, out);
  }
  absl::Status WriteAt(uint64_t offset, std::span<const std::byte> bytes) override {
    const absl::Status status = disk_.Ask("WriteAt", path_);
    if (status.ok()) return file_->WriteAt(offset, bytes);
    // A write that fails may have been done in part.
    if (absl::IsAborted(status)) return status;
    file_->WriteAt(offset, bytes.first(bytes.size() / 2)).IgnoreError();
    return status;
  }
  absl::Status Truncate(uint64_t size) override {
    const absl::Status status = disk_.Ask("Truncate", path_);
    return status.ok() ? file_->Truncate(size) : status;
  }
  absl::StatusOr<uint64_t> Size() override {
    const absl::Status status = disk_.Ask("Size", path_);
    if (!status.ok()) return status;
    return file_->Size();
  }
  void StartWriteBack(uint64_t offset, uint64_t length) override {
    file_->StartWriteBack(offset, length);
  }
  absl::Status Sync() override {
    const absl::Status status = disk_.Ask("Sync", path_);
    return status.ok() ? file_->Sync() : status;
  }
  absl::Status SetAttribute(absl::string_view name, absl::string_view value) override {
    if (!disk_.has_attributes_) return absl::UnimplementedError("no attributes");
    const absl::Status status = disk_.Ask("SetAttribute", path_);
    return status.ok() ? file_->SetAttribute(name, value) : status;
  }
  absl::StatusOr<std::string> GetAttribute(absl::string_view name) override {
    if (!disk_.has_attributes_) return absl::UnimplementedError("no attributes");
    const absl::Status status = disk_.Ask("GetAttribute", path_);
    if (!status.ok()) return status;
    return file_->GetAttribute(name);
  }

 private:
  TroubledDisk& disk_;
  const std::string path_;
  const std::unique_ptr<runtime::DiskFile> file_;
};

template <typename OpenIt>
absl::StatusOr<std::unique_ptr<runtime::DiskFile>> TroubledDisk::OpenWith(absl::string_view name,
                                                                          absl::string_view path,
                                                                          OpenIt open) {
  const absl::Status status = Ask(name, path);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<runtime::DiskFile>> file = open();
  if (!file.ok()) return file.status();
  return std::make_unique<File>(*this, std::string(path), *std::move(file));
}

}  // namespace bitrepo::testing_support
