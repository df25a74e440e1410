// SPDX-License-Identifier: Apache-2.0
// The conversations a client has under way: routes envelopes to them, keeps their timers, publishes
// what they say.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "bus/bus.h"
#include "bus/protocol/conversation.h"

namespace bitrepo::client {

// Hears of one conversation, on the loop, never from inside one of its own calls to the desk.
class ConversationOwner {
 public:
  virtual ~ConversationOwner() = default;
  virtual void OnConversationEvent(const protocol::ConversationEvent& event) = 0;
  // Once, the last word; the conversation is gone from the desk.
  virtual void OnConversationDone(const protocol::Outcome& outcome) = 0;
};

// Threads:  loop-confined.
// Lifetime: loop, bus and random outlive it. It holds each owner until its conversation is done.
// Errors:   kResourceExhausted at the limit. Calls that name a conversation which is not (any more)
//           on the desk do nothing: late news is legal.
class ConversationDesk {
 public:
  ConversationDesk(size_t limit, runtime::EventLoop& loop, bus::Bus& bus, base::Random& random);
  ~ConversationDesk();

  absl::Status Open(protocol::ConversationSpec spec, std::shared_ptr<ConversationOwner> owner);
  size_t size() const { return live_.size(); }

  // From the owners.
  void SetRequest(const base::ConversationId& id, wire::Body request);
  void NextPage(const base::ConversationId& id, const base::ComponentId& component);
  void Activity(const base::ConversationId& id, const base::ComponentId& component);
  void TransferFailed(const base::ConversationId& id, const base::ComponentId& component,
                      absl::Status why);
  void Ask(const base::ConversationId& id, const base::ComponentId& component, wire::Body request);
  void Relieved(const base::ConversationId& id, const base::ComponentId& component,
                absl::Status why);
  void Enough(const base::ConversationId& id);
  // To the operators; lost where there is no bus.
  void Alarm(const base::ConversationId& id, wire::Alarm alarm);
  void Cancel(const base::ConversationId& id, absl::string_view reason);
  // Forgets it, telling neither owner nor contributors; its owner is let go.
  std::optional<protocol::ConversationRemains> Leave(const base::ConversationId& id);

  // From the bus.
  void OnEnvelope(protocol::Envelope envelope);
  void OnBusUp();
  void OnBusDown();

  // Every conversation under way, as by its owner.
  void CancelAll(absl::string_view reason);
  // Forgets all, telling nobody.
  void Clear();

 private:
  struct Live;
  using Step = absl::FunctionRef<void(protocol::Conversation&, protocol::ConversationOutbox&)>;
  std::shared_ptr<Live> Find(const base::ConversationId& id) const;
  void Apply(const std::shared_ptr<Live>& live, Step step);
  // Where the conversation is on the desk; what it tells then is told soon, never from inside.
  void ApplySoon(const base::ConversationId& id, Step step);
  void Arm(const std::shared_ptr<Live>& live);
  void Drain();
  void DrainSoon();

  size_t limit_;
  runtime::EventLoop& loop_;
  bus::Bus& bus_;
  base::Random& random_;
  absl::btree_map<base::ConversationId, std::shared_ptr<Live>> live_;
  // What is still to be told, in order; an empty event stands for the end.
  std::deque<std::pair<std::shared_ptr<Live>, std::optional<protocol::ConversationEvent>>> news_;
  bool draining_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace bitrepo::client
