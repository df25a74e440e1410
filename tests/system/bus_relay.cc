// SPDX-License-Identifier: Apache-2.0
// The relay on the bus.
#include "tests/system/bus_relay.h"

#include <deque>
#include <utility>

#include "base/check.h"

namespace bitrepo::system_test {

// One component's way to the coordinator and back.
class BusRelay::Route final : public bus::SpokeLink::Handler {
 public:
  Route(BusRelay& relay, bus::PeerNumber peer)
      : relay_(relay),
        peer_(peer),
        spoke_(relay.loop_, relay.context_, relay.coordinator_endpoint_, relay.random_) {
    BITREPO_CHECK(spoke_.Start(*this).ok(), "the coordinator's endpoint can be dialled");
  }
  void PassOn(bus::Frames frames) {
    waiting_.push_back(std::move(frames));
    SendOn();
  }

 private:
  void OnConnected() override {
    connected_ = true;
    SendOn();
  }
  void OnWritable() override { SendOn(); }
  void OnFrames(bus::Frames frames) override { relay_.hub_->Send(peer_, frames); }
  void OnDisconnected() override {
    relay_.loop_.Post([&relay = relay_, peer = peer_] {
      relay.hub_->Cut(peer);
      relay.routes_.erase(peer);
    });
  }

  void SendOn() {
    while (connected_ && !waiting_.empty() &&
           spoke_.Send(waiting_.front()) == bus::SendResult::kSent) {
      waiting_.pop_front();
    }
  }

  BusRelay& relay_;
  bus::PeerNumber peer_;
  bool connected_ = false;
  std::deque<bus::Frames> waiting_;
  bus::ZmqSpokeLink spoke_;
};

class BusRelay::Front final : public bus::HubLink::Handler {
 public:
  explicit Front(BusRelay& relay) : relay_(relay) {}

 private:
  void OnFrames(bus::PeerNumber peer, bus::Frames frames) override {
    relay_.hub_->MarkGreeted(peer);  // who is a stranger is for the coordinator to say
    wire::Header header;
    if (frames.size() > 1 && header.ParseFromString(frames[1]) && relay_.hook_(header)) return;
    std::unique_ptr<Route>& route = relay_.routes_[peer];
    if (route == nullptr) route = std::make_unique<Route>(relay_, peer);
    route->PassOn(std::move(frames));
  }
  void OnPeerLost(bus::PeerNumber peer) override {
    relay_.loop_.Post([&relay = relay_, peer] { relay.routes_.erase(peer); });
  }

  BusRelay& relay_;
};

BusRelay::BusRelay(std::string coordinator_endpoint, Hook hook)
    : coordinator_endpoint_(std::move(coordinator_endpoint)),
      hook_(std::move(hook)),
      front_(std::make_unique<Front>(*this)),
      hub_(std::make_unique<bus::ZmqHubLink>(loop_, context_, "tcp://127.0.0.1:0",
                                             zeromq::ConnectionLedger::Limits())) {
  BITREPO_CHECK(hub_->Start(*front_).ok(), "a free port can be had");
  endpoint_ = hub_->endpoint();
  thread_ = std::thread([this] { loop_.Run(); });
}

BusRelay::~BusRelay() {
  loop_.Stop();
  thread_.join();
  routes_.clear();
  hub_.reset();
}

}  // namespace bitrepo::system_test
