// SPDX-License-Identifier: Apache-2.0
#include "channel/zmq_channel_link.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "base/zeromq/socket_factory.h"

namespace bitrepo::channel {
namespace {

using zeromq::ConnectionEvent;
using zeromq::Frame;
using zeromq::Message;

constexpr int kIoThreads = 1;
constexpr size_t kGonePeersKept = 1024;
constexpr int kTurnsBeforeClosed = 64;
constexpr absl::Duration kCloseWithin = absl::Milliseconds(50);  // after it was told

uint64_t DescriptorLimit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

// The header and payload at the end of a message. Requires: at least two frames.
LinkFrame TakeFrame(Message message) {
  LinkFrame frame;
  frame.payload = std::move(message.back()).ToBuffer();
  message.pop_back();
  frame.header = std::move(message.back()).ToBuffer();
  return frame;
}

}  // namespace

ZmqChannelLink::ZmqChannelLink(runtime::EventLoop& loop, std::string endpoint)
    : loop_(loop),
      endpoint_(std::move(endpoint)),
      context_(kIoThreads, kSocketsMax),
      self_(std::make_shared<ZmqChannelLink*>(this)) {}

ZmqChannelLink::~ZmqChannelLink() {
  self_.reset();
  for (const auto& [descriptor, timer] : to_cut_) {
    loop_.CancelTimer(timer);
  }
  for (auto& [connection, dialled] : dialled_) {
    dialled.monitor.reset();
  }
  guard_.reset();
}

absl::Status ZmqChannelLink::Start(Handler& handler) {
  BITREPO_CHECK(handler_ == nullptr, "a link is started once");
  handler_ = &handler;
  return endpoint_.empty() ? absl::OkStatus() : Listen();
}

absl::Status ZmqChannelLink::Listen() {
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeDataHub(context_));
  zeromq::ConnectionLedger::Limits limits;
  limits.connections = zeromq::ConnectionsFor(DescriptorLimit());
  limits.undelivered_bytes = kUndeliveredBytesMax;
  limits.undelivered_bytes_total = kUndeliveredBytesTotal;
  limits.message_bytes = zeromq::kDataFrameBytesMax + zeromq::kMessageSlackBytes;
  BITREPO_ASSIGN_OR_RETURN(
      guard_, zeromq::ConnectionGuard::Watch(loop_, context_, socket, limits,
                                             [this](int descriptor) { OnHubClosed(descriptor); }));
  absl::StatusOr<std::string> bound = socket.Bind(endpoint_);
  if (!bound.ok()) {
    guard_.reset();
    return bound.status();
  }
  endpoint_ = *std::move(bound);
  zeromq::PolledSocket::Options options;
  options.guard = guard_.get();
  hub_ = std::make_unique<zeromq::PolledSocket>(
      loop_, std::move(socket), options,
      [this](Message message, int descriptor) { OnHubMessage(std::move(message), descriptor); });
  hub_->SetOnWritable([this] { OnHubWritable(); });
  return absl::OkStatus();
}

void ZmqChannelLink::OnHubMessage(Message message, int descriptor) {
  const std::string peer_id(message.front().text());
  if (gone_.contains(peer_id)) {
    return;
  }
  auto known = by_peer_id_.find(peer_id);
  if (message.size() != 3) {
    ++counts_["malformed-messages"];
    if (known == by_peer_id_.end()) {
      guard_->Cut(descriptor);
    } else {
      TellClosed(known->second, absl::InvalidArgumentError("what came is no frame"), 0);
    }
    return;
  }
  if (known != by_peer_id_.end() && accepted_.at(known->second).descriptor != descriptor) {
    // An id that a peer has chosen, once more by another connection.
    TellClosed(known->second, absl::UnavailableError("another has taken its place"), 0);
    known = by_peer_id_.end();
  }
  const bool is_new = known == by_peer_id_.end();
  const ConnectionNumber connection = is_new ? Accept(peer_id, descriptor) : known->second;
  if (is_new) {
    handler_->OnAccepted(connection);
    if (!accepted_.contains(connection)) {
      return;
    }
  }
  handler_->OnFrame(connection, TakeFrame(std::move(message)));
}

ConnectionNumber ZmqChannelLink::Accept(const std::string& peer_id, int descriptor) {
  const ConnectionNumber connection = ++last_connection_;
  guard_->MarkGreeted(descriptor);
  accepted_[connection] = Accepted{
      peer_id, descriptor, zeromq::ConnectionGuard::CookieOf(descriptor).value_or(0), false};
  by_peer_id_[peer_id] = connection;
  if (auto former = by_descriptor_.find(descriptor); former != by_descriptor_.end()) {
    TellClosed(former->second, absl::UnavailableError("the connection is lost"), 0);
  }
  by_descriptor_[descriptor] = connection;
  return connection;
}

void ZmqChannelLink::ForgetAccepted(ConnectionNumber connection) {
  auto found = accepted_.find(connection);
  const Accepted accepted = std::move(found->second);
  accepted_.erase(found);
  if (auto peer = by_peer_id_.find(accepted.peer_id);
      peer != by_peer_id_.end() && peer->second == connection) {
    by_peer_id_.erase(peer);
  }
  if (auto owner = by_descriptor_.find(accepted.descriptor);
      owner != by_descriptor_.end() && owner->second == connection) {
    by_descriptor_.erase(owner);
  }
  // Ids of ZeroMQ's own begin with zero and never come again; others a peer has chosen.
  if (accepted.peer_id.empty() || accepted.peer_id.front() != '\0' ||
      !gone_.insert(accepted.peer_id).second) {
    return;
  }
  gone_in_order_.push_back(accepted.peer_id);
  if (gone_in_order_.size() > kGonePeersKept) {
    gone_.erase(gone_in_order_.front());
    gone_in_order_.pop_front();
  }
}

void ZmqChannelLink::OnHubClosed(int descriptor) {
  if (auto flushing = to_cut_.find(descriptor); flushing != to_cut_.end()) {
    loop_.CancelTimer(flushing->second);
    to_cut_.erase(flushing);
  }
  if (auto owner = by_descriptor_.find(descriptor); owner != by_descriptor_.end()) {
    JudgeClosed(owner->second, false);
  }
}

// A descriptor is told as closed a little before it is, and may by now be that of the next
// connection, whose first message overtook the news.
void ZmqChannelLink::JudgeClosed(ConnectionNumber connection, bool last_look) {
  auto found = accepted_.find(connection);
  if (found == accepted_.end()) {
    return;
  }
  const int descriptor = found->second.descriptor;
  if (zeromq::ConnectionGuard::CookieOf(descriptor) != found->second.cookie) {
    if (auto owner = by_descriptor_.find(descriptor);
        owner != by_descriptor_.end() && owner->second == connection) {
      by_descriptor_.erase(owner);
    }
    TellClosed(connection, absl::UnavailableError("the connection is lost"), kTurnsBeforeClosed);
  } else if (!last_look) {
    loop_.RunAfter(kCloseWithin, [weak = std::weak_ptr<ZmqChannelLink*>(self_), connection] {
      if (const std::shared_ptr<ZmqChannelLink*> self = weak.lock()) {
        (*self)->JudgeClosed(connection, true);
      }
    });
  }
}

void ZmqChannelLink::OnHubWritable() {
  std::vector<ConnectionNumber> waiting;
  for (auto& [connection, accepted] : accepted_) {
    if (std::exchange(accepted.blocked, false)) {
      waiting.push_back(connection);
    }
  }
  for (const ConnectionNumber connection : waiting) {
    if (accepted_.contains(connection)) {
      handler_->OnWritable(connection);
    }
  }
}

void ZmqChannelLink::TellClosed(ConnectionNumber connection, absl::Status why, int turns) {
  loop_.Post([weak = std::weak_ptr<ZmqChannelLink*>(self_), connection, why = std::move(why),
              turns]() mutable {
    const std::shared_ptr<ZmqChannelLink*> alive = weak.lock();
    if (alive == nullptr) {
      return;
    }
    ZmqChannelLink& self = **alive;
    auto dialled = self.dialled_.find(connection);
    const bool accepted = self.accepted_.contains(connection);
    zeromq::PolledSocket* socket = dialled != self.dialled_.end()
                                       ? dialled->second.socket.get()
                                       : (accepted ? self.hub_.get() : nullptr);
    if (socket == nullptr) {
      return;
    }
    if (turns > 0 && socket->HasMessages()) {
      self.TellClosed(connection, std::move(why), turns - 1);
      return;
    }
    self.Close(connection);
    self.handler_->OnClosed(connection, std::move(why));
  });
}

absl::StatusOr<ConnectionNumber> ZmqChannelLink::Dial(absl::string_view endpoint) {
  BITREPO_CHECK(handler_ != nullptr, "a link is started before it dials");
  const ConnectionNumber connection = ++last_connection_;
  Dialled dialled;
  dialled.endpoint = std::string(endpoint);
  BITREPO_ASSIGN_OR_RETURN(zeromq::Socket socket, zeromq::MakeDataSpoke(context_));
  BITREPO_ASSIGN_OR_RETURN(
      dialled.monitor,
      zeromq::SocketMonitor::Watch(loop_, context_, socket,
                                   [this, connection](ConnectionEvent event, int /*value*/) {
                                     OnSpokeEvent(connection, event);
                                   }));
  const absl::Status connecting = socket.Connect(dialled.endpoint);
  if (!connecting.ok()) {
    dialled.monitor.reset();
    return connecting;
  }
  dialled.socket = std::make_unique<zeromq::PolledSocket>(
      loop_, std::move(socket), zeromq::PolledSocket::Options{},
      [this, connection](Message message, int /*descriptor*/) {
        OnSpokeMessage(connection, std::move(message));
      });
  dialled.socket->SetOnWritable([this, connection] { handler_->OnWritable(connection); });
  dialled_[connection] = std::move(dialled);
  return connection;
}

void ZmqChannelLink::OnSpokeMessage(ConnectionNumber connection, Message message) {
  if (message.size() != 2) {
    ++counts_["malformed-messages"];
    TellClosed(connection, absl::InvalidArgumentError("what came is no frame"), 0);
    return;
  }
  handler_->OnFrame(connection, TakeFrame(std::move(message)));
}

void ZmqChannelLink::OnSpokeEvent(ConnectionNumber connection, ConnectionEvent event) {
  auto found = dialled_.find(connection);
  if (found == dialled_.end()) {
    return;
  }
  switch (event) {
    case ConnectionEvent::kHandshakeDone:
      if (!std::exchange(found->second.connected, true)) {
        handler_->OnDialled(connection);
      }
      break;
    case ConnectionEvent::kHandshakeFailed:
    case ConnectionEvent::kDialFailed:
    case ConnectionEvent::kDisconnected:
      TellClosed(
          connection,
          absl::UnavailableError(found->second.connected
                                     ? "the connection is lost"
                                     : absl::StrCat("nobody answers at ", found->second.endpoint)),
          kTurnsBeforeClosed);
      break;
    case ConnectionEvent::kAccepted:
    case ConnectionEvent::kAcceptFailed:
    case ConnectionEvent::kConnected:
      break;
  }
}

bool ZmqChannelLink::Send(ConnectionNumber connection, LinkFrame frame) {
  Message message;
  auto accepted = accepted_.find(connection);
  auto dialled = dialled_.find(connection);
  if (accepted != accepted_.end()) {
    message.push_back(Frame::Copy(accepted->second.peer_id));
  } else if (dialled == dialled_.end()) {
    return true;
  }
  message.push_back(Frame::Of(std::move(frame.header)));
  message.push_back(Frame::Of(std::move(frame.payload)));
  zeromq::PolledSocket& socket = accepted != accepted_.end() ? *hub_ : *dialled->second.socket;
  // A peer that cannot be reached any more is told as closed; until then it swallows what is sent.
  const bool taken = socket.Send(message) != zeromq::SendResult::kBlocked;
  if (!taken && accepted != accepted_.end()) {
    accepted->second.blocked = true;
  }
  return taken;
}

void ZmqChannelLink::Close(ConnectionNumber connection) {
  if (auto dialled = dialled_.find(connection); dialled != dialled_.end()) {
    // What was sent on it is still sent within the socket's linger.
    dialled->second.monitor.reset();
    dialled_.erase(dialled);
    return;
  }
  auto accepted = accepted_.find(connection);
  if (accepted == accepted_.end()) {
    return;
  }
  const int descriptor = accepted->second.descriptor;
  const bool connected =
      by_descriptor_.contains(descriptor) && by_descriptor_.at(descriptor) == connection;
  ForgetAccepted(connection);
  if (connected) {
    to_cut_[descriptor] = loop_.RunAfter(kFlushWithin, [this, descriptor] {
      to_cut_.erase(descriptor);
      guard_->Cut(descriptor);
    });
  }
}

std::map<std::string, uint64_t> ZmqChannelLink::DropCounts() const {
  std::map<std::string, uint64_t> all = counts_;
  if (guard_ != nullptr) {
    for (const auto& [cause, count] : guard_->counts()) {
      all[cause] += count;
    }
    all["messages-of-too-many-frames"] += hub_->dropped_messages();
  }
  return all;
}

}  // namespace bitrepo::channel
