// SPDX-License-Identifier: Apache-2.0
// The spoke over ZeroMQ: a DEALER whose monitor tells when it is connected.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/zeromq/context.h"
#include "base/zeromq/polled_socket.h"
#include "base/zeromq/socket_monitor.h"
#include "bus/link.h"

namespace bitrepo::bus {

// Connected means that the ZMTP handshake is done. ZeroMQ dials again by itself; Redial makes a new
// socket. Threads:  loop-confined. Lifetime: loop, context, random and handler outlive it; not
// destroyed by its own handler. Errors:   Start is kInvalidArgument for an endpoint that cannot be
// dialled.
class ZmqSpokeLink final : public SpokeLink {
 public:
  ZmqSpokeLink(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint,
               base::Random& random);
  ~ZmqSpokeLink() override;

  absl::Status Start(Handler& handler) override;
  SendResult Send(const Frames& frames) override;
  void Redial() override;

 private:
  absl::Status Open();
  void OpenAgain();
  void OnEvent(zeromq::ConnectionEvent event);
  void OnMessage(const zeromq::Message& message);

  runtime::EventLoop& loop_;
  zeromq::Context& context_;
  const std::string endpoint_;
  base::Random& random_;
  Handler* handler_ = nullptr;
  bool connected_ = false;
  runtime::TimerId reopen_ = runtime::TimerId::kNone;
  std::unique_ptr<zeromq::PolledSocket> socket_;
  std::unique_ptr<zeromq::SocketMonitor> monitor_;  // dies first
};

}  // namespace bitrepo::bus
