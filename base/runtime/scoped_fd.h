// SPDX-License-Identifier: Apache-2.0
// A file descriptor that is closed when its owner dies.
#pragma once

#include <unistd.h>

#include <utility>

namespace bitrepo::runtime {

// Movable value; -1 is "none".
class ScopedFd {
 public:
  ScopedFd() = default;
  explicit ScopedFd(int fd) : fd_(fd) {}
  ~ScopedFd() { Reset(); }
  ScopedFd(ScopedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ScopedFd& operator=(ScopedFd&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor up, open.
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    if (fd_ >= 0) {
      close(Release());
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace bitrepo::runtime
