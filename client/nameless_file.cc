// SPDX-License-Identifier: Apache-2.0
#include "client/nameless_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::client {

absl::StatusOr<std::shared_ptr<NamelessFile>> NamelessFile::Create(const std::string& directory) {
  std::string what = absl::StrCat("a temporary file in ", directory);
  runtime::ScopedFd file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) {  // a file system without O_TMPFILE
    std::string pattern = absl::StrCat(directory, "/bitrepo-spool-XXXXXX");
    file = runtime::ScopedFd(mkostemp(pattern.data(), O_CLOEXEC));
    if (!file.valid()) return base::ErrnoStatus(errno, what);
    unlink(pattern.c_str());
  }
  return std::shared_ptr<NamelessFile>(new NamelessFile(std::move(what), std::move(file)));
}

absl::Status NamelessFile::Append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(descriptor_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return base::ErrnoStatus(errno, what_);
    bytes = bytes.subspan(static_cast<size_t>(put));
    size_bytes_ += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::Status NamelessFile::Append(absl::string_view bytes) {
  return Append(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

absl::Status NamelessFile::TakeSize() {
  struct stat facts {};
  if (fstat(descriptor_.get(), &facts) != 0) return base::ErrnoStatus(errno, what_);
  size_bytes_ = static_cast<uint64_t>(facts.st_size);
  return absl::OkStatus();
}

absl::StatusOr<size_t> NamelessFile::ReadAt(uint64_t offset, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor_.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::ErrnoStatus(errno, what_);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace bitrepo::client
