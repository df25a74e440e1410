// SPDX-License-Identifier: Apache-2.0
#include "bus/bus.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"

namespace bitrepo::bus {
namespace {

using protocol::Destination;
using protocol::Envelope;
using protocol::EnvelopeFault;

// Until WELCOME says otherwise.
constexpr absl::Duration kHelloAgain = absl::Seconds(1);
constexpr absl::Duration kGoneAfter = absl::Seconds(5);
constexpr absl::Duration kBusyPause = absl::Seconds(5);
// What a WELCOME may ask for: neither a flood nor a silence.
constexpr absl::Duration kHeartbeatLeast = absl::Milliseconds(50);
constexpr absl::Duration kHeartbeatMost = absl::Minutes(1);

enum class Phase {
  kNew,
  kDialling,  // no connection
  kJoining,   // connected, HELLO said, no answer yet
  kUp,        // WELCOME was heard
  kWaiting,   // BUSY was heard: dials again after a pause
  kEnded,     // refused or stopped
};

bool IsForHandler(wire::Kind kind) {
  switch (kind) {
    case wire::IDENTIFY:
    case wire::IDENTIFY_REPLY:
    case wire::REQUEST:
    case wire::PROGRESS:
    case wire::FINAL:
    case wire::CANCEL:
    case wire::ALARM:
    case wire::ROUTED:
    case wire::UNDELIVERED:
    case wire::REFUSED:
      return true;
    default:
      return false;
  }
}

size_t OutboxBytes(const Frames& frames) {
  size_t bytes = kOutboxMessageBytes;
  for (const std::string& frame : frames) {
    bytes += frame.size();
  }
  return bytes;
}

}  // namespace

struct Bus::State final : SpokeLink::Handler {
  State(Membership membership, runtime::EventLoop& event_loop, std::unique_ptr<SpokeLink> spoke,
        base::Random& chance)
      : self(std::move(membership)), loop(event_loop), link(std::move(spoke)), random(chance) {
    if (self.kind == wire::CLIENT && self.store_id.empty()) {
      self.store_id = base::StoreId::Make(loop.clock().WallNow(), random).ToBytes();
    }
  }
  ~State() override { loop.CancelTimer(timer); }

  void OnConnected() override;
  void OnFrames(Frames frames) override;
  void OnWritable() override;
  void OnDisconnected() override;

  void OnTime();
  void OnWelcome(const Envelope& envelope);
  void OnRefusal(const wire::ResponseInfo& why);
  // The coordinator is lost: goes to `next`, and tells the handler when it was up.
  void GoDown(Phase next);
  wire::Body HelloBody() const;
  // No more callbacks; the link dies once it is no longer on the stack.
  void End();
  bool IsForUs(const Envelope& envelope) const;
  absl::StatusOr<Envelope> Seal(wire::Kind kind, wire::Body body);
  void Say(wire::Kind kind, wire::Body body);
  // Now, or when the coordinator takes messages again; kBlocked: too much waits already.
  SendResult Send(Frames frames);
  void WakeAfter(absl::Duration delay);

  Membership self;
  runtime::EventLoop& loop;
  std::unique_ptr<SpokeLink> link;
  base::Random& random;
  Bus::Handler* handler = nullptr;
  Phase phase = Phase::kNew;
  std::optional<Envelope> hello;  // of this connection; said again byte for byte
  absl::Time last_heard = absl::InfinitePast();
  absl::Duration heartbeat = kHelloAgain;
  absl::Duration gone_after = kGoneAfter;
  wire::Load load;
  std::deque<Frames> outbox;  // of this connection
  size_t outbox_bytes = 0;
  runtime::TimerId timer = runtime::TimerId::kNone;
  std::map<std::string, uint64_t> drops;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

absl::StatusOr<Envelope> Bus::State::Seal(wire::Kind kind, wire::Body body) {
  const absl::Time wall_now = loop.clock().WallNow();
  wire::Header header;
  header.set_repository_id(self.repository_id);
  header.set_version(protocol::kProtocolVersion);
  header.set_min_version(protocol::kProtocolVersionMin);
  header.set_message_id(base::MessageId::Make(wall_now, random).ToBytes());
  header.set_kind(kind);
  header.set_from(self.principal);
  header.set_reply_to(self.session);
  header.set_issued_at_us(absl::ToUnixMicros(wall_now));
  return protocol::SealEnvelope({Destination::Kind::kCoordinator, ""}, std::move(header),
                                std::move(body), "");
}

void Bus::State::Say(wire::Kind kind, wire::Body body) {
  const absl::StatusOr<Envelope> envelope = Seal(kind, std::move(body));
  BITREPO_CHECK(envelope.ok(), "what a component says to its coordinator is valid");
  // A coordinator that takes nothing for long will be silent too, and is then dialled afresh.
  static_cast<void>(Send(ToFrames(*envelope)));
}

SendResult Bus::State::Send(Frames frames) {
  if (outbox.empty()) {
    const SendResult result = link->Send(frames);
    if (result != SendResult::kBlocked) {
      return result;
    }
  }
  const size_t bytes = OutboxBytes(frames);
  if (outbox_bytes + bytes > kOutboxBytesMax) {
    return SendResult::kBlocked;
  }
  outbox_bytes += bytes;
  outbox.push_back(std::move(frames));
  return SendResult::kSent;
}

void Bus::State::OnWritable() {
  while (!outbox.empty() && link->Send(outbox.front()) == SendResult::kSent) {
    outbox_bytes -= OutboxBytes(outbox.front());
    outbox.pop_front();
  }
}

wire::Body Bus::State::HelloBody() const {
  wire::Body body;
  wire::Hello& said = *body.mutable_hello();
  said.set_component_id(self.principal);
  said.set_session_id(self.session);
  said.set_kind(self.kind);
  for (const std::string& collection : self.collections) {
    said.add_collections(collection);
  }
  said.set_program_version(self.program_version);
  said.set_store_id(self.store_id);
  said.set_incarnation(self.incarnation);
  said.set_pillar_kind(self.pillar_kind);
  return body;
}

void Bus::State::WakeAfter(absl::Duration delay) {
  loop.CancelTimer(timer);
  timer = loop.RunAfter(random.Jitter(delay), [this] { OnTime(); });
}

void Bus::State::OnConnected() {
  if (phase != Phase::kDialling) {
    return;
  }
  absl::StatusOr<Envelope> sealed = Seal(wire::HELLO, HelloBody());
  BITREPO_CHECK(sealed.ok(), "a HELLO that Start could make can be made again");
  hello = *std::move(sealed);
  phase = Phase::kJoining;
  last_heard = loop.Now();
  gone_after = kGoneAfter;
  static_cast<void>(link->Send(ToFrames(*hello)));
  WakeAfter(kHelloAgain);
}

void Bus::State::OnDisconnected() {
  if (phase == Phase::kJoining || phase == Phase::kUp) {
    GoDown(Phase::kDialling);
  }
}

void Bus::State::GoDown(Phase next) {
  const bool was_up = phase == Phase::kUp;
  phase = next;
  hello.reset();
  outbox.clear();
  outbox_bytes = 0;
  loop.CancelTimer(timer);
  if (was_up) {
    handler->OnBusDown();
  }
}

void Bus::State::OnTime() {
  if (phase == Phase::kWaiting) {
    phase = Phase::kDialling;
    link->Redial();
    return;
  }
  if (loop.Now() - last_heard >= gone_after) {
    link->Redial();
    GoDown(Phase::kDialling);
    return;
  }
  if (phase == Phase::kJoining) {
    static_cast<void>(link->Send(ToFrames(*hello)));
    WakeAfter(kHelloAgain);
    return;
  }
  wire::Body body;
  wire::Heartbeat& said = *body.mutable_heartbeat();
  if (self.kind == wire::PILLAR) {
    *said.mutable_load() = load;
  }
  Say(wire::HEARTBEAT, std::move(body));
  WakeAfter(heartbeat);
}

void Bus::State::OnFrames(Frames frames) {
  if (phase != Phase::kJoining && phase != Phase::kUp) {
    return;
  }
  if (phase == Phase::kUp) {
    last_heard = loop.Now();
  }
  EnvelopeFault fault;
  absl::StatusOr<Envelope> envelope = protocol::OpenEnvelope(std::move(frames), fault);
  if (!envelope.ok()) {
    ++drops[fault.cause];
    if (phase == Phase::kUp && fault.header_usable) {
      handler->OnFault(fault);
    }
    return;
  }
  if (!IsForUs(*envelope)) {
    ++drops["misaddressed"];
    return;
  }
  const wire::Kind kind = envelope->header.kind();
  const bool answers_hello = envelope->header.answers() == hello->header.message_id();
  if (kind == wire::WELCOME) {
    if (answers_hello && phase == Phase::kJoining) {
      OnWelcome(*envelope);
    }
  } else if (kind == wire::REFUSED && answers_hello) {
    OnRefusal(envelope->body.response());
  } else if (phase == Phase::kUp && IsForHandler(kind)) {
    handler->OnEnvelope(*std::move(envelope));
  } else if (kind != wire::HEARTBEAT) {
    ++drops[phase == Phase::kUp ? "wrong-kind" : "before-welcome"];
  }
}

bool Bus::State::IsForUs(const Envelope& envelope) const {
  const Destination& destination = envelope.destination;
  const std::string& to = envelope.header.to();
  if (envelope.header.repository_id() != self.repository_id ||
      !(to.empty() || to == self.principal || to == self.session)) {
    return false;
  }
  switch (destination.kind) {
    case Destination::Kind::kClient:
      return destination.id == self.session;  // a pillar asks too
    case Destination::Kind::kPillar:
      return self.kind == wire::PILLAR && destination.id == self.principal;
    case Destination::Kind::kCollection:
      return self.kind == wire::PILLAR &&
             std::find(self.collections.begin(), self.collections.end(), destination.id) !=
                 self.collections.end();
    default:
      return false;
  }
}

void Bus::State::OnWelcome(const Envelope& envelope) {
  const wire::Welcome& welcome = envelope.body.welcome();
  heartbeat =
      std::clamp(absl::Milliseconds(welcome.heartbeat_ms()), kHeartbeatLeast, kHeartbeatMost);
  gone_after = std::max(absl::Milliseconds(welcome.gone_after_ms()), 2 * heartbeat);
  phase = Phase::kUp;
  last_heard = loop.Now();
  WakeAfter(heartbeat);
  handler->OnBusUp(welcome);
}

void Bus::State::OnRefusal(const wire::ResponseInfo& why) {
  if (why.code() == wire::BUSY) {
    GoDown(Phase::kWaiting);
    if (phase == Phase::kWaiting) {
      WakeAfter(kBusyPause);
    }
    return;
  }
  const bool was_up = phase == Phase::kUp;
  End();
  if (was_up) {
    handler->OnBusDown();
  }
  handler->OnRefused(why);
}

void Bus::State::End() {
  phase = Phase::kEnded;
  loop.CancelTimer(timer);
  loop.Post([this, still = std::weak_ptr<bool>(alive)] {
    if (!still.expired()) {
      link.reset();
    }
  });
}

Bus::Bus(Membership membership, runtime::EventLoop& loop, std::unique_ptr<SpokeLink> link,
         base::Random& random)
    : state_(std::make_unique<State>(std::move(membership), loop, std::move(link), random)) {}
Bus::~Bus() = default;

absl::Status Bus::Start(Handler& handler) {
  BITREPO_CHECK(state_->phase == Phase::kNew, "a bus is started once");
  BITREPO_RETURN_IF_ERROR(
      base::Annotate(state_->Seal(wire::HELLO, state_->HelloBody()).status(), "membership"));
  state_->handler = &handler;
  state_->phase = Phase::kDialling;
  return state_->link->Start(*state_);
}

absl::Status Bus::Publish(const protocol::Envelope& envelope) {
  if (state_->phase != Phase::kUp) {
    return absl::UnavailableError("there is no coordinator now");
  }
  switch (state_->Send(ToFrames(envelope))) {
    case SendResult::kSent:
      return absl::OkStatus();
    case SendResult::kBlocked:
      return absl::UnavailableError("the coordinator takes no messages now");
    case SendResult::kGone:
      break;
  }
  return absl::UnavailableError("the coordinator is lost");
}

void Bus::SetLoad(wire::Load load) { state_->load = std::move(load); }

void Bus::Stop() {
  if (state_->phase == Phase::kUp) {
    wire::Body body;
    body.mutable_bye();
    state_->Say(wire::BYE, std::move(body));
  }
  if (state_->phase != Phase::kEnded) {
    state_->End();
  }
}

bool Bus::up() const { return state_->phase == Phase::kUp; }

const std::map<std::string, uint64_t>& Bus::drop_counts() const { return state_->drops; }

}  // namespace bitrepo::bus
