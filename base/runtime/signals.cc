// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/signals.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "base/runtime/scoped_fd.h"
#include "base/status.h"

namespace bitrepo::runtime {

absl::StatusOr<std::unique_ptr<Signals>> Signals::Watch(EventLoop& loop,
                                                        std::initializer_list<int> signals,
                                                        absl::AnyInvocable<void(int)> on_signal) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) {
    sigaddset(&set, signal);
  }
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return base::ErrnoStatus(error, "cannot block signals");
  }
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return base::ErrnoStatus(errno, "cannot ignore SIGPIPE");
  }
  const int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) {
    return base::ErrnoStatus(errno, "cannot make a signalfd");
  }
  std::unique_ptr<Signals> watcher(new Signals(loop, descriptor));
  watcher->on_signal_ = std::move(on_signal);
  watcher->watch_ = loop.WatchReadable(descriptor, [raw = watcher.get()] {
    signalfd_siginfo info{};
    if (read(raw->descriptor_, &info, sizeof info) == ssize_t{sizeof info}) {
      raw->on_signal_(static_cast<int>(info.ssi_signo));
    }
  });
  return watcher;
}

Signals::Signals(EventLoop& loop, int descriptor) : loop_(loop), descriptor_(descriptor) {}

Signals::~Signals() {
  loop_.Unwatch(watch_);
  close(descriptor_);
}

absl::StatusOr<uint64_t> RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return base::ErrnoStatus(errno, "cannot read the limit of open files");
  }
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return base::ErrnoStatus(errno, "cannot raise the limit of open files");
    }
  }
  return limit.rlim_cur;
}

void TuneProcess() {
  // Left alone, glibc raises both thresholds to the largest block ever freed, up to 32 MiB, and
  // keeps what bursts needed. Fixed above the size of a segment: mapping each one anew takes three
  // times the processor time of the transfer itself.
  constexpr int kMapFrom = 4 * 1024 * 1024;
  constexpr int kTrimFrom = 16 * 1024 * 1024;
  mallopt(M_MMAP_THRESHOLD, kMapFrom);
  mallopt(M_TRIM_THRESHOLD, kTrimFrom);
  // Where it is not allowed, all works as well, with more changes of threads.
  const sched_param none{};
  static_cast<void>(sched_setscheduler(0, SCHED_BATCH, &none));
}

void NotifyServiceManager(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || path[0] == '\0') {
    return;
  }
  const absl::string_view name = path;
  if (name.size() >= sizeof address.sun_path) {
    return;
  }
  std::copy(name.begin(), name.end(), address.sun_path);
  if (address.sun_path[0] == '@') {
    address.sun_path[0] = '\0';  // an abstract socket
  }
  const ScopedFd channel(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const absl::string_view text = state;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  // Whoever starts the service judges its silence; there is nothing to do here about a failure.
  [[maybe_unused]] const ssize_t sent =
      sendto(channel.get(), text.data(), text.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace bitrepo::runtime
