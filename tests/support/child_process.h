// SPDX-License-Identifier: Apache-2.0
// Real programs under test: started with their output in a file, told by signals, waited for with a
// deadline.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace bitrepo::testing_support {

// Lifetime: kills and reaps the process when it dies.
class ChildProcess {
 public:
  // `arguments[0]` is the path of the program; both its outputs are appended to the file `log`;
  // `environment` is added to that of the test.
  ChildProcess(std::vector<std::string> arguments, std::string log,
               std::vector<std::pair<std::string, std::string>> environment = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Requires: it has not been waited for to its end.
  void Signal(int signal) const;
  // Its exit code, or the number of the signal that ended it, negative; nothing when it still runs.
  std::optional<int> Wait(absl::Duration within = absl::Seconds(30));
  // What it has written so far.
  std::string Log() const;

 private:
  std::string log_;
  pid_t pid_ = -1;
  std::optional<int> ended_;
};

// Listens where NOTIFY_SOCKET points and hears what a daemon tells its service manager.
class ReadyListener {
 public:
  explicit ReadyListener(const std::string& path);
  ~ReadyListener();
  ReadyListener(const ReadyListener&) = delete;
  ReadyListener& operator=(const ReadyListener&) = delete;

  // What the program's environment needs.
  std::pair<std::string, std::string> environment() const { return {"NOTIFY_SOCKET", path_}; }
  // True when the word, as "READY=1", comes within the time; other words are passed over.
  bool Hear(const std::string& word, absl::Duration within = absl::Seconds(30));

 private:
  std::string path_;
  int socket_ = -1;
};

}  // namespace bitrepo::testing_support
