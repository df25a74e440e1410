// SPDX-License-Identifier: Apache-2.0
// A file of this machine without a name, which nobody else can reach and which is gone with its
// owner.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/runtime/scoped_fd.h"
#include "client/local_file.h"

namespace bitrepo::client {

// Written from front to back, then read anywhere. Threads: one may write, then any may read.
class NamelessFile final : public ReadableBytes {
 public:
  // Mode 0600. As open() says.
  static absl::StatusOr<std::shared_ptr<NamelessFile>> Create(const std::string& directory);

  absl::Status Append(std::span<const std::byte> bytes);
  absl::Status Append(absl::string_view bytes);
  // For writers of other kinds: bytes written there count once TakeSize was called.
  int descriptor() const { return descriptor_.get(); }
  absl::Status TakeSize();

  uint64_t size_bytes() const override { return size_bytes_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override;
  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  NamelessFile(std::string what, runtime::ScopedFd descriptor)
      : what_(std::move(what)), descriptor_(std::move(descriptor)) {}
  const std::string what_;
  const runtime::ScopedFd descriptor_;
  uint64_t size_bytes_ = 0;
};

}  // namespace bitrepo::client
