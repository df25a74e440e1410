// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "absl/time/clock.h"
#include "base/check.h"
#include "tests/support/files.h"

extern char** environ;

namespace bitrepo::testing_support {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// True when the descriptor becomes readable within the time.
bool Readable(int descriptor, absl::Duration within) {
  pollfd waiting{descriptor, POLLIN, 0};
  const absl::Time deadline = absl::Now() + within;
  int ready = -1;
  do {
    const int64_t left = std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now()));
    ready = poll(&waiting, 1, static_cast<int>(left));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> arguments, std::string log,
                           std::vector<std::pair<std::string, std::string>> environment)
    : log_(std::move(log)) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int failed = posix_spawn(&pid_, arguments[0].c_str(), &actions, nullptr,
                                 Pointers(arguments).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  BITREPO_CHECK(failed == 0, "the program " + arguments[0] + " can be started");
}

ChildProcess::~ChildProcess() {
  if (ended_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void ChildProcess::Signal(int signal) const { kill(pid_, signal); }

std::optional<int> ChildProcess::Wait(absl::Duration within) {
  if (ended_) return ended_;
  const int watch = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  BITREPO_CHECK(watch >= 0, "a process can be watched");
  const bool over = Readable(watch, within);
  close(watch);
  if (!over) return std::nullopt;
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ended_;
}

std::string ChildProcess::Log() const { return TextOf(log_); }

ReadyListener::ReadyListener(const std::string& path) : path_(path) {
  sockaddr_un address{};
  BITREPO_CHECK(path.size() < sizeof(address.sun_path), "the path of a socket is short");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  BITREPO_CHECK(socket_ >= 0, "a socket can be made");
  BITREPO_CHECK(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
                "the socket can be bound");
}

ReadyListener::~ReadyListener() {
  close(socket_);
  unlink(path_.c_str());
}

bool ReadyListener::Hear(const std::string& word, absl::Duration within) {
  const absl::Time deadline = absl::Now() + within;
  while (Readable(socket_, deadline - absl::Now())) {
    char text[256];
    const ssize_t length = recv(socket_, text, sizeof(text), 0);
    if (length > 0 && std::string(text, static_cast<size_t>(length)) == word) return true;
  }
  return false;
}

}  // namespace bitrepo::testing_support
