// SPDX-License-Identifier: Apache-2.0
// The watch stream over ZeroMQ: PUB at the coordinator, SUB at each watcher.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/connection_guard.h"
#include "base/zeromq/context.h"
#include "base/zeromq/polled_socket.h"
#include "base/zeromq/socket_monitor.h"
#include "bus/watch_stream.h"

namespace bitrepo::bus {

// The PUB socket has a thread and a loop of its own: libzmq takes subscriptions on the socket's
// thread for as long as a watcher sends them, and whoever floods it may hold that thread, never the
// bus. Its guard, which then cuts the watcher, is on the loop of the bus. Threads:  made, called
// and destroyed on `loop`. Lifetime: loop and context outlive it.
class ZmqWatchPublisher final : public WatchPublisher {
 public:
  static constexpr size_t kWatchersMax = 64;
  // What watchers may send: their subscriptions stay in memory, many times their size on the wire.
  // Heartbeats count too: about once a day a watcher is cut, and dials again.
  static constexpr uint64_t kHeardBytesMax = 256 * 1024;
  static constexpr uint64_t kHeardBytesTotalMax = 4 * 1024 * 1024;
  // A watcher's socket answers heartbeats, every 5 s; what does not is no watcher.
  static constexpr absl::Duration kQuietLongest = absl::Seconds(12);
  // Copies on their way to the socket's thread; more are dropped, which watchers see by the
  // numbers.
  static constexpr uint64_t kCopyBytesMax = 16 * 1024 * 1024;

  // kFailedPrecondition when the endpoint cannot be had, kInvalidArgument when it is none.
  static absl::StatusOr<std::unique_ptr<ZmqWatchPublisher>> Listen(runtime::EventLoop& loop,
                                                                   zeromq::Context& context,
                                                                   const std::string& endpoint);
  ~ZmqWatchPublisher() override;

  void Publish(const Frames& message) override;
  uint64_t published() const override { return encoder_.encoded(); }
  std::string endpoint() const override { return endpoint_; }
  std::map<std::string, uint64_t> DropCounts() const override;

 private:
  ZmqWatchPublisher();
  absl::Status Open(runtime::EventLoop& loop, zeromq::Context& context,
                    const std::string& endpoint);
  // Runs `work` on the socket's thread and waits for it.
  void RunThere(absl::AnyInvocable<void()> work);

  std::string endpoint_;
  WatchEncoder encoder_;
  uint64_t dropped_ = 0;
  std::atomic<uint64_t> copy_bytes_{0};  // not yet given to the socket
  std::unique_ptr<zeromq::ConnectionGuard> guard_;
  runtime::SystemEventLoop watch_loop_;
  std::unique_ptr<zeromq::PolledSocket> socket_;  // lives and dies on watch_thread_
  std::thread watch_thread_;
};

// Lifetime: loop, context, random and handler outlive it; not destroyed by its own handler.
class ZmqWatchSubscriber final : public WatchSubscriber {
 public:
  ZmqWatchSubscriber(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint,
                     base::Random& random);
  ~ZmqWatchSubscriber() override;

  // kInvalidArgument for an endpoint that cannot be dialled.
  absl::Status Start(Handler& handler) override;
  uint64_t missed() const override { return decoder_.missed(); }
  uint64_t malformed() const override { return decoder_.malformed(); }

 private:
  void OnEvent(zeromq::ConnectionEvent event);
  void OnMessage(const zeromq::Message& message);

  runtime::EventLoop& loop_;
  zeromq::Context& context_;
  const std::string endpoint_;
  base::Random& random_;
  Handler* handler_ = nullptr;
  bool connected_ = false;
  WatchDecoder decoder_;
  std::unique_ptr<zeromq::PolledSocket> socket_;
  std::unique_ptr<zeromq::SocketMonitor> monitor_;  // dies first
};

}  // namespace bitrepo::bus
