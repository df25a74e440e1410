// SPDX-License-Identifier: Apache-2.0
// A ZeroMQ socket with its limits already set; only the socket factory makes one.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bitrepo::zeromq {

// Threads:  one thread, for its whole life.
// Lifetime: the destructor closes it; what it has still to send is sent in the background within
// its linger.
class Socket {
 public:
  Socket() = default;  // none
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept;

  // Listens, and says where: the real port in place of 0. kInvalidArgument for an endpoint that
  // CheckBindEndpoint refuses, kFailedPrecondition when it cannot be had.
  absl::StatusOr<std::string> Bind(const std::string& endpoint);
  // Begins to dial; success says nothing yet of the other side.
  absl::Status Connect(const std::string& endpoint);
  // Drops the connection, and dials no more. Unknown endpoints are fine.
  void Disconnect(const std::string& endpoint);
  void Close();

  void* handle() const { return handle_; }
  // Its messages begin with the id of the peer they come from or go to, which is not sent.
  bool is_router() const;

 private:
  friend class SocketMaker;
  explicit Socket(void* handle) : handle_(handle) {}
  absl::Status AllowAddress6(const std::string& endpoint);

  void* handle_ = nullptr;
};

// The status of the ZeroMQ call that has just failed.
absl::Status LastError(const std::string& what);

}  // namespace bitrepo::zeromq
