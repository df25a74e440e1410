// SPDX-License-Identifier: Apache-2.0
// The watch stream, heard on the client's loop and taken on the command's own thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bus/watch_stream.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// Memory of the copies heard and not yet taken; later ones are lost, and counted. A thousand puts
// at once are about 20,000 copies of 1 to 2 KiB, and fit.
inline constexpr size_t kWaitingBytesMax = 64 * 1024 * 1024;

// Threads:  the command's own; Close is thread-safe.
// Lifetime: the session and the client outlive it.
class WatchFeed {
 public:
  // From now on a signal closes the feed. Requires: before Session::Connect.
  explicit WatchFeed(Session& session);
  ~WatchFeed();

  // Begins to listen, for `time_limit` at most. False, and reported, when this coordinator has no
  // stream, or it cannot be dialled.
  bool Start(client::BlockingClient& client, absl::Duration time_limit);

  struct Copy {
    bus::WatchCopy copy;
    absl::Time at;
  };
  struct Batch {
    std::deque<Copy> copies;
    size_t bytes = 0;                // of memory, about
    std::vector<std::string> notes;  // how the stream is, for -v
    bool closed = false;             // this is the last
  };
  // What has come since the last; waits until there is something, or `deadline`.
  Batch Take(absl::Time deadline);
  void Close();
  uint64_t lost() const;

 private:
  class Mailbox;
  Session& session_;
  const std::shared_ptr<Mailbox> mailbox_;
  client::BlockingClient* client_ = nullptr;
  std::unique_ptr<bus::WatchSubscriber> subscriber_;  // lives and dies on the client's loop
};

}  // namespace bitrepo::commands
