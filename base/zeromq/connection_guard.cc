// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/connection_guard.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace bitrepo::zeromq {
namespace {

std::optional<uint64_t> BytesReceived(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::nullopt;
  }
  return info.tcpi_bytes_received;
}

// What has come and waits in the kernel; where that cannot be known, nothing.
uint64_t BytesUnread(int descriptor) {
  int bytes = 0;
  return ioctl(descriptor, FIONREAD, &bytes) == 0 && bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

// Makes libzmq find the connection closed. An offender's is reset, which frees at once what the
// kernel holds for it; else a peer that only sends would keep it for a minute. What was sent to it
// before may be lost.
void End(int descriptor, CutCause cause) {
  if (cause != CutCause::kRequested) {
    const linger reset = {1, 0};
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  shutdown(descriptor, SHUT_RDWR);
}

}  // namespace

ConnectionGuard::ConnectionGuard(runtime::EventLoop& loop, ConnectionLedger::Limits limits,
                                 absl::AnyInvocable<void(int)> on_closed)
    : loop_(loop), ledger_(limits), on_closed_(std::move(on_closed)) {}

ConnectionGuard::~ConnectionGuard() { loop_.CancelTimer(timer_); }

absl::StatusOr<std::unique_ptr<ConnectionGuard>> ConnectionGuard::Watch(
    runtime::EventLoop& loop, Context& context, Socket& socket, ConnectionLedger::Limits limits,
    absl::AnyInvocable<void(int descriptor)> on_closed) {
  std::unique_ptr<ConnectionGuard> guard(new ConnectionGuard(loop, limits, std::move(on_closed)));
  BITREPO_ASSIGN_OR_RETURN(
      guard->monitor_, SocketMonitor::Watch(loop, context, socket,
                                            [raw = guard.get()](ConnectionEvent event, int value) {
                                              raw->OnEvent(event, value);
                                            }));
  return guard;
}

void ConnectionGuard::OnEvent(ConnectionEvent event, int value) {
  switch (event) {
    case ConnectionEvent::kAccepted:
      ledger_.OnAccepted(value, loop_.Now());
      cookies_[value] = CookieOf(value).value_or(0);
      CarryOutCuts();
      SampleLater();
      break;
    case ConnectionEvent::kDisconnected:
      ledger_.OnClosed(value);
      cookies_.erase(value);
      on_closed_(value);
      break;
    case ConnectionEvent::kAcceptFailed:
      Count("accept-failed");
      break;
    case ConnectionEvent::kHandshakeFailed:
      Count("handshake-failed");
      break;
    case ConnectionEvent::kConnected:
    case ConnectionEvent::kHandshakeDone:  // it does not say whose
    case ConnectionEvent::kDialFailed:
      break;
  }
}

std::optional<uint64_t> ConnectionGuard::CookieOf(int descriptor) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) {
    return std::nullopt;
  }
  return cookie;
}

void ConnectionGuard::OnDelivered(int descriptor, uint64_t wire_bytes) {
  ++delivered_;
  if (!StillTheSame(descriptor)) {
    monitor_->CatchUp();
  }
  ledger_.OnDelivered(descriptor, wire_bytes, loop_.Now());
}

void ConnectionGuard::MarkGreeted(int descriptor) { ledger_.MarkGreeted(descriptor); }

void ConnectionGuard::Cut(int descriptor) {
  ledger_.RequestCut(descriptor);
  CarryOutCuts();
}

void ConnectionGuard::CutAll() {
  for (const int descriptor : ledger_.descriptors()) {
    ledger_.RequestCut(descriptor);
  }
  CarryOutCuts();
}

std::map<std::string, uint64_t> ConnectionGuard::counts() const {
  std::map<std::string, uint64_t> all = counts_;
  for (const auto& [cause, count] : ledger_.counts()) {
    all[cause] += count;
  }
  return all;
}

// Rests while nobody is connected.
void ConnectionGuard::SampleLater() {
  if (timer_ != runtime::TimerId::kNone || cookies_.empty()) {
    return;
  }
  timer_ = loop_.RunAfter(kSampleEvery, [this] {
    timer_ = runtime::TimerId::kNone;
    Sample();
    SampleLater();
  });
}

void ConnectionGuard::Sample() {
  for (const auto& [descriptor, cookie] : cookies_) {
    // In this order: what is taken from the kernel in between counts for the peer.
    const std::optional<uint64_t> received = BytesReceived(descriptor);
    const uint64_t unread = BytesUnread(descriptor);
    if (received && StillTheSame(descriptor)) {
      ledger_.OnReceived(descriptor, *received, unread);
    }
  }
  // A socket takes from its connections in turn.
  ledger_.OnSampled(drained_ || delivered_ > ledger_.connection_count());
  drained_ = false;
  delivered_ = 0;
  CarryOutCuts();
}

bool ConnectionGuard::StillTheSame(int descriptor) const {
  const auto found = cookies_.find(descriptor);
  return found != cookies_.end() && CookieOf(descriptor) == found->second;
}

void ConnectionGuard::CarryOutCuts() {
  const absl::Time now = loop_.Now();
  for (const ConnectionLedger::Cut& cut : ledger_.TakeCuts(now)) {
    if (StillTheSame(cut.descriptor)) {
      End(cut.descriptor, cut.cause);
    }
    LogCut(cut, now);
  }
}

void ConnectionGuard::LogCut(const ConnectionLedger::Cut& cut, absl::Time now) {
  const auto [last, first] = last_logged_.try_emplace(cut.cause, now);
  if (!first && now - last->second < kLogEvery) {
    return;
  }
  last->second = now;
  base::LogLine(base::LogLevel::kWarning, "connection-cut")
      .With("cause", CutCauseName(cut.cause))
      .With("descriptor", cut.descriptor);
}

}  // namespace bitrepo::zeromq
