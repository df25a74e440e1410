// SPDX-License-Identifier: Apache-2.0
#include "bus/memory_link.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace bitrepo::bus {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

class MemoryHubLink;
class MemorySpokeLink;

// One direction of a connection.
struct Pipe {
  std::deque<Frames> frames;
  bool scheduled = false;  // a delivery is posted
  bool blocked = false;    // its sender was refused a message
};

struct Connection {
  std::string spoke;
  Pipe to_hub;
  Pipe to_spoke;
};

struct SpokePlace {
  MemorySpokeLink* link = nullptr;
  PeerNumber peer = 0;  // 0: not connected
  uint64_t dial = 0;    // numbers attempts, so that one overtaken comes to nothing
  absl::Duration pause = kFirstPause;
  bool reachable = true;
  bool reading = true;
  bool silent = false;
};

size_t TotalBytes(const Frames& frames) {
  size_t bytes = 0;
  for (const std::string& frame : frames) {
    bytes += frame.size();
  }
  return bytes;
}

}  // namespace

// What the links share. Posted work holds it weakly and looks everything up again when it runs.
struct MemoryAddress::State : std::enable_shared_from_this<MemoryAddress::State> {
  State(runtime::EventLoop& event_loop, base::Random& chance) : loop(event_loop), random(chance) {}

  void Post(void (*work)(State&, uint64_t), uint64_t number) {
    loop.Post([weak = weak_from_this(), work, number] {
      if (const auto state = weak.lock()) {
        work(*state, number);
      }
    });
  }
  void Dial(const std::string& name, absl::Duration delay);
  void TryDial(const std::string& name, uint64_t dial);
  // Ends a connection; each side that is to be told hears of it later.
  void End(PeerNumber peer, bool tell_hub);
  void EndAll();
  SendResult Enqueue(PeerNumber peer, Pipe& pipe, const Frames& frames,
                     void (*deliver)(State&, uint64_t));
  static void DeliverToHub(State& state, uint64_t peer);
  static void TellWritable(State& state, uint64_t peer);
  static void DeliverToSpoke(State& state, uint64_t peer);

  runtime::EventLoop& loop;
  base::Random& random;
  MemoryHubLink* hub = nullptr;
  PeerNumber last_peer = 0;
  std::map<PeerNumber, Connection> connections;
  std::map<std::string, SpokePlace> spokes;
  std::map<std::string, uint64_t> drops;
};

namespace {

class MemoryHubLink final : public HubLink {
 public:
  explicit MemoryHubLink(std::shared_ptr<MemoryAddress::State> state) : state_(std::move(state)) {}
  ~MemoryHubLink() override {
    if (state_->hub == this) {
      state_->hub = nullptr;
      state_->EndAll();
    }
  }
  absl::Status Start(Handler& handler) override {
    if (state_->hub != nullptr) {
      return absl::AlreadyExistsError("another hub listens at this address");
    }
    handler_ = &handler;
    state_->hub = this;
    return absl::OkStatus();
  }
  SendResult Send(PeerNumber peer, const Frames& frames) override {
    const auto found = state_->connections.find(peer);
    if (found == state_->connections.end()) {
      return SendResult::kGone;
    }
    return state_->Enqueue(peer, found->second.to_spoke, frames,
                           &MemoryAddress::State::DeliverToSpoke);
  }
  void Cut(PeerNumber peer) override { state_->End(peer, false); }
  void MarkGreeted(PeerNumber /*peer*/) override {}  // strangers may stay
  std::map<std::string, uint64_t> DropCounts() const override { return state_->drops; }
  std::string endpoint() const override { return "memory://hub"; }
  uint64_t connection_count() const override { return state_->connections.size(); }
  Handler* handler() const { return handler_; }

 private:
  std::shared_ptr<MemoryAddress::State> state_;
  Handler* handler_ = nullptr;
};

class MemorySpokeLink final : public SpokeLink {
 public:
  MemorySpokeLink(std::shared_ptr<MemoryAddress::State> state, std::string name)
      : state_(std::move(state)), name_(std::move(name)) {
    state_->spokes[name_].link = this;
  }
  ~MemorySpokeLink() override {
    SpokePlace& place = state_->spokes[name_];
    if (place.link == this) {
      place.link = nullptr;
      state_->End(place.peer, true);
      ++place.dial;
    }
  }
  absl::Status Start(Handler& handler) override {
    handler_ = &handler;
    state_->Dial(name_, absl::ZeroDuration());
    return absl::OkStatus();
  }
  SendResult Send(const Frames& frames) override {
    const PeerNumber peer = state_->spokes[name_].peer;
    const auto found = state_->connections.find(peer);
    if (found == state_->connections.end()) {
      return SendResult::kGone;
    }
    return state_->Enqueue(peer, found->second.to_hub, frames, &MemoryAddress::State::DeliverToHub);
  }
  void Redial() override {
    SpokePlace& place = state_->spokes[name_];
    if (place.peer != 0) {
      state_->End(place.peer, true);
    } else {
      place.pause = kFirstPause;
      state_->Dial(name_, absl::ZeroDuration());
    }
  }
  Handler* handler() const { return handler_; }

 private:
  std::shared_ptr<MemoryAddress::State> state_;
  std::string name_;
  Handler* handler_ = nullptr;
};

}  // namespace

void MemoryAddress::State::Dial(const std::string& name, absl::Duration delay) {
  const uint64_t dial = ++spokes[name].dial;
  auto attempt = [weak = weak_from_this(), name, dial] {
    if (const auto state = weak.lock()) {
      state->TryDial(name, dial);
    }
  };
  if (delay == absl::ZeroDuration()) {
    loop.Post(std::move(attempt));
  } else {
    loop.RunAfter(delay, std::move(attempt));
  }
}

void MemoryAddress::State::TryDial(const std::string& name, uint64_t dial) {
  SpokePlace& place = spokes[name];
  if (place.link == nullptr || place.dial != dial || place.peer != 0) {
    return;
  }
  if (hub == nullptr || !place.reachable) {
    const absl::Duration pause = place.pause;
    place.pause = std::min(pause * 2, kLongestPause);
    Dial(name, random.Jitter(pause));
    return;
  }
  place.pause = kFirstPause;
  place.peer = ++last_peer;
  connections[place.peer].spoke = name;
  place.link->handler()->OnConnected();
}

void MemoryAddress::State::End(PeerNumber peer, bool tell_hub) {
  const auto found = connections.find(peer);
  if (found == connections.end()) {
    return;
  }
  const std::string name = found->second.spoke;
  connections.erase(found);
  if (tell_hub && hub != nullptr) {
    Post(
        [](State& state, uint64_t number) {
          if (state.hub != nullptr) {
            state.hub->handler()->OnPeerLost(number);
          }
        },
        peer);
  }
  SpokePlace& place = spokes[name];
  place.peer = 0;
  if (place.link == nullptr) {
    return;
  }
  loop.Post([weak = weak_from_this(), name] {
    const auto state = weak.lock();
    if (state != nullptr && state->spokes[name].link != nullptr) {
      state->spokes[name].link->handler()->OnDisconnected();
    }
  });
  Dial(name, absl::ZeroDuration());
}

void MemoryAddress::State::EndAll() {
  while (!connections.empty()) {
    End(connections.begin()->first, false);
  }
}

SendResult MemoryAddress::State::Enqueue(PeerNumber peer, Pipe& pipe, const Frames& frames,
                                         void (*deliver)(State&, uint64_t)) {
  const SpokePlace& place = spokes[connections[peer].spoke];
  if (place.silent) {
    return SendResult::kSent;
  }
  if (TotalBytes(frames) > protocol::kEnvelopeBytesMax) {
    ++drops["oversize"];
    return SendResult::kSent;
  }
  if (pipe.frames.size() >= kMemoryPipeFrames) {
    pipe.blocked = true;
    return SendResult::kBlocked;
  }
  pipe.frames.push_back(frames);
  if (!std::exchange(pipe.scheduled, true)) {
    Post(deliver, peer);
  }
  return SendResult::kSent;
}

void MemoryAddress::State::DeliverToHub(State& state, uint64_t peer) {
  const auto found = state.connections.find(peer);
  if (found == state.connections.end() || state.hub == nullptr) {
    return;
  }
  Pipe& pipe = found->second.to_hub;
  Frames frames = std::move(pipe.frames.front());
  pipe.frames.pop_front();
  pipe.scheduled = !pipe.frames.empty();
  if (pipe.scheduled) {
    state.Post(&DeliverToHub, peer);
  }
  if (std::exchange(pipe.blocked, false)) {
    state.Post(&TellWritable, peer);
  }
  state.hub->handler()->OnFrames(peer, std::move(frames));
}

void MemoryAddress::State::TellWritable(State& state, uint64_t peer) {
  const auto found = state.connections.find(peer);
  if (found != state.connections.end()) {
    state.spokes[found->second.spoke].link->handler()->OnWritable();
  }
}

void MemoryAddress::State::DeliverToSpoke(State& state, uint64_t peer) {
  const auto found = state.connections.find(peer);
  if (found == state.connections.end()) {
    return;
  }
  Pipe& pipe = found->second.to_spoke;
  const SpokePlace& place = state.spokes[found->second.spoke];
  if (!place.reading || place.link == nullptr || pipe.frames.empty()) {
    pipe.scheduled = false;
    return;
  }
  Frames frames = std::move(pipe.frames.front());
  pipe.frames.pop_front();
  pipe.scheduled = !pipe.frames.empty();
  if (pipe.scheduled) {
    state.Post(&DeliverToSpoke, peer);
  }
  place.link->handler()->OnFrames(std::move(frames));
}

MemoryAddress::MemoryAddress(runtime::EventLoop& loop, base::Random& random)
    : state_(std::make_shared<State>(loop, random)) {}
MemoryAddress::~MemoryAddress() = default;

std::unique_ptr<HubLink> MemoryAddress::NewHub() { return std::make_unique<MemoryHubLink>(state_); }

std::unique_ptr<SpokeLink> MemoryAddress::NewSpoke(std::string name) {
  return std::make_unique<MemorySpokeLink>(state_, std::move(name));
}

void MemoryAddress::Break(absl::string_view spoke) {
  state_->End(state_->spokes[std::string(spoke)].peer, true);
}

void MemoryAddress::SetReachable(absl::string_view spoke, bool reachable) {
  state_->spokes[std::string(spoke)].reachable = reachable;
  if (!reachable) {
    Break(spoke);
  }
}

void MemoryAddress::SetReading(absl::string_view spoke, bool reading) {
  SpokePlace& place = state_->spokes[std::string(spoke)];
  place.reading = reading;
  const auto found = state_->connections.find(place.peer);
  if (reading && found != state_->connections.end() && !found->second.to_spoke.frames.empty() &&
      !std::exchange(found->second.to_spoke.scheduled, true)) {
    state_->Post(&State::DeliverToSpoke, place.peer);
  }
}

void MemoryAddress::SetSilent(absl::string_view spoke, bool silent) {
  state_->spokes[std::string(spoke)].silent = silent;
}

}  // namespace bitrepo::bus
