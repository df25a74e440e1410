// SPDX-License-Identifier: Apache-2.0
// A peer without ZeroMQ: a TCP socket that says whatever a test wants, well-formed or not.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace bitrepo::zeromq {

// Threads: one at a time. Lifetime: closes its connection when it dies.
class RawPeer {
 public:
  // Dials "tcp://127.0.0.1:PORT".
  explicit RawPeer(absl::string_view endpoint);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // The NULL handshake of ZMTP 3.0 (ZeroMQ RFC 23) as a socket of that type; false when the other
  // side ends it.
  bool ShakeHands(absl::string_view socket_type);
  // False when the connection is gone.
  bool Send(absl::string_view bytes);
  // One frame in the long form.
  bool SendFrame(absl::string_view body, bool more);
  // True when the other side closes within `patience`; what it sends until then is thrown away.
  bool WaitForEnd(absl::Duration patience);

 private:
  bool ReadExactly(size_t count);
  int fd_;
};

}  // namespace bitrepo::zeromq
