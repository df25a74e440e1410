// SPDX-License-Identifier: Apache-2.0
#include "client/commands/local_daemon.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/runtime/scoped_fd.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "client/commands/read_input.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLookEvery = absl::Milliseconds(20);
constexpr size_t kLogLinesShown = 5;
constexpr int kNotStarted = 127;

// True when the process is this daemon: a pid may since have become somebody else's.
bool IsDaemon(pid_t pid, const LocalDaemon& daemon) {
  std::error_code error;
  const fs::path program = fs::read_symlink(absl::StrCat("/proc/", pid, "/exe"), error);
  if (error) return false;
  const std::string name = program.filename().string();
  // A program file that was replaced meanwhile is shown as "NAME (deleted)".
  if (name != daemon.program && name != absl::StrCat(daemon.program, " (deleted)")) return false;
  const auto words = ReadInput(absl::StrCat("/proc/", pid, "/cmdline"), -1);
  if (!words.ok()) return false;
  for (absl::string_view word : absl::StrSplit(*words, '\0')) {
    if (word == daemon.config) return true;
  }
  return false;
}

std::string EndOfLog(const std::string& path) {
  const auto text = ReadInput(path, -1);
  if (!text.ok()) return "";
  std::vector<std::string> lines = absl::StrSplit(*text, '\n', absl::SkipEmpty());
  std::string end;
  for (size_t i = lines.size() > kLogLinesShown ? lines.size() - kLogLinesShown : 0;
       i < lines.size(); ++i) {
    absl::StrAppend(&end, "\n  ", lines[i]);
  }
  return end;
}

// In the second child: only calls that are safe after fork.
[[noreturn]] void BecomeDaemon(const char* program, const char* config, int log, int null) {
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  const char* const words[] = {program, "--config", config, nullptr};
  execv(program, const_cast<char* const*>(words));
  _exit(kNotStarted);
}

}  // namespace

std::optional<pid_t> FindDaemon(const LocalDaemon& daemon) {
  const auto text = ReadInput(daemon.pid_file, -1);
  pid_t pid = 0;
  if (!text.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &pid) || pid <= 0) {
    return std::nullopt;
  }
  if (!IsDaemon(pid, daemon)) return std::nullopt;
  return pid;
}

absl::StatusOr<pid_t> StartDaemon(const LocalDaemon& daemon, const std::string& program_directory) {
  const std::string program = absl::StrCat(program_directory, "/", daemon.program);
  if (access(program.c_str(), X_OK) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat(program, " (it must lie beside bitrepo)"));
  }
  unlink(daemon.runtime_file.c_str());
  const runtime::ScopedFd log(
      open(daemon.log.c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644));
  if (!log.valid()) return base::ErrnoStatus(errno, daemon.log);
  const runtime::ScopedFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (!null.valid() || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::ErrnoStatus(errno, "a pipe");
  }
  runtime::ScopedFd from(ends[0]);
  runtime::ScopedFd to(ends[1]);
  const pid_t first = fork();
  if (first < 0) return base::ErrnoStatus(errno, "a new process");
  if (first == 0) {
    setsid();
    const pid_t second = fork();
    if (second == 0) BecomeDaemon(program.c_str(), daemon.config.c_str(), log.get(), null.get());
    const bool told = write(to.get(), &second, sizeof(second)) == sizeof(second);
    _exit(told ? 0 : 1);
  }
  to.Reset();
  pid_t pid = -1;
  const ssize_t got = read(from.get(), &pid, sizeof(pid));
  int ended = 0;
  while (waitpid(first, &ended, 0) < 0 && errno == EINTR) {
  }
  if (got != sizeof(pid) || pid <= 0) return absl::InternalError("no process could be started");
  BITREPO_RETURN_IF_ERROR(WriteWhole(daemon.pid_file, absl::StrCat(pid, "\n")));
  return pid;
}

absl::StatusOr<std::string> WaitForDaemon(const LocalDaemon& daemon, pid_t pid,
                                          absl::string_view key) {
  const absl::Time until = absl::Now() + kDaemonStartPatience;
  while (absl::Now() < until) {
    auto told = runtime::Settings::Load(daemon.runtime_file);
    if (told.ok() && told->GetInt("pid", 0, 0, INT32_MAX) == pid) {
      return told->GetString(key, "");
    }
    if (kill(pid, 0) != 0) {
      return absl::UnavailableError(absl::StrCat(daemon.name, " ended at once; the end of ",
                                                 daemon.log, ":", EndOfLog(daemon.log)));
    }
    absl::SleepFor(kLookEvery);
  }
  return absl::DeadlineExceededError(
      absl::StrCat(daemon.name, " is not ready after ", absl::FormatDuration(kDaemonStartPatience),
                   "; the end of ", daemon.log, ":", EndOfLog(daemon.log)));
}

absl::Status StopDaemon(const LocalDaemon& daemon) {
  const std::optional<pid_t> pid = FindDaemon(daemon);
  if (!pid) {
    unlink(daemon.pid_file.c_str());
    return absl::OkStatus();
  }
  if (kill(*pid, SIGTERM) != 0 && errno != ESRCH) return base::ErrnoStatus(errno, daemon.name);
  const absl::Time until = absl::Now() + kDaemonStopPatience;
  while (IsDaemon(*pid, daemon)) {
    if (absl::Now() >= until) {
      return absl::DeadlineExceededError(absl::StrCat(daemon.name, " (process ", *pid,
                                                      ") still runs after ",
                                                      absl::FormatDuration(kDaemonStopPatience)));
    }
    absl::SleepFor(kLookEvery);
  }
  unlink(daemon.pid_file.c_str());
  return absl::OkStatus();
}

}  // namespace bitrepo::commands
