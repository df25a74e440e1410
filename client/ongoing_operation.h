// SPDX-License-Identifier: Apache-2.0
// What every operation under way has: its conversation on the desk, its listeners, and its end.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "channel/channel.h"
#include "client/conversation_desk.h"
#include "client/operation.h"

namespace bitrepo::client {

class OngoingOperation;
// Operations whose conversation is done and whose own work still ends.
using Lingering = absl::btree_map<base::ConversationId, std::shared_ptr<OngoingOperation>>;

// Where an operation lives. All outlive it.
struct Surroundings {
  ConversationDesk& desk;
  runtime::EventLoop& loop;
  channel::Channel& channel;
  Lingering& lingering;
  runtime::WorkerPool& workers;
};

// Threads:  loop-confined. Lifetime: held by the desk until its conversation is done, then in
//           `lingering` while its own work still ends.
class OngoingOperation : public ConversationOwner,
                         public OperationControl,
                         public std::enable_shared_from_this<OngoingOperation> {
 public:
  OngoingOperation(Surroundings surroundings, base::ConversationId id, OperationEvents events)
      : here_(surroundings), id_(id), events_(std::move(events)) {}

  void Cancel(absl::string_view reason) override { here_.desk.Cancel(id_, reason); }

  std::optional<protocol::ConversationRemains> Leave() override { return here_.desk.Leave(id_); }

  void OnConversationEvent(const protocol::ConversationEvent& event) final {
    OnNews(event);
    if (events_.on_event) events_.on_event(event);
  }

 protected:
  virtual void OnNews(const protocol::ConversationEvent& event) = 0;

  // Runs `work(*self)` on the loop when the operation still lives; for callbacks of the channel,
  // which come on a loop of its own.
  template <typename Self, typename Work>
  static void PostTo(runtime::EventLoop& loop, std::weak_ptr<OngoingOperation> weak, Work work) {
    loop.Post([weak = std::move(weak), work = std::move(work)]() mutable {
      if (std::shared_ptr<OngoingOperation> self = weak.lock()) work(static_cast<Self&>(*self));
    });
  }

  const Surroundings here_;
  const base::ConversationId id_;
  const OperationEvents events_;
};

}  // namespace bitrepo::client
