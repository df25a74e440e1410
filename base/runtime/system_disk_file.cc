// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/system_disk_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::runtime {
namespace {

constexpr uint64_t kOffsetMax = std::numeric_limits<off_t>::max();

// What the kernel's signed offsets can say.
bool Addressable(uint64_t offset, uint64_t length) {
  return offset <= kOffsetMax && length <= kOffsetMax - offset;
}

std::string AttributeName(absl::string_view name) { return absl::StrCat("user.", name); }

}  // namespace

absl::StatusOr<size_t> SystemDiskFile::ReadAt(uint64_t offset, std::span<std::byte> out) {
  if (!Addressable(offset, out.size())) {
    return base::ErrnoStatus(EINVAL, path_);
  }
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return base::ErrnoStatus(errno, path_);
    }
    if (got == 0) {
      break;
    }
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::StatusOr<size_t> SystemDiskFile::ReadFreshAt(uint64_t offset, std::span<std::byte> out) {
  if (!Addressable(offset, out.size())) {
    return base::ErrnoStatus(EINVAL, path_);
  }
  std::shared_ptr<DirectFile> fresh;
  {
    base::MutexLock lock(mutex_);
    if (fresh_ == nullptr) {
      fresh_ = std::make_shared<DirectFile>(fd_.get());
    }
    fresh = fresh_;
  }
  const absl::StatusOr<size_t> front = fresh->ReadFront(offset, out);
  if (!front.ok()) {
    return base::Annotate(front.status(), path_);
  }
  if (*front == out.size()) {
    return out.size();
  }
  // What cannot be read directly: the cache is asked to forget it first.
  posix_fadvise(fd_.get(), static_cast<off_t>(offset + *front),
                static_cast<off_t>(out.size() - *front), POSIX_FADV_DONTNEED);
  const absl::StatusOr<size_t> rest = ReadAt(offset + *front, out.subspan(*front));
  return rest.ok() ? absl::StatusOr<size_t>(*front + *rest) : rest;
}

absl::Status SystemDiskFile::WriteAt(uint64_t offset, std::span<const std::byte> bytes) {
  if (!Addressable(offset, bytes.size())) {
    return base::ErrnoStatus(EINVAL, path_);
  }
  size_t done = 0;
  if (direct_.has_value()) {
    const absl::StatusOr<size_t> front = direct_->WriteFront(offset, bytes);
    if (!front.ok()) {
      return base::Annotate(front.status(), path_);
    }
    done = *front;
  }
  while (done < bytes.size()) {
    const ssize_t put = pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(offset + done));
    if (put < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, path_);
    }
    done += put < 0 ? 0 : static_cast<size_t>(put);
  }
  return absl::OkStatus();
}

absl::Status SystemDiskFile::Truncate(uint64_t size) {
  if (!Addressable(size, 0)) {
    return base::ErrnoStatus(EINVAL, path_);
  }
  while (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    if (errno != EINTR) {
      return base::ErrnoStatus(errno, path_);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SystemDiskFile::Size() {
  struct stat info {};
  if (fstat(fd_.get(), &info) != 0) {
    return base::ErrnoStatus(errno, path_);
  }
  return static_cast<uint64_t>(info.st_size);
}

void SystemDiskFile::StartWriteBack(uint64_t offset, uint64_t length) {
  // A hint: what it cannot do, Sync does later, and reports.
  if (Addressable(offset, length)) {
    sync_file_range(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(length),
                    SYNC_FILE_RANGE_WRITE);
  }
}

absl::Status SystemDiskFile::Sync() {
  if (const int earlier = sync_error_; earlier != 0) {
    return base::ErrnoStatus(earlier, absl::StrCat(path_, ": an earlier sync failed"));
  }
  // fsync, not fdatasync: attributes are promised too.
  if (fsync(fd_.get()) != 0) {
    const int error = errno;
    sync_error_ = error;
    return base::ErrnoStatus(error, path_);
  }
  return absl::OkStatus();
}

absl::Status SystemDiskFile::SetAttribute(absl::string_view name, absl::string_view value) {
  if (fsetxattr(fd_.get(), AttributeName(name).c_str(), value.data(), value.size(), 0) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat(path_, ": attribute ", name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SystemDiskFile::GetAttribute(absl::string_view name) {
  constexpr size_t kAttributeBytesMax = 64 * 1024;  // the kernel's own limit
  std::string value(kAttributeBytesMax, '\0');
  const ssize_t size =
      fgetxattr(fd_.get(), AttributeName(name).c_str(), value.data(), value.size());
  if (size < 0) {
    return base::ErrnoStatus(errno, absl::StrCat(path_, ": attribute ", name));
  }
  value.resize(static_cast<size_t>(size));
  return value;
}

}  // namespace bitrepo::runtime
