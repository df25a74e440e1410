// SPDX-License-Identifier: Apache-2.0
// The simulated data network: a connection is two numbered ends, a frame is an event at the far
// one.
#include "tests/simulation/sim_channel_net.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace bitrepo::simulation {

class SimChannelLink final : public channel::Link {
 public:
  SimChannelLink(SimChannelNet& net, uint64_t number, std::string endpoint)
      : net_(net), number_(number), endpoint_(std::move(endpoint)) {
    net_.links_[number_] = this;
  }
  ~SimChannelLink() override {
    if (!endpoint_.empty() && net_.listening_[endpoint_] == number_)
      net_.listening_.erase(endpoint_);
    std::vector<uint64_t> mine;
    for (const auto& [connection, end] : net_.ends_) {
      if (end.owner == number_) mine.push_back(connection);
    }
    for (const uint64_t connection : mine)
      net_.Break(connection, absl::UnavailableError("the process is gone"));
    net_.links_.erase(number_);
  }
  absl::Status Start(Handler& handler) override {
    handler_ = &handler;
    if (!endpoint_.empty()) net_.listening_[endpoint_] = number_;
    return absl::OkStatus();
  }
  absl::StatusOr<channel::ConnectionNumber> Dial(absl::string_view endpoint) override {
    const uint64_t connection = net_.next_number_++;
    net_.ends_[connection].owner = number_;
    net_.scheduler_.Schedule(
        net_.scheduler_.Now() + net_.Delay(),
        [net = &net_, connection, to = std::string(endpoint)] { net->Dialled(connection, to); });
    return connection;
  }
  bool Send(channel::ConnectionNumber connection, channel::LinkFrame frame) override {
    auto end = net_.ends_.find(connection);
    if (end == net_.ends_.end() || end->second.other == 0)
      return true;  // lost with its connection; OnClosed tells
    if (net_.partitioned_ || net_.Chance(net_.trouble_.cut)) {
      net_.Break(connection, absl::UnavailableError("connection reset"));
      return true;
    }
    if (!frame.payload.empty() && net_.Chance(net_.trouble_.flip)) {
      std::string bytes(frame.payload.text());
      const uint64_t bit = net_.random_.Below(bytes.size() * 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ static_cast<char>(1U << (bit % 8)));
      frame.payload = base::Buffer::Of(std::move(bytes));
    }
    const uint64_t to = end->second.other;
    auto far = net_.ends_.find(to);
    if (far == net_.ends_.end()) return true;
    const absl::Time when =
        std::max(far->second.last_arrival, net_.scheduler_.Now() + net_.Delay());
    far->second.last_arrival = when;
    net_.scheduler_.Schedule(when, [net = &net_, to, frame = std::move(frame)]() mutable {
      net->Arrive(to, std::move(frame));
    });
    return true;
  }
  void Close(channel::ConnectionNumber connection) override {
    auto end = net_.ends_.find(connection);
    if (end == net_.ends_.end()) return;
    const uint64_t other = end->second.other;
    net_.ends_.erase(end);
    auto far = net_.ends_.find(other);
    if (far == net_.ends_.end()) return;
    far->second.other = 0;
    // What was sent before still arrives first.
    const absl::Time when = std::max(far->second.last_arrival, net_.scheduler_.Now());
    net_.scheduler_.Schedule(when, [net = &net_, other] {
      net->Break(other, absl::UnavailableError("closed by the peer"));
    });
  }
  std::string endpoint() const override { return endpoint_; }
  std::map<std::string, uint64_t> DropCounts() const override { return {}; }

 private:
  friend class SimChannelNet;
  SimChannelNet& net_;
  uint64_t number_;
  std::string endpoint_;
  Handler* handler_ = nullptr;
};

std::unique_ptr<channel::Link> SimChannelNet::NewLink(std::string endpoint) {
  return std::make_unique<SimChannelLink>(*this, next_number_++, std::move(endpoint));
}

void SimChannelNet::Dialled(uint64_t dialling, const std::string& endpoint) {
  auto near = ends_.find(dialling);
  if (near == ends_.end()) return;
  auto listener = listening_.find(endpoint);
  if (listener == listening_.end() || partitioned_) {
    Break(dialling, absl::UnavailableError("connection refused"));
    return;
  }
  const uint64_t accepted = next_number_++;
  End& far = ends_[accepted];
  far.owner = listener->second;
  far.other = dialling;
  far.accepting = true;
  near->second.other = accepted;
  links_.at(near->second.owner)->handler_->OnDialled(dialling);
}

void SimChannelNet::Arrive(uint64_t to, channel::LinkFrame frame) {
  auto end = ends_.find(to);
  if (end == ends_.end()) return;
  const uint64_t owner = end->second.owner;
  if (end->second.accepting && !end->second.announced) {
    end->second.announced = true;
    links_.at(owner)->handler_->OnAccepted(to);
    if (ends_.find(to) == ends_.end()) return;
  }
  links_.at(owner)->handler_->OnFrame(to, std::move(frame));
}

void SimChannelNet::Break(uint64_t end, const absl::Status& why) {
  for (const uint64_t number : {end, ends_.count(end) > 0 ? ends_[end].other : uint64_t{0}}) {
    auto found = ends_.find(number);
    if (found == ends_.end()) continue;
    const uint64_t owner = found->second.owner;
    const bool heard_of = !found->second.accepting || found->second.announced;
    ends_.erase(found);
    if (!heard_of) continue;
    scheduler_.Schedule(scheduler_.Now(), [this, owner, number, why] {
      auto link = links_.find(owner);
      if (link != links_.end()) link->second->handler_->OnClosed(number, why);
    });
  }
}

absl::Duration SimChannelNet::Delay() {
  const auto spread = absl::ToInt64Microseconds(trouble_.delay_most - trouble_.delay_least);
  return trouble_.delay_least +
         absl::Microseconds(random_.Below(static_cast<uint64_t>(spread) + 1));
}

bool SimChannelNet::Chance(double probability) {
  return probability > 0 &&
         static_cast<double>(random_.Below(1'000'000)) < probability * 1'000'000.0;
}

}  // namespace bitrepo::simulation
