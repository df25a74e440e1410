// SPDX-License-Identifier: Apache-2.0
// A ZeroMQ context: the I/O threads that a group of sockets shares, and how many there may be.
#pragma once

#include <atomic>
#include <string>

namespace bitrepo::zeromq {

// Threads:  thread-safe. Sockets are used on one thread each.
// Lifetime: outlives its sockets; the destructor waits until what they still had to send is sent,
// or their
//           linger is over.
class Context {
 public:
  static constexpr int kIoThreadsMax = 8;
  static constexpr int kSocketsMax = 16384;
  // Requires: 1 <= io_threads <= kIoThreadsMax, 1 <= sockets <= kSocketsMax. A monitored socket
  // counts three.
  Context(int io_threads, int sockets);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void* handle() const { return handle_; }
  // An inproc endpoint that nobody else in this context has.
  std::string FreshInprocEndpoint();

 private:
  void* handle_;
  std::atomic<unsigned> last_name_{0};
};

}  // namespace bitrepo::zeromq
