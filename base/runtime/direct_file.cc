// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/direct_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace bitrepo::runtime {
namespace {

constexpr size_t kBounceBytes = 1024 * 1024;
std::atomic<bool> turned_off = false;

bool IsAligned(const std::byte* memory) {
  return reinterpret_cast<uintptr_t>(memory) % kDirectAlignment == 0;
}

size_t WholePages(size_t bytes) { return bytes - bytes % kDirectAlignment; }

// The same file once more: descriptors that share an opening would share the flag too.
int OpenDirect(int descriptor) {
  const int flags = turned_off ? -1 : fcntl(descriptor, F_GETFL);
  if (flags < 0) {
    return -1;
  }
  return open(absl::StrCat("/proc/self/fd/", descriptor).c_str(),
              (flags & O_ACCMODE) | O_DIRECT | O_CLOEXEC);
}

// Aligned memory, for bytes whose own is not; made when first needed, and kept by its thread: what
// is taken aligned and given back for every piece leaves the heap in pieces that fit nothing.
std::byte* Bounce() {
  thread_local std::unique_ptr<std::byte, decltype(&std::free)> memory(nullptr, &std::free);
  if (memory == nullptr) {
    memory.reset(static_cast<std::byte*>(std::aligned_alloc(kDirectAlignment, kBounceBytes)));
    BITREPO_CHECK(memory != nullptr, "there is memory for a piece");
  }
  return memory.get();
}

}  // namespace

void DirectFile::TurnOff() { turned_off = true; }

DirectFile::DirectFile(int descriptor) : fd_(OpenDirect(descriptor)), usable_(fd_.valid()) {}

absl::StatusOr<size_t> DirectFile::WriteFront(uint64_t offset, std::span<const std::byte> bytes) {
  const size_t whole = WholePages(bytes.size());
  size_t done = 0;
  if (!usable_ || whole < kDirectBytesMin || offset % kDirectAlignment != 0) {
    return done;
  }
  while (done < whole) {
    const std::byte* from = bytes.data() + done;
    size_t length = whole - done;
    if (!IsAligned(from)) {
      length = std::min(length, kBounceBytes);
      std::memcpy(Bounce(), from, length);
      from = Bounce();
    }
    const ssize_t put = pwrite(fd_.get(), from, length, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINVAL) {  // this file system only says so now
      usable_ = false;
      return done;
    }
    if (put < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, "a direct write");
    }
    done += put < 0 ? 0 : static_cast<size_t>(put);
    if (done % kDirectAlignment != 0) {
      return done;  // cut short inside a page, as on a disk that is full: the rest says why
    }
  }
  return done;
}

absl::StatusOr<size_t> DirectFile::ReadFront(uint64_t offset, std::span<std::byte> out) {
  size_t done = 0;
  if (offset % kDirectAlignment != 0) {
    return done;
  }
  while (usable_ && done < out.size()) {
    const size_t left = out.size() - done;
    const bool straight = IsAligned(out.data() + done) && WholePages(left) > 0;
    std::byte* into = straight ? out.data() + done : Bounce();
    const size_t length = straight
                              ? WholePages(left)
                              : std::min(WholePages(left + kDirectAlignment - 1), kBounceBytes);
    const ssize_t got = pread(fd_.get(), into, length, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINVAL) {
      usable_ = false;
      return done;
    }
    if (got < 0 && errno != EINTR) {
      return base::ErrnoStatus(errno, "a direct read");
    }
    const size_t taken = got < 0 ? 0 : std::min(static_cast<size_t>(got), left);
    if (!straight) {
      std::memcpy(out.data() + done, into, taken);
    }
    done += taken;
    if (got == 0 || done % kDirectAlignment != 0) {
      return done;  // the end of the file, or of what is wanted
    }
  }
  return done;
}

}  // namespace bitrepo::runtime
