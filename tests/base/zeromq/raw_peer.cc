// SPDX-License-Identifier: Apache-2.0
#include "tests/base/zeromq/raw_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"

namespace bitrepo::zeromq {
namespace {

uint16_t PortOf(absl::string_view endpoint) {
  uint32_t port = 0;
  BITREPO_CHECK(absl::SimpleAtoi(endpoint.substr(endpoint.rfind(':') + 1), &port),
                "the endpoint has a port");
  return static_cast<uint16_t>(port);
}

}  // namespace

RawPeer::RawPeer(absl::string_view endpoint) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(PortOf(endpoint));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int how = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  BITREPO_CHECK(how == 0, absl::StrCat("the listener is there: ", strerror(errno)));
}

RawPeer::~RawPeer() { close(fd_); }

bool RawPeer::ShakeHands(absl::string_view socket_type) {
  constexpr size_t kGreetingBytes = 64;
  std::string greeting("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16);
  greeting.resize(kGreetingBytes, '\0');
  const std::string type_size = {'\0', '\0', '\0', static_cast<char>(socket_type.size())};
  const std::string ready = absl::StrCat("\x05READY\x0bSocket-Type", type_size, socket_type);
  const std::string command = {'\x04', static_cast<char>(ready.size())};
  // The answer is a greeting, and a command whose size is its second byte.
  return Send(greeting) && Send(command + ready) && ReadExactly(kGreetingBytes + 2);
}

bool RawPeer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RawPeer::SendFrame(absl::string_view body, bool more) {
  constexpr char kLong = 2;
  constexpr char kMore = 1;
  std::string header(1, static_cast<char>(kLong | (more ? kMore : 0)));
  for (int shift = 56; shift >= 0; shift -= 8) {
    header.push_back(static_cast<char>(body.size() >> shift));
  }
  return Send(header) && Send(body);
}

bool RawPeer::WaitForEnd(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  std::array<char, 4096> ignored;
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    pollfd readable{fd_, POLLIN, 0};
    if (left <= absl::ZeroDuration() ||
        poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) {
      return false;
    }
    if (recv(fd_, ignored.data(), ignored.size(), 0) <= 0) {
      return true;
    }
  }
}

bool RawPeer::ReadExactly(size_t count) {
  std::string read(count, '\0');
  return recv(fd_, read.data(), read.size(), MSG_WAITALL) == static_cast<ssize_t>(count);
}

}  // namespace bitrepo::zeromq
