// SPDX-License-Identifier: Apache-2.0
#include "bus/zmq_hub_link.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::bus {
namespace {

// What the peer's kernel has confirmed; nothing where that cannot be known.
std::optional<uint64_t> BytesAcked(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::nullopt;
  }
  return info.tcpi_bytes_acked;
}

// ZeroMQ's own routing ids begin with zero and are not used twice; others a peer has chosen, and
// may again.
bool IsMadeByZeroMq(const std::string& routing_id) {
  return !routing_id.empty() && routing_id.front() == '\0';
}

}  // namespace

ZmqHubLink::ZmqHubLink(runtime::EventLoop& loop, zeromq::Context& context, std::string endpoint,
                       zeromq::ConnectionLedger::Limits limits)
    : loop_(loop), context_(context), endpoint_(std::move(endpoint)), limits_(limits) {
  limits_.message_bytes = protocol::kEnvelopeBytesMax + zeromq::kMessageSlackBytes;
}

ZmqHubLink::~ZmqHubLink() = default;

absl::Status ZmqHubLink::Start(Handler& handler) {
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeControlHub(context_));
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<zeromq::ConnectionGuard> guard,
      zeromq::ConnectionGuard::Watch(loop_, context_, socket, limits_,
                                     [this](int descriptor) { OnClosed(descriptor); }));
  BITREPO_ASSIGN_OR_RETURN(endpoint_, socket.Bind(endpoint_));
  handler_ = &handler;
  zeromq::PolledSocket::Options options;
  options.frames_max = protocol::kEnvelopeFrames + 1;  // with the routing id
  options.guard = guard.get();
  socket_ = std::make_unique<zeromq::PolledSocket>(loop_, std::move(socket), options,
                                                   [this](zeromq::Message message, int descriptor) {
                                                     OnMessage(std::move(message), descriptor);
                                                   });
  guard_ = std::move(guard);
  return absl::OkStatus();
}

void ZmqHubLink::OnMessage(zeromq::Message message, int descriptor) {
  const std::string routing_id(message.front().text());
  if (ended_.contains(routing_id)) {
    guard_->Count("after-end");
    return;
  }
  Frames frames;
  size_t bytes = 0;
  for (size_t i = 1; i < message.size(); ++i) {
    bytes += message[i].size();
    frames.emplace_back(message[i].text());
  }
  if (bytes > protocol::kEnvelopeBytesMax) {
    guard_->Count("oversize");
    return;
  }
  auto known = by_routing_id_.find(routing_id);
  if (known != by_routing_id_.end() && peers_[known->second].descriptor != descriptor) {
    TellLost(known->second);  // the same chosen routing id by another connection
    known = by_routing_id_.end();
  }
  if (known == by_routing_id_.end()) {
    known = by_routing_id_.emplace(routing_id, ++last_peer_).first;
    peers_[last_peer_] = Peer{routing_id, descriptor, 0, 0};
  }
  handler_->OnFrames(known->second, std::move(frames));
}

void ZmqHubLink::OnClosed(int descriptor) {
  std::vector<PeerNumber> lost;
  for (const auto& [number, peer] : peers_) {
    if (peer.descriptor == descriptor) {
      lost.push_back(number);
    }
  }
  for (const PeerNumber number : lost) {
    TellLost(number);
  }
}

void ZmqHubLink::TellLost(PeerNumber peer) {
  Forget(peer);
  handler_->OnPeerLost(peer);
}

void ZmqHubLink::Forget(PeerNumber peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) {
    return;
  }
  std::string routing_id = std::move(found->second.routing_id);
  peers_.erase(found);
  by_routing_id_.erase(routing_id);
  if (!IsMadeByZeroMq(routing_id) || !ended_.insert(routing_id).second) {
    return;
  }
  ended_order_.push_back(std::move(routing_id));
  if (ended_order_.size() > kEndedPeersKept) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

bool ZmqHubLink::HasRoom(Peer& peer, uint64_t wire_bytes) const {
  if (peer.sent_bytes + wire_bytes <= peer.acked_bytes + kUnsentBytesMax) {
    return true;
  }
  const std::optional<uint64_t> acked = BytesAcked(peer.descriptor);
  peer.acked_bytes = acked.value_or(peer.sent_bytes);
  // The greeting and heartbeats of ZeroMQ itself are acknowledged too.
  peer.sent_bytes = std::max(peer.sent_bytes, peer.acked_bytes);
  return peer.sent_bytes + wire_bytes <= peer.acked_bytes + kUnsentBytesMax;
}

SendResult ZmqHubLink::Send(PeerNumber peer, const Frames& frames) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) {
    return SendResult::kGone;
  }
  zeromq::Message message;
  message.reserve(frames.size() + 1);
  message.push_back(zeromq::Frame::Copy(found->second.routing_id));
  uint64_t wire_bytes = 0;
  for (const std::string& frame : frames) {
    message.push_back(zeromq::Frame::Copy(frame));
    wire_bytes += zeromq::SentWireBytes(frame.size());
  }
  if (!HasRoom(found->second, wire_bytes)) {
    return SendResult::kBlocked;
  }
  switch (socket_->Send(message)) {
    case zeromq::SendResult::kSent:
      found->second.sent_bytes += wire_bytes;
      return SendResult::kSent;
    case zeromq::SendResult::kBlocked:
      return SendResult::kBlocked;
    case zeromq::SendResult::kUnroutable:
      break;
  }
  Forget(peer);
  return SendResult::kGone;
}

void ZmqHubLink::Cut(PeerNumber peer) {
  const auto found = peers_.find(peer);
  if (found != peers_.end()) {
    guard_->Cut(found->second.descriptor);
    Forget(peer);
  }
}

void ZmqHubLink::MarkGreeted(PeerNumber peer) {
  if (const auto found = peers_.find(peer); found != peers_.end()) {
    guard_->MarkGreeted(found->second.descriptor);
  }
}

std::map<std::string, uint64_t> ZmqHubLink::DropCounts() const {
  std::map<std::string, uint64_t> counts;
  if (guard_ != nullptr) {
    counts = guard_->counts();
  }
  if (socket_ != nullptr && socket_->dropped_messages() > 0) {
    counts["frame-count"] += socket_->dropped_messages();
  }
  return counts;
}

uint64_t ZmqHubLink::connection_count() const {
  return guard_ == nullptr ? 0 : guard_->connection_count();
}

}  // namespace bitrepo::bus
