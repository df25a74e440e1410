// SPDX-License-Identifier: Apache-2.0
#include "client/conversation_desk.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"

namespace bitrepo::client {

struct ConversationDesk::Live {
  std::unique_ptr<protocol::Conversation> machine;
  std::shared_ptr<ConversationOwner> owner;
  runtime::TimerId timer = runtime::TimerId::kNone;
  absl::Time wake_at = absl::InfiniteFuture();
  bool end_queued = false;
};

ConversationDesk::ConversationDesk(size_t limit, runtime::EventLoop& loop, bus::Bus& bus,
                                   base::Random& random)
    : limit_(limit), loop_(loop), bus_(bus), random_(random) {}

ConversationDesk::~ConversationDesk() { Clear(); }

absl::Status ConversationDesk::Open(protocol::ConversationSpec spec,
                                    std::shared_ptr<ConversationOwner> owner) {
  if (live_.size() >= limit_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this client has its limit of ", limit_, " conversations under way"));
  }
  const base::ConversationId id = spec.id;
  auto live = std::make_shared<Live>();
  live->owner = std::move(owner);
  live_[id] = live;
  protocol::ConversationOutbox begun;
  live->machine =
      std::make_unique<protocol::Conversation>(std::move(spec), loop_.Now(), random_, begun);
  Apply(live, [this, &begun](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    out = std::move(begun);
    if (!bus_.up()) machine.OnBusDown(loop_.Now(), out);
  });
  DrainSoon();
  return absl::OkStatus();
}

void ConversationDesk::SetRequest(const base::ConversationId& id, wire::Body request) {
  if (auto live = Find(id)) live->machine->SetRequest(std::move(request));
}

void ConversationDesk::Activity(const base::ConversationId& id,
                                const base::ComponentId& component) {
  if (auto live = Find(id)) {
    live->machine->OnActivity(component, loop_.Now());
    Arm(live);
  }
}

void ConversationDesk::NextPage(const base::ConversationId& id,
                                const base::ComponentId& component) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnNextPage(component, loop_.Now(), out);
  });
}

void ConversationDesk::TransferFailed(const base::ConversationId& id,
                                      const base::ComponentId& component, absl::Status why) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnTransferFailed(component, std::move(why), loop_.Now(), out);
  });
}

void ConversationDesk::Ask(const base::ConversationId& id, const base::ComponentId& component,
                           wire::Body request) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnAsk(component, std::move(request), loop_.Now(), out);
  });
}

void ConversationDesk::Relieved(const base::ConversationId& id, const base::ComponentId& component,
                                absl::Status why) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnRelieved(component, std::move(why), loop_.Now(), out);
  });
}

void ConversationDesk::Alarm(const base::ConversationId& id, wire::Alarm alarm) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnAlarm(std::move(alarm), loop_.Now(), out);
  });
}

void ConversationDesk::Enough(const base::ConversationId& id) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnEnough(loop_.Now(), out);
  });
}

void ConversationDesk::Cancel(const base::ConversationId& id, absl::string_view reason) {
  ApplySoon(id, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnCancel(reason, loop_.Now(), out);
  });
}

std::optional<protocol::ConversationRemains> ConversationDesk::Leave(
    const base::ConversationId& id) {
  const auto live = Find(id);
  if (live == nullptr || live->machine->done()) return std::nullopt;
  loop_.CancelTimer(live->timer);
  live_.erase(id);
  live->owner.reset();
  return live->machine->remains();
}

void ConversationDesk::OnEnvelope(protocol::Envelope envelope) {
  auto live = Find(envelope.conversation());
  if (live == nullptr) {
    base::LogLine(base::LogLevel::kDebug, "late-message")
        .With("conversation", envelope.conversation().ToString())
        .With("from", envelope.header.from());
    return;
  }
  Apply(live, [&](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
    machine.OnMessage(std::move(envelope), loop_.Now(), out);
  });
  Drain();
}

void ConversationDesk::OnBusUp() {
  const auto all = live_;
  for (const auto& [id, live] : all) {
    Apply(live, [this](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
      machine.OnBusUp(loop_.Now(), out);
    });
  }
  Drain();
}

void ConversationDesk::OnBusDown() {
  const auto all = live_;
  for (const auto& [id, live] : all) {
    Apply(live, [this](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
      machine.OnBusDown(loop_.Now(), out);
    });
  }
  Drain();
}

void ConversationDesk::CancelAll(absl::string_view reason) {
  const auto all = live_;
  for (const auto& [id, live] : all) Cancel(id, reason);
}

void ConversationDesk::Clear() {
  for (const auto& [id, live] : live_) loop_.CancelTimer(live->timer);
  live_.clear();
  news_.clear();
}

std::shared_ptr<ConversationDesk::Live> ConversationDesk::Find(
    const base::ConversationId& id) const {
  const auto it = live_.find(id);
  return it == live_.end() ? nullptr : it->second;
}

void ConversationDesk::Apply(const std::shared_ptr<Live>& live, Step step) {
  protocol::ConversationOutbox out;
  step(*live->machine, out);
  for (const protocol::Envelope& message : out.messages) {
    // Not sent is as good as lost on the way: the machine sends again by itself.
    if (absl::Status sent = bus_.Publish(message); !sent.ok()) {
      base::LogLine(base::LogLevel::kDebug, "not-published").With("why", sent.message());
    }
  }
  for (protocol::ConversationEvent& event : out.events) {
    news_.emplace_back(live, std::move(event));
  }
  if (live->machine->done() && !live->end_queued) {
    live->end_queued = true;
    news_.emplace_back(live, std::nullopt);
  }
  Arm(live);
}

void ConversationDesk::ApplySoon(const base::ConversationId& id, Step step) {
  const std::shared_ptr<Live> live = Find(id);
  if (live == nullptr) return;
  Apply(live, step);
  DrainSoon();
}

void ConversationDesk::Arm(const std::shared_ptr<Live>& live) {
  const absl::Time wake_at =
      live->machine->done() ? absl::InfiniteFuture() : live->machine->WakeAt();
  if (wake_at == live->wake_at) return;
  loop_.CancelTimer(live->timer);
  live->timer = runtime::TimerId::kNone;
  live->wake_at = wake_at;
  if (wake_at == absl::InfiniteFuture()) return;
  live->timer = loop_.RunAt(wake_at, [this, weak = std::weak_ptr<Live>(live)] {
    const std::shared_ptr<Live> due = weak.lock();
    if (due == nullptr) return;
    due->timer = runtime::TimerId::kNone;
    due->wake_at = absl::InfiniteFuture();
    Apply(due, [this](protocol::Conversation& machine, protocol::ConversationOutbox& out) {
      machine.OnTime(loop_.Now(), out);
    });
    Drain();
  });
}

void ConversationDesk::DrainSoon() {
  if (draining_ || news_.empty()) return;
  loop_.Post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) Drain();
  });
}

void ConversationDesk::Drain() {
  if (draining_) return;
  draining_ = true;
  const std::weak_ptr<int> alive = alive_;
  while (!news_.empty()) {
    auto [live, event] = std::move(news_.front());
    news_.pop_front();
    if (live->owner == nullptr) continue;  // left
    if (event) {
      live->owner->OnConversationEvent(*event);
    } else {
      live_.erase(live->machine->id());
      live->owner->OnConversationDone(live->machine->outcome());
    }
    if (alive.expired()) return;  // an owner's word may end the client
  }
  draining_ = false;
}

}  // namespace bitrepo::client
