// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/runtime/system_disk.h"
#include "base/status.h"

namespace bitrepo::runtime {
namespace {

constexpr uint64_t kWriteBackBytes = 8 * 1024 * 1024;
constexpr size_t kNameBytesMax = 200;  // of the file's name in those of its part and map
constexpr size_t kDigestChars = 16;
constexpr int kOpenTriesMax = 16;  // another process may publish its part between two steps of ours

struct Place {
  std::string directory;
  std::string name;
};

Place PlaceOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// ".NAME.bitrepo-" for the file NAME.
std::string Stem(const std::string& name) {
  if (name.size() <= kNameBytesMax) return absl::StrCat(".", name, ".bitrepo-");
  const std::string digest = base::Hasher::Of(base::Algorithm::kSha256, name).Hex();
  return absl::StrCat(".", name.substr(0, kNameBytesMax), "~", digest.substr(0, kDigestChars),
                      ".bitrepo-");
}

base::ByteRange Hull(const base::ByteRange& a, const base::ByteRange& b) {
  if (a.empty()) return b;
  const uint64_t from = std::min(a.offset(), b.offset());
  return base::ByteRange::Make(from, std::max(a.end(), b.end()) - from).value();
}

}  // namespace

std::string PartFile::PartPathOf(const std::string& path) {
  const Place place = PlaceOf(path);
  return absl::StrCat(path.substr(0, path.size() - place.name.size()), Stem(place.name), "part");
}

absl::StatusOr<std::unique_ptr<PartFile>> PartFile::Open(const std::string& path,
                                                         absl::string_view identity,
                                                         base::ByteRange range) {
  const Place place = PlaceOf(path);
  std::unique_ptr<PartFile> made(new PartFile(path, place.directory, range));
  made->part_path_ = PartPathOf(path);
  made->map_name_ = absl::StrCat(Stem(place.name), "map");
  BITREPO_ASSIGN_OR_RETURN(made->disk_, SystemDisk::Open(place.directory));
  BITREPO_ASSIGN_OR_RETURN(const bool fresh, made->OpenLocked());
  BITREPO_RETURN_IF_ERROR(made->TakeUp(identity, fresh));
  if (range.length() >= kDirectPartBytesMin) made->direct_.emplace(made->part_.get());
  return made;
}

// True when there was none before.
absl::StatusOr<bool> PartFile::OpenLocked() {
  for (int tries = 0; tries < kOpenTriesMax; ++tries) {
    bool fresh = false;
    ScopedFd part(open(part_path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!part.valid() && errno == ENOENT) {
      part = ScopedFd(
          open(part_path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
      if (!part.valid() && errno == EEXIST) continue;
      fresh = true;
    }
    if (!part.valid()) return base::ErrnoStatus(errno, part_path_);
    if (flock(part.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return base::ErrnoStatus(errno, part_path_);
      return absl::FailedPreconditionError(absl::StrCat("another process writes ", path_,
                                                        " now: wait for it, or name another file (",
                                                        part_path_, " is locked)"));
    }
    struct stat ours {};
    struct stat there {};
    if (fstat(part.get(), &ours) != 0) return base::ErrnoStatus(errno, part_path_);
    if (!S_ISREG(ours.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(part_path_, " is no file: move it away"));
    }
    // Who had it before may have published or removed it: then the lock is on what is no part.
    if (lstat(part_path_.c_str(), &there) != 0 || there.st_ino != ours.st_ino ||
        there.st_dev != ours.st_dev) {
      continue;
    }
    part_ = std::move(part);
    return fresh;
  }
  return absl::UnavailableError(absl::StrCat(part_path_, " comes and goes: try again"));
}

absl::Status PartFile::TakeUp(absl::string_view identity, bool fresh) {
  const absl::StatusOr<std::string> boot = SystemBootId();
  // Without syncs no clock is asked for.
  const absl::Time now = absl::UnixEpoch();
  if (!fresh && boot.ok()) {
    auto map = RangeLog::Open(*disk_, map_name_, *boot, now);
    struct stat facts {};
    if (map.ok() && (*map)->identity() == identity && fstat(part_.get(), &facts) == 0) {
      const auto there =
          base::ByteRange::Make(range_.offset(), static_cast<uint64_t>(facts.st_size));
      for (const base::ByteRange& written : (*map)->ranges().ranges()) {
        if (there.ok()) held_.Add(written.Intersect(range_).Intersect(*there));
      }
      map_ = *std::move(map);
      return absl::OkStatus();
    }
  }
  BITREPO_RETURN_IF_ERROR(RangeLog::Remove(*disk_, map_name_));
  if (ftruncate(part_.get(), 0) != 0) return base::ErrnoStatus(errno, part_path_);
  if (boot.ok()) {
    BITREPO_ASSIGN_OR_RETURN(map_, RangeLog::Create(*disk_, map_name_, *boot, identity, now));
  }
  return absl::OkStatus();
}

PartFile::~PartFile() {
  if (part_.valid() && held_.empty() && !something_written_) Remove();
}

absl::Status PartFile::Write(base::ByteRange range, std::span<const std::byte> bytes,
                             bool read_soon) {
  uint64_t at = range.offset() - range_.offset();
  if (direct_ && !read_soon) {
    const absl::StatusOr<size_t> front = direct_->WriteFront(at, bytes);
    something_written_ = true;  // whatever is told
    if (!front.ok()) return base::Annotate(front.status(), part_path_);
    at += *front;
    bytes = bytes.subspan(*front);
  }
  const uint64_t cached_bytes = bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = pwrite(part_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, part_path_);
    }
    something_written_ = true;
    at += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  if (map_ != nullptr && !map_->NoteWritten(range).ok()) {
    // A part without a map is thrown away by the next process: only its work is lost.
    map_.reset();
    RangeLog::Remove(*disk_, map_name_).IgnoreError();
  }
  if (cached_bytes > 0) StartWriteBack(range);
  return absl::OkStatus();
}

// Keeps the last sync short; promises nothing.
void PartFile::StartWriteBack(const base::ByteRange& range) {
  flushing_ = Hull(flushing_, range);
  if (flushing_.length() < kWriteBackBytes) return;
  sync_file_range(part_.get(), static_cast<off_t>(flushing_.offset() - range_.offset()),
                  static_cast<off_t>(flushing_.length()), SYNC_FILE_RANGE_WRITE);
  flushing_ = base::ByteRange();
}

absl::StatusOr<size_t> PartFile::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(part_.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset - range_.offset() + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return base::ErrnoStatus(errno, part_path_);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status PartFile::Sync() {
  return fsync(part_.get()) == 0 ? absl::OkStatus() : base::ErrnoStatus(errno, part_path_);
}

absl::Status PartFile::Publish() {
  if (rename(part_path_.c_str(), path_.c_str()) != 0) return base::ErrnoStatus(errno, path_);
  // Killed before this, a map is left without its part: the next process throws it away.
  if (const absl::Status gone = RangeLog::Remove(*disk_, map_name_); !gone.ok()) {
    base::LogLine(base::LogLevel::kWarning, "map-left").With("why", gone.message());
  }
  map_.reset();
  direct_.reset();
  part_.Reset();
  const ScopedFd directory(open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) {
    return base::ErrnoStatus(errno, directory_);
  }
  return absl::OkStatus();
}

void PartFile::Remove() {
  if (!part_.valid()) return;
  map_.reset();
  RangeLog::Remove(*disk_, map_name_).IgnoreError();
  unlink(part_path_.c_str());
  direct_.reset();
  part_.Reset();
}

}  // namespace bitrepo::runtime
