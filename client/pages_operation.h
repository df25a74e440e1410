// SPDX-License-Identifier: Apache-2.0
// An operation whose finals come in pages: each is handed on as it comes, and the next one asked
// for when it was taken.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "client/ongoing_operation.h"

namespace bitrepo::client {

// Loop-confined; see OngoingOperation.
class PagesOperation final : public OngoingOperation {
 public:
  using OnPage = std::function<void(const base::ComponentId& component, const wire::Body& body,
                                    absl::AnyInvocable<void()> more)>;
  PagesOperation(Surroundings surroundings, base::ConversationId id, OperationEvents events,
                 OnPage on_page, EndHandler<OutcomeResult> end)
      : OngoingOperation(surroundings, id, std::move(events)),
        on_page_(std::move(on_page)),
        end_(std::move(end)) {}

  void OnConversationDone(const protocol::Outcome& outcome) override {
    outcome_ = outcome;
    here_.lingering[id_] = shared_from_this();
    FinishWhenTaken();
  }

 private:
  void OnNews(const protocol::ConversationEvent& event) override {
    const bool is_final = event.kind == protocol::EventKind::kPage ||
                          event.kind == protocol::EventKind::kComponentComplete;
    const auto component = base::ComponentId::Parse(event.component);
    if (!is_final || !component.ok() || event.message == nullptr) return;
    ++handed_;
    runtime::EventLoop& loop = here_.loop;
    on_page_(*component, event.message->body,
             [&loop, weak = weak_from_this(), component = *component] {
               PostTo<PagesOperation>(loop, weak, [component](PagesOperation& self) {
                 --self.handed_;
                 self.here_.desk.NextPage(self.id_, component);
                 self.FinishWhenTaken();
               });
             });
  }

  void FinishWhenTaken() {
    if (!outcome_ || handed_ > 0) return;
    const auto keep = shared_from_this();
    here_.lingering.erase(id_);
    end_(OutcomeResult{id_, *std::exchange(outcome_, std::nullopt)});
  }

  const OnPage on_page_;
  EndHandler<OutcomeResult> end_;
  std::optional<protocol::Outcome> outcome_;
  size_t handed_ = 0;  // pages that nobody has taken yet
};

}  // namespace bitrepo::client
