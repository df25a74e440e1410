// SPDX-License-Identifier: Apache-2.0
#include "client/local_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr size_t kSpoolChunkBytes = 1024 * 1024;
constexpr int kSpoolWaitMs = 100;  // between two looks whether the spooling is to end

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileIdentity IdentityOf(const struct stat& facts) {
  FileIdentity identity;
  identity.device = facts.st_dev;
  identity.inode = facts.st_ino;
  identity.size_bytes = static_cast<uint64_t>(facts.st_size);
  identity.modified_ns = Nanoseconds(facts.st_mtim);
  identity.changed_ns = Nanoseconds(facts.st_ctim);
  return identity;
}

absl::Status WriteAll(int descriptor, std::span<const std::byte> bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, what);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

LocalFile::LocalFile(std::string path, runtime::ScopedFd descriptor, FileIdentity identity)
    : path_(std::move(path)), descriptor_(std::move(descriptor)), identity_(identity) {}

absl::StatusOr<std::unique_ptr<LocalFile>> LocalFile::Open(const std::string& path) {
  // O_NONBLOCK: a FIFO must not hold us before it is found to be one.
  runtime::ScopedFd descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (descriptor.get() < 0) return base::ErrnoStatus(errno, path);
  struct stat facts {};
  if (fstat(descriptor.get(), &facts) != 0) return base::ErrnoStatus(errno, path);
  if (S_ISDIR(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a directory: use -r"));
  }
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no regular file"));
  }
  char beyond = 0;
  if (const ssize_t got = pread(descriptor.get(), &beyond, 1, facts.st_size); got != 0) {
    if (got < 0) return base::ErrnoStatus(errno, path);
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more bytes than its size tells: pipe it into put -"));
  }
  posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<LocalFile>(new LocalFile(path, std::move(descriptor), IdentityOf(facts)));
}

absl::StatusOr<std::unique_ptr<LocalFile>> LocalFile::Spool(int descriptor,
                                                            const std::string& directory,
                                                            const std::function<bool()>& ended) {
  const std::string what = absl::StrCat("a temporary file in ", directory);
  runtime::ScopedFd spool(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (spool.get() < 0) {  // a file system without O_TMPFILE
    std::string pattern = absl::StrCat(directory, "/bitrepo-spool-XXXXXX");
    spool = runtime::ScopedFd(mkostemp(pattern.data(), O_CLOEXEC));
    if (spool.get() < 0) return base::ErrnoStatus(errno, what);
    unlink(pattern.c_str());
  }
  std::vector<std::byte> chunk(kSpoolChunkBytes);
  for (;;) {
    pollfd waiting{descriptor, POLLIN, 0};
    while (poll(&waiting, 1, kSpoolWaitMs) <= 0) {
      if (ended()) return absl::CancelledError("standard input was not read to its end");
    }
    if (ended()) return absl::CancelledError("standard input was not read to its end");
    const ssize_t got = read(descriptor, chunk.data(), chunk.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, "standard input");
    }
    if (got == 0) break;
    BITREPO_RETURN_IF_ERROR(
        WriteAll(spool.get(), std::span(chunk).first(static_cast<size_t>(got)), what));
  }
  struct stat facts {};
  if (fstat(spool.get(), &facts) != 0) return base::ErrnoStatus(errno, what);
  return std::unique_ptr<LocalFile>(new LocalFile("", std::move(spool), IdentityOf(facts)));
}

absl::StatusOr<size_t> LocalFile::ReadAt(uint64_t offset, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor_.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, path_);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

std::string LocalFile::stamp() const {
  if (path_.empty()) return "";
  return base::Hasher::Of(
             base::Algorithm::kSha256,
             absl::StrCat(identity_.device, " ", identity_.inode, " ", identity_.size_bytes, " ",
                          identity_.modified_ns, " ", identity_.changed_ns))
      .bytes();
}

absl::Status LocalFile::CheckUnchanged() {
  struct stat facts {};
  if (path_.empty()) return absl::OkStatus();  // nobody else can reach it
  if (stat(path_.c_str(), &facts) != 0) {
    return absl::AbortedError(
        absl::StrCat(path_, errno == ENOENT ? " has vanished" : " cannot be looked at any more",
                     " while it was read"));
  }
  const FileIdentity now = IdentityOf(facts);
  if (now == identity_) return absl::OkStatus();
  if (now.device != identity_.device || now.inode != identity_.inode) {
    return absl::AbortedError(absl::StrCat(path_, " was replaced while it was read"));
  }
  return absl::AbortedError(absl::StrCat(path_, " changed while it was read (",
                                         identity_.size_bytes, " bytes then, ", now.size_bytes,
                                         " now)"));
}

}  // namespace bitrepo::client
