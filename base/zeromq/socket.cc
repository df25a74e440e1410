// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/socket.h"

#include <zmq.h>

#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "base/zeromq/endpoint.h"

namespace bitrepo::zeromq {

absl::Status LastError(const std::string& what) {
  const int error = zmq_errno();
  const absl::Status by_errno = base::ErrnoStatus(error, what);
  const absl::StatusCode code = error == EADDRINUSE || error == EADDRNOTAVAIL
                                    ? absl::StatusCode::kFailedPrecondition
                                    : by_errno.code();
  return absl::Status(code, absl::StrCat(what, ": ", zmq_strerror(error)));
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    Close();
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

absl::StatusOr<std::string> Socket::Bind(const std::string& endpoint) {
  BITREPO_RETURN_IF_ERROR(CheckBindEndpoint(endpoint));
  BITREPO_RETURN_IF_ERROR(AllowAddress6(endpoint));
  if (zmq_bind(handle_, endpoint.c_str()) != 0) {
    return LastError(absl::StrCat("cannot listen on ", endpoint));
  }
  std::array<char, 512> real{};
  size_t size = real.size();
  if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, real.data(), &size) != 0) {
    return LastError("cannot tell the endpoint");
  }
  return std::string(real.data());
}

absl::Status Socket::Connect(const std::string& endpoint) {
  BITREPO_RETURN_IF_ERROR(CheckDialEndpoint(endpoint));
  BITREPO_RETURN_IF_ERROR(AllowAddress6(endpoint));
  if (zmq_connect(handle_, endpoint.c_str()) != 0) {
    return LastError(absl::StrCat("cannot dial ", endpoint));
  }
  return absl::OkStatus();
}

void Socket::Disconnect(const std::string& endpoint) { zmq_disconnect(handle_, endpoint.c_str()); }

void Socket::Close() {
  if (handle_ != nullptr) {
    zmq_close(std::exchange(handle_, nullptr));
  }
}

bool Socket::is_router() const {
  int type = 0;
  size_t size = sizeof type;
  BITREPO_CHECK(zmq_getsockopt(handle_, ZMQ_TYPE, &type, &size) == 0, "a socket has a type");
  return type == ZMQ_ROUTER;
}

// Only for an address that is plainly version 6: switched on for names, ZeroMQ would look up
// version 6 first and stay with it, and "localhost" would miss a listener on 127.0.0.1.
absl::Status Socket::AllowAddress6(const std::string& endpoint) {
  const int allowed = absl::StartsWith(endpoint, "tcp://[") ? 1 : 0;
  return zmq_setsockopt(handle_, ZMQ_IPV6, &allowed, sizeof allowed) == 0
             ? absl::OkStatus()
             : LastError("cannot choose the version of IP");
}

}  // namespace bitrepo::zeromq
