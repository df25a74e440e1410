// SPDX-License-Identifier: Apache-2.0
// The simulated bus: every message is an event of the scheduler, looked up again by number when it
// arrives.
#include "tests/simulation/sim_bus_net.h"

#include <utility>
#include <vector>

namespace bitrepo::simulation {
namespace {

constexpr absl::Duration kRedial = absl::Milliseconds(100);

bool Chance(base::Random& random, double probability) {
  return probability > 0 &&
         static_cast<double>(random.Below(1'000'000)) < probability * 1'000'000.0;
}

}  // namespace

class SimHubLink final : public bus::HubLink {
 public:
  explicit SimHubLink(SimBusNet& net) : net_(net) {}
  ~SimHubLink() override {
    if (net_.hub_ != this) return;
    net_.hub_ = nullptr;
    net_.CutAll();
  }
  absl::Status Start(Handler& handler) override {
    if (net_.hub_ != nullptr) return absl::FailedPreconditionError("address in use");
    handler_ = &handler;
    net_.hub_ = this;
    return absl::OkStatus();
  }
  bus::SendResult Send(bus::PeerNumber peer, const bus::Frames& frames) override;
  void Cut(bus::PeerNumber peer) override;
  void MarkGreeted(bus::PeerNumber /*peer*/) override {}
  std::map<std::string, uint64_t> DropCounts() const override { return {}; }
  std::string endpoint() const override { return "sim://hub"; }
  uint64_t connection_count() const override { return net_.spoke_of_peer_.size(); }

 private:
  friend class SimBusNet;
  friend class SimSpokeLink;
  SimBusNet& net_;
  Handler* handler_ = nullptr;
};

class SimSpokeLink final : public bus::SpokeLink {
 public:
  SimSpokeLink(SimBusNet& net, uint64_t number) : net_(net), number_(number) {
    net_.spokes_[number] = this;
  }
  ~SimSpokeLink() override {
    net_.spokes_.erase(number_);
    if (peer_ != 0) net_.Disconnect(peer_);
  }
  absl::Status Start(Handler& handler) override {
    handler_ = &handler;
    net_.Dial(number_);
    return absl::OkStatus();
  }
  bus::SendResult Send(const bus::Frames& frames) override {
    if (peer_ == 0) return bus::SendResult::kGone;
    net_.Deliver([net = &net_, peer = peer_, frames] {
      if (net->hub_ == nullptr || net->spoke_of_peer_.count(peer) == 0) return;
      net->hub_->handler_->OnFrames(peer, frames);
    });
    return bus::SendResult::kSent;
  }
  void Redial() override {
    if (peer_ != 0) net_.Disconnect(peer_);
  }

 private:
  friend class SimBusNet;
  friend class SimHubLink;
  SimBusNet& net_;
  uint64_t number_;
  uint64_t peer_ = 0;
  Handler* handler_ = nullptr;
};

bus::SendResult SimHubLink::Send(bus::PeerNumber peer, const bus::Frames& frames) {
  auto found = net_.spoke_of_peer_.find(peer);
  if (found == net_.spoke_of_peer_.end()) return bus::SendResult::kGone;
  net_.Deliver([net = &net_, peer, frames] {
    auto spoke = net->spoke_of_peer_.find(peer);
    if (spoke != net->spoke_of_peer_.end())
      net->spokes_.at(spoke->second)->handler_->OnFrames(frames);
  });
  return bus::SendResult::kSent;
}

void SimHubLink::Cut(bus::PeerNumber peer) { net_.Disconnect(peer); }

std::unique_ptr<bus::HubLink> SimBusNet::NewHub() { return std::make_unique<SimHubLink>(*this); }

std::unique_ptr<bus::SpokeLink> SimBusNet::NewSpoke() {
  return std::make_unique<SimSpokeLink>(*this, next_number_++);
}

void SimBusNet::Deliver(const std::function<void()>& arrive) {
  if (partitioned_ || Chance(random_, trouble_.loss)) return;
  const int copies = Chance(random_, trouble_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const auto spread = absl::ToInt64Microseconds(trouble_.delay_most - trouble_.delay_least);
    absl::Duration delay =
        trouble_.delay_least + absl::Microseconds(random_.Below(static_cast<uint64_t>(spread) + 1));
    if (Chance(random_, trouble_.reordering)) delay *= 1 + static_cast<int>(random_.Below(10));
    scheduler_.Schedule(scheduler_.Now() + delay, arrive);
  }
}

void SimBusNet::Dial(uint64_t spoke) {
  scheduler_.Schedule(scheduler_.Now() + random_.Jitter(kRedial), [this, spoke] {
    auto found = spokes_.find(spoke);
    if (found == spokes_.end() || found->second->peer_ != 0) return;
    if (hub_ == nullptr || partitioned_) {
      Dial(spoke);
      return;
    }
    const uint64_t peer = next_number_++;
    spoke_of_peer_[peer] = spoke;
    found->second->peer_ = peer;
    found->second->handler_->OnConnected();
  });
}

// Each side hears of it as an event of its own; the spoke then dials again.
void SimBusNet::Disconnect(uint64_t peer) {
  auto found = spoke_of_peer_.find(peer);
  if (found == spoke_of_peer_.end()) return;
  const uint64_t spoke = found->second;
  spoke_of_peer_.erase(found);
  scheduler_.Schedule(scheduler_.Now(), [this, peer] {
    if (hub_ != nullptr) hub_->handler_->OnPeerLost(peer);
  });
  auto alive = spokes_.find(spoke);
  if (alive == spokes_.end()) return;
  alive->second->peer_ = 0;
  scheduler_.Schedule(scheduler_.Now(), [this, spoke] {
    auto still = spokes_.find(spoke);
    if (still != spokes_.end()) still->second->handler_->OnDisconnected();
  });
  Dial(spoke);
}

void SimBusNet::CutAll() {
  std::vector<uint64_t> peers;
  for (const auto& [peer, spoke] : spoke_of_peer_) peers.push_back(peer);
  for (const uint64_t peer : peers) Disconnect(peer);
}

}  // namespace bitrepo::simulation
